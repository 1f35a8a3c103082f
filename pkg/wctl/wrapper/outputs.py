"""Where a resident wrapper sends its worker's output: the journal, a file, its own output.

Writing never fails: a full disk or an absent journald must not stop the worker. The wrapper counts
the bytes that it drops, and reports them in the journal.

Decided here:
- While journald is slow, its lines wait here, and the pump reads output only while they are fewer
  than BACKLOG. So a worker that writes too fast has to wait, as if it wrote to journald itself.
- A journald that reads nothing for HANG seconds counts as away, until it has read what it was sent.
- Other processes may write to the same log file. So the beginning of a line waits for the rest, but
  not for long: "tail -f" is to show a prompt or a row of dots.
"""

import posix
import time

from . import journald
from .command_line import NO_FILE, Options, log_path
from .rotation import RotatedFile

_LONGEST_LINE = 48 << 10  # bytes; journald cuts longer lines (LineMax= of journald.conf(5))
_RETRY = 1.0  # seconds until the next try to write to a file after an error
# Bytes that wait for journald; with more, the pump reads no output. So one read more may wait here
# and the beginning of a line, and at the worker's end what was in the pipe.
BACKLOG = 1 << 14
HANG = 3.0  # seconds
_HANG_AT_END = 1.0  # seconds, once the worker has ended: systemd's time for the stop is running
_DEV_NULL = (1, 3)
_LONGEST_HELD = 1 << 18  # bytes of the beginning of a line; of a longer one, they go ahead
_HOLD = 1.0  # seconds that the beginning of a line waits for the rest


class Files:
    """The log files of one worker. Both streams may name one file, whose limits are stdout's."""

    def __init__(self, options: Options, logs: "str | None") -> None:
        self._options = options
        self._logs = logs
        self._known: "dict[str, LogFile]" = {}

    def of(self, *, stderr: bool) -> "LogFile | None":
        """Return the log file of one stream; None if it has none."""
        options = self._options
        path = log_path(options, self._logs, stderr=stderr)
        if path is None or options.log == "none":
            return None
        name = "/".join(part for part in path.split("/") if part not in {"", "."})
        if name not in self._known:
            maxbytes = options.stderr_maxbytes if stderr else options.stdout_maxbytes
            backups = options.stderr_backups if stderr else options.stdout_backups
            file = RotatedFile(path, maxbytes, backups)
            journal = options.log == "both" and _is_journal(options, stderr=stderr)
            self._known[name] = LogFile(options.name, file, journal=journal)
        return self._known[name]


def outputs(
    options: Options, files: Files, *, stderr: bool
) -> "list[Journaled | Inherited | Filed]":
    """Return the outputs of one stream; the file comes first, because it is never slow."""
    log = files.of(stderr=stderr)
    always = log if options.log in {"file", "both"} else None
    found: "list[Journaled | Inherited | Filed]" = [Filed(always)] if always else []
    if options.log == "file":
        return found
    fd = 2 if stderr else 1
    if _is_journal(options, stderr=stderr):
        address = journald.behind(fd) or journald.SOCKET
        priority = journald.STDOUT
        if stderr and options.stderr_priority is not None:
            priority = journald.USER << 3 | options.stderr_priority
        journal = journald.Journal(address, options.name, options.unit, priority)
        found.append(Journaled(journal, options.name, None if always else log))
    else:
        found.append(Inherited(fd))
    return found


def _is_journal(options: Options, *, stderr: bool) -> bool:
    """Tell whether a stream is the journal, or /dev/null since systemd could not reach journald."""
    fd = 2 if stderr else 1
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


