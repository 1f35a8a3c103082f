"""The table of "wctl status": one aligned row for each instance, as wide as the terminal.

Decided here:
- An instance that does not run has no process, so its description stands in place of the columns
  about the process: a reason is read where one looks first, and costs no line of its own.
- Where the terminal is too narrow, columns go, the least important first. Names are never cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wctl.cli.columns import columns, padded, wrapped
from wctl.cli.output import style
from wctl.cli.status.fields import (
    COLOURS,
    GAP,
    INDENT,
    LONG,
    NONE,
    SHORT,
    Column,
    fitting,
)
from wctl.cli.status.row import Row
from wctl.operate.states import State
from wctl.systemd import unit_name

_NARROW = 24  # columns that a reason needs beside the other columns
_BELOW = 4  # the indentation of a reason that has a line of its own


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
        self._names = [" " * INDENT * self._grouped(row) + row.process.shown for row in rows]
        self._name = max(columns(text) for text in ("NAME", *self._names))
        self._state = max(len(state) for state in State) if width is None else self._states()
        self._columns = self._fitting()
        self._widths = [one.width(self._rows) for one in self._columns]
        # Where a reason begins: after the states, or with -l after all columns.
        self._left = self._name + len(GAP) + self._state + len(GAP)
        if long:
            self._left += sum(each + len(GAP) for each in self._widths)
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

    def _fitting(self) -> list[Column]:
        """Return the columns that have something to tell, as many as fit."""
        shown = [*SHORT, *(LONG if self._long else ())]
        if self._width is None:
            return shown
        room = self._width - self._name - self._state - len(GAP)
        return fitting(shown, self._rows, room)

    def _header(self) -> str:
        cells = [padded("NAME", self._name), padded("STATE", self._state)]
        cells += [one.title.rjust(size) for one, size in zip(self._columns, self._widths)]
        cells += ["WHY"] if self._long and self._beside else []
        return GAP.join(cells).rstrip()

    def _row(self, name: str, row: Row) -> list[str]:
        state = style(f"{row.process.state:<{self._state}}", fg=COLOURS.get(row.process.state))
        head = f"{padded(name, self._name)}{GAP}{state}"
        why = _why(row) if self._long else _reason(row)
        if self._long or not why:
            cells = [self._cell(one, size, row) for one, size in zip(self._columns, self._widths)]
            head = GAP.join([head, *cells])
        if not why:
            return [head.rstrip()]
        if self._width is None:
            return [f"{head}{GAP}{why}"]
        return self._wrapped(head, why)

    def _cell(self, column: Column, size: int, row: Row) -> str:
        text = column.text(row) or NONE
        return " " * (size - len(text)) + style(text, fg=column.colour(row))

    def _wrapped(self, head: str, why: str) -> list[str]:
        """Return a row with its reason, which begins a line of its own if there is no room."""
        assert self._width is not None
        left = self._left if self._beside else _BELOW
        pieces = wrapped(why, max(self._width - left, 1))
        first = f"{head}{GAP}{pieces.pop(0)}" if self._beside else head.rstrip()
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
