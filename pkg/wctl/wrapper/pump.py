"""The pump of resident mode: the worker's output, from its pipes to the journal and to files.

The pump waits in one place for everything: output, the worker's end, journald. So a journald that
hangs delays neither the files nor the stop.
"""

import posix
import select
from fcntl import fcntl

from .command_line import Options
from .outputs import Filed, Files, Journaled, outputs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK = 1 << 17  # bytes of one read
# Bytes of one read if the journal is an output. The journal is a hundred times slower than a file.
# Journaled copies each read up to three times, and our process keeps the memory of these copies.
_JOURNAL_CHUNK = 1 << 14
PIPE = 1 << 18  # bytes; a larger pipe does not fit into a CPU's cache
_F_SETPIPE_SZ = 1031


class Stream:
    """The worker's stdout or stderr: a pipe, and the outputs that its bytes go to."""

    def __init__(self, options: Options, files: Files, *, stderr: bool) -> None:
        self.end, self.worker_end = posix.pipe()
        posix.set_blocking(self.end, False)
        _enlarge(self.end)
        self._outputs = list(outputs(options, files, stderr=stderr))
        self.journals = [output for output in self._outputs if isinstance(output, Journaled)]
        self.files = [output for output in self._outputs if isinstance(output, Filed)]
        self._chunk = CHUNK if options.log == "file" else _JOURNAL_CHUNK
        self._open = True  # a process may still write into the pipe
        self._heard = False  # the poll reports the pipe

    def listen(self, poll: "select.poll") -> None:
        """Let ``poll`` report the pipe if there is output to come, and room for it."""
        hear = self._open and not any(journal.full for journal in self.journals)
        if hear and not self._heard:
            poll.register(self.end, select.POLLIN)
        elif self._heard and not hear:
            poll.unregister(self.end)
        self._heard = hear

    def forward(self) -> "bytes | None":
        """Move and return the next bytes; b"" at the pipe's end, None if the pipe is empty now."""
        try:
            data = posix.read(self.end, self._chunk)
        except BlockingIOError:
            return None
        self._open = bool(data)
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
    try:
        fcntl(pipe, _F_SETPIPE_SZ, PIPE)
    except OSError:
        pass  # the pipes of this user together are too large (pipe-user-pages-soft, pipe(7))


class Pump:
    """Both streams of one worker, for one run of the worker."""

    def __init__(self, options: Options, logs: "str | None") -> None:
        files = Files(options, logs)
        self._out = Stream(options, files, stderr=False)
        self._err = None if options.redirect_stderr else Stream(options, files, stderr=True)
        self._tap: "int | None" = None

    def in_worker(self, environ: "dict[bytes, bytes]") -> None:
        """Connect stdout and stderr to the pipes, in the process that becomes the worker."""
        err = self._err or self._out
        posix.dup2(self._out.worker_end, 1)
        posix.dup2(err.worker_end, 2)
        environ.pop(b"JOURNAL_STREAM", None)

    def run(
        self,
        pidfd: int,
        wakes: int,
        tap: "int | None" = None,
        rest: "Iterator[int] | None" = None,
    ) -> None:
        """Move output until the worker has ended and all bytes that it wrote have been moved.

        A signal makes ``wakes`` readable. ``tap`` is a pipe that gets a copy of all output for as
        long as the notifier reads it. ``rest`` are further descriptors to wait for, one after the
        other, when the worker has ended.
        """
        self._tap = tap
        streams = {stream.end: stream for stream in (self._out, self._err) if stream is not None}
        journals = [journal for stream in streams.values() for journal in stream.journals]
        files = [file for stream in streams.values() for file in stream.files]
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.register(wakes, select.POLLIN)
        for stream in streams.values():
            posix.close(stream.worker_end)
        # Only now: neither the worker nor the notifier is to inherit the file.
        for file in files:
            file.open()
        awaited: "int | None" = pidfd
        while awaited is not None:
            for stream in streams.values():
                stream.listen(poll)
            for fd in _wait(poll, journals, files):
                if fd == awaited:
                    poll.unregister(awaited)
                    awaited = None if rest is None else next(rest, None)
                    if awaited is not None:
                        poll.register(awaited, select.POLLIN)
                elif fd == wakes:
                    posix.read(wakes, 1 << 12)
                elif fd in streams:
                    self._forward(streams[fd])
        for stream in streams.values():
            self._drain(stream)
        _finish(journals)
        for stream in streams.values():
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


def _wait(poll: "select.poll", journals: "list[Journaled]", files: "list[Filed]") -> "list[int]":
    """Wait for what ``poll`` reports, and for journald where lines wait for it; return what came.

    Send more lines on the way, and write the beginnings of lines that have waited in ``files``.
    """
    waiting = [journal.wanted() for journal in journals if journal.waits]
    for fd, event, _ in waiting:
        poll.register(fd, event)
    pauses = [pause for _, _, pause in waiting]
    pauses += [pause for pause in map(Filed.pause, files) if pause is not None]
    ready = [fd for fd, _ in poll.poll(min(pauses) if pauses else None)]
    for fd, _, _ in waiting:
        poll.unregister(fd)  # now: the stream may be closed next
    for journal in journals:
        journal.advance()
    for file in files:
        file.advance()
    return ready


def _finish(journals: "list[Journaled]") -> None:
    """Send what is held back, and wait until journald has read everything, or reads nothing."""
    for journal in journals:
        journal.finish()
    poll = select.poll()
    while any(journal.waits for journal in journals):
        _wait(poll, journals, [])
