"""The table of "wctl status": one aligned row for each instance, as wide as the terminal.

Decided here:
- An instance that does not run has no process, so its description stands in place of the columns
  about the process: a reason is read where one looks first, and costs no line of its own.
- Where the terminal is too narrow, columns go, the least important first. Names are never cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from wctl.cli.columns import columns, padded, wrapped
from wctl.cli.output import style
from wctl.cli.status.row import Row
from wctl.operate.states import State
from wctl.systemd import unit_name
from wctl.systemd.quantities import size_in_words

COLOURS = {
    State.RUNNING: "green",
    State.STARTING: "cyan",
    State.STOPPING: "cyan",
    State.BACKOFF: "yellow",
    State.FATAL: "red",
    State.UNKNOWN: "red",
}
_GAP = "  "
_INDENT = 2  # of the members of a group
_NARROW = 24  # columns that a reason needs beside the other columns
_BELOW = 4  # the indentation of a reason that has a line of its own
_MUCH, _MOST = 0.8, 0.95  # of the memory limit
_NONE = "-"


@dataclass(frozen=True)
class _Column:
    """A column about processes."""

    title: str
    text: Callable[[Row], str]  # "" if there is nothing to tell
    colour: Callable[[Row], str | None] = lambda _row: None
    rank: int = 0  # the column with the highest rank goes first


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


_COLUMNS = (
    _Column("PID", _pid, rank=2),
    _Column("UPTIME", _uptime, rank=1),
    _Column(
        "RESTARTS",
        _restarts,
        lambda row: "yellow" if row.details and row.details.restarts else None,
        rank=3,
    ),
    _Column("MEMORY", _memory, _memory_colour, rank=4),
    _Column("CPU", _cpu, rank=5),
)
_LONG = (_Column("TASKS", _tasks, rank=6),)


def lines(rows: Sequence[Row], width: int | None, *, long: bool = False) -> list[str]:
    """Return a header, and a line or more for each of ``rows``; ``width`` is that of the terminal.

    Without ``width``, each row has one line, all columns are there, and none is left empty.
    """
    if not rows:
        return []
    return _Table(rows, width, long=long).lines()


class _Table:
    def __init__(self, rows: Sequence[Row], width: int | None, *, long: bool) -> None:
        self._rows = rows
        self._width = width
        self._long = long
        self._names = [" " * _INDENT * self._grouped(row) + row.process.shown for row in rows]
        self._name = max(columns(text) for text in ("NAME", *self._names))
        self._state = max(len(state) for state in State) if width is None else self._states()
        self._columns = self._fitting()
        self._widths = [self._column(one) for one in self._columns]
        # Where a reason begins: after the states, or with -l after all columns.
        self._left = self._name + len(_GAP) + self._state + len(_GAP)
        if long:
            self._left += sum(each + len(_GAP) for each in self._widths)
        self._beside = width is None or width - self._left >= _NARROW  # or below the row

    def lines(self) -> list[str]:
        """Return the table."""
        found = [style(self._header(), dim=True)] if self._width else [self._header()]
        group = ""
        for name, row in zip(self._names, self._rows):
            its = row.process.group if self._grouped(row) else ""
            if its not in ("", group):
                found.append(style(f"{unit_name.shown(its)}:", bold=True))
            group = its
            found += self._row(name, row)
        return found

    def _grouped(self, row: Row) -> bool:
        """Tell whether a row stands below the name of its group, as on a terminal."""
        return self._width is not None and row.process.group != row.process.program

    def _states(self) -> int:
        return max(len(text) for text in ("STATE", *(row.process.state for row in self._rows)))

    def _column(self, column: _Column) -> int:
        return max(len(column.title), *(len(column.text(row)) for row in self._rows))

    def _fitting(self) -> list[_Column]:
        """Return the columns that have something to tell, as many as fit."""
        shown = [*_COLUMNS, *(_LONG if self._long else ())]
        if self._width is None:
            return shown
        shown = [one for one in shown if any(map(one.text, self._rows))]
        room = self._width - self._name - self._state - len(_GAP)
        while shown and sum(self._column(one) + len(_GAP) for one in shown) > room:
            shown.remove(max(shown, key=lambda one: one.rank))
        return shown

    def _header(self) -> str:
        cells = [padded("NAME", self._name), padded("STATE", self._state)]
        cells += [one.title.rjust(size) for one, size in zip(self._columns, self._widths)]
        cells += ["WHY"] if self._long and self._beside else []
        return _GAP.join(cells).rstrip()

    def _row(self, name: str, row: Row) -> list[str]:
        state = style(f"{row.process.state:<{self._state}}", fg=COLOURS.get(row.process.state))
        head = f"{padded(name, self._name)}{_GAP}{state}"
        why = _why(row) if self._long else _reason(row)
        if self._long or not why:
            cells = [self._cell(one, size, row) for one, size in zip(self._columns, self._widths)]
            head = _GAP.join([head, *cells])
        if not why:
            return [head.rstrip()]
        if self._width is None:
            return [f"{head}{_GAP}{why}"]
        return self._wrapped(head, why)

    def _cell(self, column: _Column, size: int, row: Row) -> str:
        text = column.text(row) or _NONE
        return " " * (size - len(text)) + style(text, fg=column.colour(row))

    def _wrapped(self, head: str, why: str) -> list[str]:
        """Return a row with its reason, which begins a line of its own if there is no room."""
        assert self._width is not None
        left = self._left if self._beside else _BELOW
        pieces = wrapped(why, max(self._width - left, 1))
        first = f"{head}{_GAP}{pieces.pop(0)}" if self._beside else head.rstrip()
        return [first, *(" " * left + piece for piece in pieces)]


def _reason(row: Row) -> str:
    """Return what is to be said about an instance that has no process."""
    return "" if row.process.pid else row.process.description


def _why(row: Row) -> str:
    last = row.last_exit
    return "; ".join(filter(None, (_reason(row), f"last exit: {last.words}" if last else "")))


def cut(found: Iterable[str], height: int) -> list[str]:
    """Return as many lines as ``height`` holds; the last one tells how many there are beyond."""
    shown = list(found)
    if len(shown) <= height or height < 1:
        return shown[: max(height, 0)]
    more = len(shown) - height + 1
    return [*shown[: height - 1], style(f"… and {more} more lines", dim=True)]
