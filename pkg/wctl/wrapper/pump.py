"""The pump of resident mode: the worker's output, from its pipes to the journal and to files."""

import posix
import select

from . import journald
from .log_file import LogFile
from .command_line import NO_FILE, Options, log_path
from .rotation import RotatedFile

CHUNK = 1 << 18  # bytes of one read
# With the journal, which is a hundred times slower: each read is copied there, up to three times,
# and all of that stays in our memory.
_JOURNAL_CHUNK = 1 << 16
PIPE = 1 << 18  # bytes; more of it does not fit into a CPU's cache
_LONGEST_LINE = 48 << 10  # journald cuts longer ones (LineMax= of journald.conf(5))
_DEV_NULL = (1, 3)
_F_SETPIPE_SZ = 1031


class Inherited:
    """An output that is what the wrapper's own is: a terminal, a pipe of "wctl run"."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, data: bytes) -> None:
        """Pass ``data`` on; where nobody listens it is lost, as it would be without us."""
        view = memoryview(data)
        try:
            while view:
                view = view[posix.write(self._fd, view) :]
        except OSError:
            pass

    def close(self) -> None:
        """Nothing is held back."""


class Journaled:
    """An output to the journal, whole lines, with ``spare`` for the time that journald is away.

    Without a spare there is a file that has everything anyway.
    """

    def __init__(self, journal: "journald.Journal", unit: str, spare: "LogFile | None") -> None:
        self._journal = journal
        self._unit = unit
        self._spare = spare
        self._line = b""  # the beginning of a line, held back until its end comes
        self._missed = 0  # bytes, while journald was away
        self._mid_line = False  # they end within a line

    def write(self, data: bytes) -> None:
        """Send the lines that are complete."""
        if self._missed:
            data = self._return(data)
        elif not self._journal.reach():
            self._miss(data)
            return
        if not data:
            return
        cut = data.rfind(b"\n") + 1
        if not cut and len(self._line) + len(data) > _LONGEST_LINE:
            cut = len(data)
        lines, self._line = self._line + data[:cut], data[cut:]
        if not cut:
            self._line = lines + self._line
        else:
            self._send(lines)

    def close(self) -> None:
        """Send what is left and wait until journald has it."""
        if self._line:
            line, self._line = self._line, b""
            self._send(line)
        unread = self._journal.close()
        if unread:
            self._miss(unread)
        if self._spare is not None:
            self._spare.close()

    def _send(self, lines: bytes) -> None:
        unread = self._journal.send(lines)
        if unread:
            held, self._line = self._line, b""
            self._miss(unread + held)

    def _miss(self, data: bytes) -> None:
        if data:
            self._missed += len(data)
            self._mid_line = not data.endswith(b"\n")
            if self._spare is not None:
                self._spare.write(data)

    def _return(self, data: bytes) -> bytes:
        """Go back to the journal at a line's beginning; return what is for it."""
        if not self._journal.reach():
            self._miss(data)
            return b""
        cut = 0
        if self._mid_line:
            cut = data.find(b"\n") + 1
            self._miss(data[:cut] if cut else data)
            if not cut:
                return b""
        where = "" if self._spare is None else f" and are in {self._spare.path}"
        journald.say(f"<4>{self._unit}: journald was away: it missed {self._missed} bytes{where}")
        self._missed = 0
        self._mid_line = False
        return data[cut:]


class Stream:
    """One output of the worker: a pipe, and where its bytes go."""

    def __init__(self, options: Options, logs: "str | None", *, stderr: bool) -> None:
        self.end, self.worker_end = posix.pipe()
        posix.set_blocking(self.end, False)
        _enlarge(self.end)
        self._outputs = list(_outputs(options, logs, stderr=stderr))
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


def _outputs(
    options: Options, logs: "str | None", *, stderr: bool
) -> "list[Journaled | Inherited | LogFile]":
    """Return where one stream goes; the file first, which is never slow."""
    fd = 2 if stderr else 1
    path = log_path(options, logs, stderr=stderr)
    log = None
    if path is not None and options.log != "none":
        maxbytes = options.stderr_maxbytes if stderr else options.stdout_maxbytes
        backups = options.stderr_backups if stderr else options.stdout_backups
        log = LogFile(options.name, RotatedFile(path, maxbytes, backups))
    always = log if options.log in {"file", "both"} else None
    outputs: "list[Journaled | Inherited | LogFile]" = [always] if always else []
    if options.log == "file":
        return outputs
    if _is_journal(options, fd, stderr=stderr):
        address = journald.behind(fd) or journald.SOCKET
        priority = journald.STDOUT
        if stderr and options.stderr_priority is not None:
            priority = journald.USER << 3 | options.stderr_priority
        journal = journald.Journal(address, options.name, options.unit, priority)
        outputs.append(Journaled(journal, options.name, None if always else log))
    else:
        outputs.append(Inherited(fd))
    return outputs


def _is_journal(options: Options, fd: int, *, stderr: bool) -> bool:
    """Tell whether ``fd`` is the journal, or nothing because systemd could not reach it."""
    if journald.behind(fd) is not None:
        return True
    there = posix.fstat(fd)
    null = (posix.major(there.st_rdev), posix.minor(there.st_rdev)) == _DEV_NULL
    return null and (options.stderr_file if stderr else options.stdout_file) != NO_FILE


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
