"""What a worker wrote before it failed, wherever it logs, and what the wrapper said about it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from wctl.operate.log_files import LogFile, of_units
from wctl.systemd import exits, journal
from wctl.systemd.entries import UnreadableError
from wctl.systemd.manager import Manager
from wctl.trust import files

_LINES = 20  # of the journal
_ERR = 3  # the priority LOG_ERR of syslog(3)
_END = 4096  # bytes at the end of a log file


@dataclass(frozen=True)
class LastWords:
    """The last lines of a worker, and the errors of its wrapper, oldest first."""

    worker: list[str]
    wrapper: list[str]


def last_words(manager: Manager, unit: str, *, since: float, failed: bool = True) -> LastWords:
    """Return what the last run of ``unit`` wrote, as far as we can read it.

    With ``failed``, it is the last run that failed: systemd may have started the next one already.
    What was written before ``since`` (seconds since the epoch) does not count.
    """
    (logs,) = of_units(manager, [unit])
    try:
        run = exits.last_run(unit, user=manager.user, since=since, failed=failed)
    except UnreadableError:
        run = None
    run = run or exits.Run("", since, None)
    found = journal.last(unit, _LINES, user=manager.user, since=run.since, until=run.until)
    own = [line.text for line in found if line.identifier == "wctl" and line.priority <= _ERR]
    if logs.journal:
        return LastWords([line.text for line in found if line.identifier != "wctl"], own)
    _, lines = max((_end(file, run.since) for file in logs.present()), default=(0.0, []))
    return LastWords(lines, own)


def _end(log: LogFile, since: float) -> tuple[float, list[str]]:
    """Return when a log file was last written (seconds since the epoch), and its last lines."""
    try:
        with files.open_log(log.path, log.writer) as file:
            found = os.fstat(file.fileno())
            if found.st_mtime < since:
                return found.st_mtime, []
            file.seek(max(0, found.st_size - _END))
            return found.st_mtime, file.read(_END).decode(errors="replace").splitlines()
    except OSError as error:
        return 0.0, [f"({error.filename}: {error.strerror})"]