class Filed:
    """An output to a log file, in whole lines."""

    def __init__(self, log: "LogFile") -> None:
        self._log = log
        self._held = b""  # the beginning of a line, held back until the rest comes
        self._until = 0.0  # when it goes ahead
        self._mid_line = False  # the beginning of this line went ahead

    def pause(self) -> "int | None":
        """Return the milliseconds until advance() has something to do; None: nothing will come."""
        due = self._until if self._held else self._log.due
        return None if due is None else max(0, int((due - time.monotonic()) * 1000)) + 1

    def open(self) -> None:
        """Make the file, so that it is there before the first line."""
        self._log.open()

    def write(self, data: bytes) -> None:
        """Take ``data``; write the complete lines, and hold the rest back for a while."""
        cut = data.rfind(b"\n") + 1
        if cut:
            begin = 0
            if self._held:
                begin = data.find(b"\n") + 1
                held, self._held = self._held, b""
                self._put(held + data[:begin])
            if begin < cut:
                self._put(data, begin, cut)
        if cut == len(data):
            return
        if not self._held:
            self._until = time.monotonic() + _HOLD
        self._held += data[cut:]
        if len(self._held) > _LONGEST_HELD:
            self._go_ahead()

    def advance(self) -> None:
        """Write what was held back for long enough; look whether the file can be opened by now."""
        if self._held:
            if time.monotonic() >= self._until:
                self._go_ahead()
        elif self._log.due is not None and time.monotonic() >= self._log.due:
            self._log.open()

    def close(self) -> None:
        """Write what is held back, and close the file; the worker has ended."""
        if self._held:
            self._go_ahead()
        self._log.close()

    def _go_ahead(self) -> None:
        held, self._held = self._held, b""
        self._put(held)

    def _put(self, data: bytes, start: int = 0, stop: "int | None" = None) -> None:
        self._log.write(data, start, stop, new_line=not self._mid_line)
        self._mid_line = not data.endswith(b"\n", start, stop)


class LogFile:
    """A log file of ``unit``; ``journal``: the journal gets the same lines."""

    def __init__(self, unit: str, file: RotatedFile, *, journal: bool = False) -> None:
        self.path = file.path
        self._unit = unit
        self._file = file
        self._lost = " from the file; the journal has them" if journal else ""
        self._dropped = 0  # bytes since the last successful write
        self._lines = 0
        self._next_try = 0.0
        self._reason: "str | None" = None  # of the latest failure, since the last success
        self._blocked: "str | None" = None  # why the file cannot be rotated, as we have told

    @property
    def due(self) -> "float | None":
        """When to try to open the file again, even if no more lines come; None: it is open."""
        return self._next_try if self._reason is not None and not self._file.found else None

    def open(self) -> None:
        """Make the file, if it is not there."""
        try:
            self._file.open()
        except OSError as error:
            self._fail(error)
            return
        if self._reason is not None:
            self._tell_dropped(wait=False)

    def write(
        self, data: bytes, start: int = 0, stop: "int | None" = None, *, new_line: bool = True
    ) -> None:
        """Append ``data[start:stop]``, or drop it: a full disk must not stop the worker.

        ``new_line``: it begins a line; else it goes on with the line that the last data began.
        """
        stop = len(data) if stop is None else stop
        if self._reason is not None:
            if time.monotonic() < self._next_try:
                self._drop(data, start, stop)
                return
            if not new_line:  # the beginning may be among what was dropped
                cut = data.find(b"\n", start, stop) + 1 or stop
                self._drop(data, start, cut)
                start = cut
        try:
            self._file.write(data, start, stop, new_line=new_line or self._reason is not None)
        except OSError as error:
            self._fail(error)
            self._drop(data, start + self._file.written, stop)
            return
        if self._reason is not None and start < stop:
            self._tell_dropped(wait=False)
        if self._file.blocked != self._blocked:
            self._tell_blocked(self._file.blocked)

    def close(self) -> None:
        """Close the file; the worker has ended."""
        self._file.close()
        if self._dropped:
            self._tell_dropped(wait=True)

    def _fail(self, error: OSError) -> None:
        self._next_try = time.monotonic() + _RETRY
        if error.strerror != self._reason:
            self._reason = error.strerror
            journald.say(
                f"<3>{self._unit}: {self.path}: {self._reason}: lines are dropped{self._lost}",
                wait=False,
            )

    def _drop(self, data: bytes, start: int, stop: int) -> None:
        self._dropped += stop - start
        self._lines += data.count(b"\n", start, stop)

    def _tell_blocked(self, why: "str | None") -> None:
        self._blocked = why
        if why is None:
            text = f"<5>{self._unit}: {self.path} is rotated again"
        else:
            text = f"<4>{self._unit}: {self.path} cannot be rotated and grows: {why}"
        journald.say(text, wait=False)

    def _tell_dropped(self, *, wait: bool) -> None:
        journald.say(
            f"<4>{self._unit}: {self.path}: {self._lines} lines ({self._dropped} bytes) were"
            f" dropped{self._lost}",
            wait=wait,
        )
        self._dropped = self._lines = 0
        self._reason = None


