"""The pump of resident mode: the worker's output, from its pipes to the journal and to files."""

import posix
import select

from .command_line import Options
from .outputs import outputs

CHUNK = 1 << 18  # bytes of one read
# With the journal, which is a hundred times slower: each read is copied there, up to three times,
# and all of that stays in our memory.
_JOURNAL_CHUNK = 1 << 16
PIPE = 1 << 18  # bytes; more of it does not fit into a CPU's cache
_F_SETPIPE_SZ = 1031


class Stream:
    """One output of the worker: a pipe, and where its bytes go."""

    def __init__(self, options: Options, logs: "str | None", *, stderr: bool) -> None:
        self.end, self.worker_end = posix.pipe()
        posix.set_blocking(self.end, False)
        _enlarge(self.end)
        self._outputs = list(outputs(options, logs, stderr=stderr))
        self._chunk = CHUNK if options.log == "file" else _JOURNAL_CHUNK

    def forward(self) -> "bytes | None":
        """Move what is there; return it, b"" at the end, None if there is nothing now."""
        try:
            data = posix.read(self.end, self._chunk)
        except BlockingIOError:
            return None
        if data:
            for output in self._outputs:
                output.write(data)
        return data

    def close(self) -> None:
        """The worker has ended."""
        for output in self._outputs:
            output.close()
        posix.close(self.end)


def _enlarge(pipe: int) -> None:
    """Let the worker write more before it has to wait for us."""
    from fcntl import fcntl

    try:
        fcntl(pipe, _F_SETPIPE_SZ, PIPE)
    except OSError:
        pass  # the user's pipes together hold too much (pipe-user-pages-soft)


class Pump:
    """All outputs of one worker, over one run of it."""

    def __init__(self, options: Options, logs: "str | None") -> None:
        self._out = Stream(options, logs, stderr=False)
        self._err = None if options.redirect_stderr else Stream(options, logs, stderr=True)
        self._tap: "int | None" = None

    def in_worker(self, environ: "dict[bytes, bytes]") -> None:
        """Connect stdout and stderr of the process that becomes the worker."""
        err = self._err or self._out
        posix.dup2(self._out.worker_end, 1)
        posix.dup2(err.worker_end, 2)
        environ.pop(b"JOURNAL_STREAM", None)

    def run(self, pidfd: int, tap: "int | None" = None) -> None:
        """Move output until the worker has ended and what it had written is through.

        ``tap`` is a pipe that gets a copy of everything for as long as somebody reads it.
        """
        self._tap = tap
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        streams = {each.end: each for each in (self._out, self._err) if each is not None}
        for each in streams.values():
            posix.close(each.worker_end)
            poll.register(each.end, select.POLLIN)
        ended = False
        while not ended:
            for fd, _ in poll.poll():
                if fd == pidfd:
                    ended = True
                elif self._forward(streams[fd]) == b"":
                    poll.unregister(fd)
        for each in streams.values():
            self._drain(each)
            each.close()
        self._close_tap()

    def _drain(self, stream: Stream) -> None:
        """Move what the worker has left in the pipe, which a grandchild may hold open for ever."""
        left = PIPE
        while left > 0 and (data := self._forward(stream)):
            left -= len(data)

    def _forward(self, stream: Stream) -> "bytes | None":
        data = stream.forward()
        if data and self._tap is not None:
            view = memoryview(data)
            try:
                while view:
                    view = view[posix.write(self._tap, view) :]
            except OSError:
                self._close_tap()  # it has seen what it was waiting for
        return data

    def _close_tap(self) -> None:
        if self._tap is not None:
            posix.close(self._tap)
        self._tap = None
