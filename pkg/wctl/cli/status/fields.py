"""The columns that tell what instances do and use: how each is written, and coloured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from wctl.cli.status.row import Row
from wctl.operate.states import State
from wctl.systemd.quantities import size_in_words

COLOURS = {
    State.RUNNING: "green",
    State.STARTING: "cyan",
    State.STOPPING: "cyan",
    State.BACKOFF: "yellow",
    State.FATAL: "red",
    State.UNKNOWN: "red",
}
GAP = "  "
INDENT = 2  # of the members of a group
NONE = "-"
_MUCH, _MOST = 0.8, 0.95  # of the memory limit


@dataclass(frozen=True)
class Column:
    """A column about processes."""

    title: str
    text: Callable[[Row], str]  # "" if there is nothing to tell
    colour: Callable[[Row], str | None] = lambda _row: None
    rank: int = 0  # the column with the highest rank goes first

    def width(self, rows: Iterable[Row]) -> int:
        """Return how wide the column is with ``rows``."""
        return max(len(self.title), *(len(self.text(row)) for row in rows))


def _pid(row: Row) -> str:
    return str(row.process.pid or "")


def _uptime(row: Row) -> str:
    """Return "0:04:21", or from a day on "3d 04:21"."""
    if row.uptime is None:
        return ""
    minutes, seconds = divmod(row.uptime, 60)
    hours, minutes = divmod(minutes, 60)
    days, of_day = divmod(hours, 24)
    return f"{days}d {of_day:02d}:{minutes:02d}" if days else f"{hours}:{minutes:02d}:{seconds:02d}"


def _restarts(row: Row) -> str:
    return "" if row.details is None else str(row.details.restarts)


def _memory(row: Row) -> str:
    if row.details is None or row.details.memory is None:
        return ""
    used, limit = row.details.memory, row.details.memory_max
    return size_in_words(used) + ("" if limit is None else f"/{size_in_words(limit)}")


def _memory_colour(row: Row) -> str | None:
    details = row.details
    if details is None or not (details.memory and details.memory_max):
        return None
    share = details.memory / details.memory_max
    return "red" if share >= _MOST else "yellow" if share >= _MUCH else None


def _cpu(row: Row) -> str:
    """Return CPU time as "0.8s", "4m12s", "3h07m"."""
    if row.details is None or row.details.cpu is None:
        return ""
    seconds = row.details.cpu
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    hours, left = divmod(minutes, 60)
    return f"{hours}h{left:02d}m" if hours else f"{minutes}m{rest:02d}s"


def _tasks(row: Row) -> str:
    return "" if row.details is None or row.details.tasks is None else str(row.details.tasks)


OF_PROCESSES = (
    Column("PID", _pid, rank=2),
    Column("UPTIME", _uptime, rank=1),
    Column(
        "RESTARTS",
        _restarts,
        lambda row: "yellow" if row.details and row.details.restarts else None,
        rank=3,
    ),
    Column("MEMORY", _memory, _memory_colour, rank=4),
)
SHORT = (*OF_PROCESSES, Column("CPU", _cpu, rank=5))
LONG = (Column("TASKS", _tasks, rank=6),)


def fitting(columns: Iterable[Column], rows: Sequence[Row], room: int) -> list[Column]:
    """Return the columns that have something to tell about ``rows``, as many as fit.

    ``room`` is the number of the terminal's columns that are left for them, gaps included.
    """
    shown = [one for one in columns if any(map(one.text, rows))]
    while shown and sum(one.width(rows) + len(GAP) for one in shown) > room:
        shown.remove(max(shown, key=lambda one: one.rank))
    return shown
