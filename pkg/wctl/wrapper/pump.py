"""The pump of resident mode: the worker's output, from its pipes to the journal and to files."""

import posix
import select

from .command_line import Options
from .outputs import outputs

CHUNK = 1 << 18  # bytes of one read
# Bytes of one read if the journal is an output. The journal is a hundred times slower than a file.
# Journaled copies each read up to three times, and our process keeps the memory of these copies.
_JOURNAL_CHUNK = 1 << 16
PIPE = 1 << 18  # bytes; a larger pipe does not fit into a CPU's cache
_F_SETPIPE_SZ = 1031


class Stream:
    """The worker's stdout or stderr: a pipe, and the outputs that its bytes go to."""

    def __init__(self, options: Options, logs: "str | None", *, stderr: bool) -> None:
        self.end, self.worker_end = posix.pipe()
        posix.set_blocking(self.end, False)
        _enlarge(self.end)
        self._outputs = list(outputs(options, logs, stderr=stderr))
        self._chunk = CHUNK if options.log == "file" else _JOURNAL_CHUNK

    def forward(self) -> "bytes | None":
        """Move and return the next bytes; b"" at the pipe's end, None if the pipe is empty now."""
        try:
            data = posix.read(self.end, self._chunk)
        except BlockingIOError:
            return None
        if data:
            for output in self._outputs:
                output.write(data)
        return data

    def close(self) -> None:
        """Close the outputs and the pipe; the worker has ended."""
        for output in self._outputs:
            output.close()
        posix.close(self.end)


def _enlarge(pipe: int) -> None:
    """Enlarge ``pipe``, so that the worker can write more before it has to wait for us."""
    from fcntl import fcntl

    try:
        fcntl(pipe, _F_SETPIPE_SZ, PIPE)
    except OSError:
        pass  # the pipes of this user together are too large (pipe-user-pages-soft, pipe(7))


class Pump:
    """Both streams of one worker, for one run of the worker."""

    def __init__(self, options: Options, logs: "str | None") -> None:
        self._out = Stream(options, logs, stderr=False)
        self._err = None if options.redirect_stderr else Stream(options, logs, stderr=True)
        self._tap: "int | None" = None

    def in_worker(self, environ: "dict[bytes, bytes]") -> None:
        """Connect stdout and stderr to the pipes, in the process that becomes the worker."""
        err = self._err or self._out
        posix.dup2(self._out.worker_end, 1)
        posix.dup2(err.worker_end, 2)
        environ.pop(b"JOURNAL_STREAM", None)

    def run(self, pidfd: int, tap: "int | None" = None) -> None:
        """Move output until the worker has ended and all bytes that it wrote have been moved.

        ``tap`` is a pipe that gets a copy of all output for as long as the notifier reads it.
        """
        self._tap = tap
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        streams = {stream.end: stream for stream in (self._out, self._err) if stream is not None}
        for stream in streams.values():
            posix.close(stream.worker_end)
            poll.register(stream.end, select.POLLIN)
        ended = False
        while not ended:
            for fd, _ in poll.poll():
                if fd == pidfd:
                    ended = True
                elif self._forward(streams[fd]) == b"":
                    poll.unregister(fd)
        for stream in streams.values():
            self._drain(stream)
            stream.close()
        self._close_tap()

    def _drain(self, stream: Stream) -> None:
        """Move the worker's last bytes out of the pipe; a grandchild may hold it open for ever."""
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
                self._close_tap()  # the notifier reads no more
        return data

    def _close_tap(self) -> None:
        if self._tap is not None:
            posix.close(self._tap)
        self._tap = None
