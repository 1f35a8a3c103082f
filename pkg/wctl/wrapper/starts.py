"""One start of one worker, and the failed starts before it: Supervisor's rule for what comes next.

A file counts failed starts: those begun since the worker was last READY. The file is in the unit's
RuntimeDirectory=, which systemd keeps over restarts and removes when the unit stops or fails
(RuntimeDirectoryPreserve=restart, systemd.exec(5)). So after a stop, or after giving up, the count
begins at zero without any code of ours. systemd also keeps the directory over "systemctl restart"
and, before systemd 257, over a stop during the RestartSec= pause. NRestarts tells such a start from
an automatic restart, which alone raises it (systemd.service(5)). So the file also holds NRestarts.

We do not record NRestarts at the first failed start: reading it would cost every healthy start a
systemctl call. If the unit is stopped during the RestartSec= pause that follows, backoff.py notices
from how long the unit was down. One case stays undetected before systemd 257: "systemctl restart"
within those 100 ms, of a worker that had been restarted before. Its first try then waits one second
too long.

The worker wrapper imports this module before every start, so it must stay cheap to import.
"""

import posix

from .command_line import Options, decoded

FILE = "failed-starts"
_DIGITS = 5  # of the count; the waits after so many failed starts in a row would take a century
# O_EXCL: the directory belongs to the worker's user, so write neither through a link nor to a FIFO.
_NEW = posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC
_TYPE, _REGULAR = 0o170000, 0o100000  # of st_mode; importing the stat module would cost more


class Counter:
    """The failed starts of one instance, counted in ``directory`` (None: they are not counted)."""

    def __init__(self, directory: "str | None") -> None:
        self._path = None if directory is None else f"{directory}/{FILE}"

    def failed(self) -> int:
        """Return how many starts in a row never became READY."""
        return self._numbers()[0]

    def restarts(self) -> "int | None":
        """Return NRestarts as it was when the last of these starts began; None if unknown."""
        return self._numbers()[1]

    def written(self) -> float:
        """Return when the last of these starts began (seconds since the epoch); 0.0 if unknown."""
        try:
            return 0.0 if self._path is None else posix.lstat(self._path).st_mtime
        except OSError:
            return 0.0

    def begin(self, failed: int, restarts: "int | None" = None) -> None:
        """Count a start before its outcome is known. ``failed`` is the count so far.

        Raises:
            OSError: the count cannot be written.
        """
        if self._path is None:
            return
        text = b"%d" % (failed + 1) if restarts is None else b"%d %d" % (failed + 1, restarts)
        # Rename the file, so that a wrapper killed here leaves the old count or the new count.
        new = f"{self._path}.new"
        try:
            fd = posix.open(new, _NEW, 0o644)
        except FileExistsError:
            _forget(new)  # of a killed wrapper, or put there by the worker
            fd = posix.open(new, _NEW, 0o644)
        try:
            posix.write(fd, text)
        finally:
            posix.close(fd)
        posix.rename(new, self._path)

    def clear(self) -> None:
        """Forget the failed starts: the worker is READY."""
        if self._path is not None:
            _forget(self._path)

    def _numbers(self) -> "tuple[int, int | None]":
        """Return the count and NRestarts; what is no file with a count of ours counts as none."""
        failed, _, restarts = (b"" if self._path is None else _content(self._path)).partition(b" ")
        if not failed.isdigit() or len(failed) > _DIGITS or not (restarts or b"0").isdigit():
            return 0, None
        return int(failed), int(restarts) if restarts else None


def _content(path: str) -> bytes:
    """Return the beginning of the file ``path``; b"" if it is no regular file."""
    try:
        # The directory belongs to the worker's user, and root reads the count as well: neither
        # follow a link nor wait for the other end of a FIFO.
        fd = posix.open(
            path, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NOFOLLOW | posix.O_NONBLOCK
        )
    except OSError:
        return b""
    try:
        return posix.read(fd, 40) if posix.fstat(fd).st_mode & _TYPE == _REGULAR else b""
    except OSError:
        return b""
    finally:
        posix.close(fd)


def _forget(path: str) -> None:
    try:
        posix.unlink(path)
    except OSError:
        pass


class Start:
    """One start of one worker: its options, its environment, and the failed starts before it."""

    def __init__(self, options: Options, environ: "dict[bytes, bytes]") -> None:
        self.options = options
        self.counter = Counter(_own_directory(environ, b"RUNTIME_DIRECTORY"))
        self.logs = _own_directory(environ, b"LOGS_DIRECTORY")
        self.environ = environ
        self.failed = self.counter.failed()
        self.restarts: "int | None" = None  # NRestarts, if we have asked systemd for it
        self.said_ready = False

    @property
    def at_once(self) -> bool:
        """Whether the worker is READY as soon as it runs."""
        return self.options.ready == "startsecs" and not self.options.startsecs

    @property
    def address(self) -> "str | None":
        """The address that the manager listens at; None without a manager."""
        address = self.environ.get(b"NOTIFY_SOCKET")
        return None if address is None else decoded(address)

    def begin(self) -> None:
        """Count this start; if that fails, go on: the worker matters more."""
        try:
            self.counter.begin(self.failed, self.restarts)
        except OSError as error:
            from . import journald  # needed only when something is wrong

            journald.say(f"<4>{self.options.unit}: cannot count failed starts: {error.strerror}")


def automatic(before: "int | None", now: "int | None") -> bool:
    """Tell whether systemd made this start by itself, from NRestarts at the last start and now."""
    if now is None:
        return True  # unknown: better wait in vain than crash at full speed
    return now > (before or 0)


def delay(failed: int) -> int:
    """Return the seconds to wait before the try that follows ``failed`` failed starts."""
    return failed


def given_up(failed: int, startretries: int) -> bool:
    """Tell whether no further try is due: one start and ``startretries`` more have failed."""
    return failed > startretries


def _own_directory(environ: "dict[bytes, bytes]", variable: bytes) -> "str | None":
    """Take wctl's own directory out of a variable of RuntimeDirectory= or LogsDirectory=.

    A passed-through directive may have added other directories, which the worker is to see.
    """
    own = None
    others = []
    for path in environ.get(variable, b"").split(b":"):
        if b"/wctl/" in path and own is None:
            own = decoded(path)
        elif path:
            others.append(path)
    if others:
        environ[variable] = b":".join(others)
    else:
        environ.pop(variable, None)
    return own
