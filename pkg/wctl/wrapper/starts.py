"""One start of one worker, and how many before it failed: Supervisor's rule for what comes next.

Failed starts are counted in a file: those begun since the worker was last READY. It lives in the
unit's RuntimeDirectory=, which systemd keeps over restarts and removes when the unit stops or fails
(RuntimeDirectoryPreserve=restart, systemd.exec(5)): a stop, or a start after giving up, begins
at zero without any code of ours. "systemctl restart" keeps the directory, too, and so did a stop
that came while systemd waited out RestartSec= (before systemd 257). There NRestarts tells
(systemd.service(5)): automatic restarts alone raise it, so it is noted beside the count.

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
    """The count of one instance, in ``directory`` (None: nowhere, every start is the first)."""

    def __init__(self, directory: "str | None") -> None:
        self._path = None if directory is None else f"{directory}/{FILE}"

    def failed(self) -> int:
        """Return how many starts in a row never became READY."""
        return self._numbers()[0]

    def restarts(self) -> "int | None":
        """Return what NRestarts was when the last of them began; None where nobody asked."""
        return self._numbers()[1]

    def begin(self, failed: int, restarts: "int | None" = None) -> None:
        """Count a start, before it is known how it ends. ``failed`` is the count so far.

        Raises:
            OSError: the count cannot be kept.
        """
        if self._path is None:
            return
        text = b"%d" % (failed + 1) if restarts is None else b"%d %d" % (failed + 1, restarts)
        # A rename, so that a wrapper killed here leaves the old count or the new one.
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
    """One start of one worker: what it was told, what it was given, and what went before."""

    def __init__(self, options: Options, environ: "dict[bytes, bytes]") -> None:
        self.options = options
        self.counter = Counter(_own_directory(environ, b"RUNTIME_DIRECTORY"))
        self.logs = _own_directory(environ, b"LOGS_DIRECTORY")
        self.environ = environ
        self.failed = self.counter.failed()
        self.restarts: "int | None" = None  # NRestarts, where somebody has asked for it
        self.said_ready = False

    @property
    def at_once(self) -> bool:
        """Whether the worker is READY as soon as it runs."""
        return self.options.ready == "startsecs" and not self.options.startsecs

    @property
    def address(self) -> "str | None":
        """Where the manager listens."""
        address = self.environ.get(b"NOTIFY_SOCKET")
        return None if address is None else decoded(address)

    def begin(self) -> None:
        """Count this start; where that cannot be, the worker matters more."""
        try:
            self.counter.begin(self.failed, self.restarts)
        except OSError as error:
            from . import journald  # where something is wrong

            journald.say(f"<4>{self.options.unit}: cannot count failed starts: {error.strerror}")


def automatic(before: "int | None", now: "int | None") -> bool:
    """Tell whether systemd made this start by itself, from NRestarts at the last start and now."""
    if now is None:
        return True  # nobody knows: rather wait in vain than crash at full speed
    return now > (before or 0)


def delay(failed: int) -> int:
    """Return the seconds to wait before the try that follows ``failed`` failed starts."""
    return failed


def given_up(failed: int, startretries: int) -> bool:
    """Tell whether no further try is due: one start and ``startretries`` more have failed."""
    return failed > startretries


def _own_directory(environ: "dict[bytes, bytes]", variable: bytes) -> "str | None":
    """Take wctl's own directory out of a variable of RuntimeDirectory= or LogsDirectory=.

    A passed-through directive may have added others, which are the worker's to see.
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
