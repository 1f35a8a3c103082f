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

    def begin(self, failed: int, restarts: "int | None" = None) -> None:
        """Count a start before its outcome is known. ``failed`` is the count so far.

        Raises:
            OSError: the count cannot be written.
        """
        if self._path is None:
            return
        text = b"%d" % (failed + 1) if restarts is None else b"%d %d" % (failed + 1, restarts)
        # Rename the file, so that a wrapper killed here leaves the old count or the new count.
        fd = posix.open(
            f"{self._path}.new", posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_CLOEXEC
        )
        try:
            posix.write(fd, text)
        finally:
            posix.close(fd)
        posix.rename(f"{self._path}.new", self._path)

    def clear(self) -> None:
        """Forget the failed starts: the worker is READY."""
        if self._path is not None:
            try:
                posix.unlink(self._path)
            except OSError:
                pass

    def _numbers(self) -> "tuple[int, int | None]":
        if self._path is None:
            return 0, None
        try:
            fd = posix.open(self._path, posix.O_RDONLY | posix.O_CLOEXEC)
        except OSError:
            return 0, None
        try:
            failed, _, restarts = posix.read(fd, 40).partition(b" ")
            return int(failed), int(restarts) if restarts else None
        except (OSError, ValueError):
            return 0, None
        finally:
            posix.close(fd)


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