class Journaled:
    """An output to the journal, in whole lines; ``spare`` takes them while journald is away.

    ``spare`` is None if a file gets every line anyway, or if the stream has no file.
    """

    def __init__(self, journal: "journald.Journal", unit: str, spare: "LogFile | None") -> None:
        self._journal = journal
        self._unit = unit
        self._spare = spare
        self._backlog = b""  # whole lines that journald is to read
        self._begun = 0  # how many of these bytes were sent
        self._line = b""  # the beginning of a line, held back until its end comes
        self._missed = 0  # bytes that came while journald was away
        self._mid_line = False  # the missed bytes end within a line
        self._hangs = False  # journald is away because it reads nothing
        self._ends = False  # the worker has ended

    @property
    def full(self) -> bool:
        """Whether journald must read lines before more output may come."""
        return len(self._backlog) - self._begun >= BACKLOG

    @property
    def waits(self) -> bool:
        """Whether advance() has something to do once journald has read what was sent."""
        if self._begun < len(self._backlog):
            return True
        on_the_way = self._journal.on_the_way if self._ends else self._journal.sending
        return on_the_way and not self._hangs

    def wanted(self) -> "tuple[int, int, int]":
        """Return what to wait for before advance(): fd, its event, milliseconds."""
        return self._journal.wanted(self._patience)

    def write(self, data: bytes) -> None:
        """Take ``data``; send the complete lines as journald reads, and hold the rest back."""
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
        if cut:
            self._backlog = b"".join((self._backlog[self._begun :], self._line, data[:cut]))
            self._begun = 0
            self._line = data[cut:]
            self.advance()
        else:
            self._line += data

    def advance(self) -> None:
        """Send the next batch if journald has read the last one; do not wait for that."""
        if not self.waits:
            return
        if self._journal.free():
            self._hangs = False
            if self._begun < len(self._backlog):
                self._begun = self._journal.send(self._backlog, self._begun)
        elif self._journal.broken:
            self._miss(self._taken())
        elif self._journal.stands >= self._patience:
            self._hangs = True
            self._miss(self._taken())

    def finish(self) -> None:
        """Send what is held back, too: the worker has ended. The pump goes on until all is read."""
        self._ends = True
        self._backlog, self._begun = self._taken(), 0
        self.advance()

    def close(self) -> None:
        """Close the stream, and count what journald has not read; the worker has ended."""
        back = bool(self._missed) and self._journal.reach() and self._journal.free()
        self._journal.close()
        self._miss(self._taken())
        self._miss(b"\n" if self._mid_line and self._journal.has_lost else b"")
        if self._missed:
            self._tell_missed(wait=back)
        if self._spare is not None:
            self._spare.close()

    @property
    def _patience(self) -> float:
        return _HANG_AT_END if self._ends else HANG

    def _taken(self) -> bytes:
        """Return everything that waits here, and forget it."""
        taken = self._backlog[self._begun :] + self._line
        self._backlog = self._line = b""
        self._begun = 0
        return taken

    def _miss(self, data: bytes) -> None:
        # Lines that journald has lost go between two lines.
        cut = data.find(b"\n") + 1 if self._mid_line else 0
        if cut or not self._mid_line:
            data = data[:cut] + self._journal.lost() + data[cut:]
        if data:
            self._missed += len(data)
            if self._spare is not None:
                self._spare.write(data, new_line=not self._mid_line)
            self._mid_line = not data.endswith(b"\n")

    def _return(self, data: bytes) -> bytes:
        """Go back to the journal at the beginning of a line; return the data for the journal."""
        if not self._journal.reach() or not self._journal.free():
            self._miss(data)
            return b""
        cut = 0
        if self._mid_line:
            cut = data.find(b"\n") + 1
            if not cut:
                self._miss(data)
                return b""
        self._miss(data[:cut])
        self._tell_missed(wait=False)
        self._missed = 0
        self._mid_line = self._hangs = False
        return data[cut:]

    def _tell_missed(self, *, wait: bool) -> None:
        where = "" if self._spare is None else f" and are in {self._spare.path}"
        was = "hung" if self._hangs else "was away"
        journald.say(
            f"<4>{self._unit}: journald {was}: it missed {self._missed} bytes{where}", wait=wait
        )
