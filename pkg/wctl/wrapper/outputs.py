"""Where a resident wrapper sends its worker's output: the journal, a file, its own output.

Writing never fails: a full disk or an absent journald must not stop the worker. The wrapper counts
the bytes that it drops, and reports them in the journal.
"""

import posix
import time

from . import journald
from .command_line import NO_FILE, Options, log_path
from .rotation import RotatedFile

_LONGEST_LINE = 48 << 10  # bytes; journald cuts longer lines (LineMax= of journald.conf(5))
_RETRY = 1.0  # seconds until the next try to write to a file after an error
_DEV_NULL = (1, 3)


def outputs(
    options: Options, logs: "str | None", *, stderr: bool
) -> "list[Journaled | Inherited | LogFile]":
    """Return the outputs of one stream; the file comes first, because it is never slow."""
    fd = 2 if stderr else 1
    path = log_path(options, logs, stderr=stderr)
    log = None
    if path is not None and options.log != "none":
        maxbytes = options.stderr_maxbytes if stderr else options.stdout_maxbytes
        backups = options.stderr_backups if stderr else options.stdout_backups
        log = LogFile(options.name, RotatedFile(path, maxbytes, backups))
    always = log if options.log in {"file", "both"} else None
    found: "list[Journaled | Inherited | LogFile]" = [always] if always else []
    if options.log == "file":
        return found
    if _is_journal(options, fd, stderr=stderr):
        address = journald.behind(fd) or journald.SOCKET
        priority = journald.STDOUT
        if stderr and options.stderr_priority is not None:
            priority = journald.USER << 3 | options.stderr_priority
        journal = journald.Journal(address, options.name, options.unit, priority)
        found.append(Journaled(journal, options.name, None if always else log))
    else:
        found.append(Inherited(fd))
    return found


def _is_journal(options: Options, fd: int, *, stderr: bool) -> bool:
    """Tell whether ``fd`` is the journal, or /dev/null because systemd could not reach journald."""
    if journald.behind(fd) is not None:
        return True
    status = posix.fstat(fd)
    null = (posix.major(status.st_rdev), posix.minor(status.st_rdev)) == _DEV_NULL
    return null and (options.stderr_file if stderr else options.stdout_file) != NO_FILE


class Inherited:
    """The wrapper's own stdout or stderr as an output: a terminal, or a pipe of "wctl run"."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, data: bytes) -> None:
        """Pass ``data`` on; without a reader the data is lost, as it would be without a wrapper."""
        view = memoryview(data)
        try:
            while view:
                view = view[posix.write(self._fd, view) :]
        except OSError:
            pass

    def close(self) -> None:
        """Do nothing: this output holds no data back."""


class LogFile:
    """The log file of one stream of ``unit``."""

    def __init__(self, unit: str, file: RotatedFile) -> None:
        self.path = file.path
        self._unit = unit
        self._file = file
        self._dropped = 0  # bytes since the last successful write
        self._lines = 0
        self._mid_line = False  # the dropped bytes end within a line
        self._next_try = 0.0
        self._reason: "str | None" = None  # of the latest failure, since the last success

    def write(self, data: bytes) -> None:
        """Append ``data``, or drop it, in whole lines: a full disk must not stop the worker."""
        resumes = self._dropped > 0
        if resumes:
            if time.monotonic() < self._next_try:
                self._drop(data)
                return
            if self._mid_line:
                cut = data.find(b"\n") + 1 or len(data)
                self._drop(data[:cut])
                data = data[cut:]
        try:
            self._file.write(data, new_line=resumes)
        except OSError as error:
            self._fail(error, data[self._file.written :])
            return
        self._reason = None
        if resumes and data:
            self._tell_dropped()

    def close(self) -> None:
        """Close the file; the worker has ended."""
        self._file.close()
        if self._dropped:
            self._tell_dropped()

    def _fail(self, error: OSError, data: bytes) -> None:
        self._next_try = time.monotonic() + _RETRY
        if error.strerror != self._reason:
            self._reason = error.strerror
            journald.say(f"<3>{self._unit}: {self.path}: {self._reason}: lines are dropped")
        self._drop(data)

    def _drop(self, data: bytes) -> None:
        if data:
            self._dropped += len(data)
            self._lines += data.count(b"\n")
            self._mid_line = not data.endswith(b"\n")

    def _tell_dropped(self) -> None:
        journald.say(
            f"<4>{self._unit}: {self.path}: {self._lines} lines ({self._dropped} bytes) were"
            " dropped"
        )
        self._dropped = self._lines = 0
        self._mid_line = False


class Journaled:
    """An output to the journal, in whole lines; ``spare`` takes them while journald is away.

    ``spare`` is None if a file gets every line anyway, or if the stream has no file.
    """

    def __init__(self, journal: "journald.Journal", unit: str, spare: "LogFile | None") -> None:
        self._journal = journal
        self._unit = unit
        self._spare = spare
        self._line = b""  # the beginning of a line, held back until its end comes
        self._missed = 0  # bytes that came while journald was away
        self._mid_line = False  # the missed bytes end within a line

    def write(self, data: bytes) -> None:
        """Send the complete lines, and hold the rest back."""
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
        """Send the rest, and wait until journald has read it."""
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
        """Go back to the journal at the beginning of a line; return the data for the journal."""
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
