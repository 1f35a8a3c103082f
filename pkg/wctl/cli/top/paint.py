"""What stands on the screen of "wctl top": lines of spans, which know no terminal."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from wctl.cli.columns import clipped, columns, padded, wrapped
from wctl.cli.status.fields import (
    COLOURS,
    GAP,
    INDENT,
    NONE,
    OF_PROCESSES,
    Column,
    fitting,
)
from wctl.cli.status.row import Row
from wctl.cli.top.controls import Page
from wctl.cli.top.listing import Item, Listing, Which
from wctl.operate.states import State
from wctl.trust.text import printable

_BAR = (
    "q quit  ? help  s start  S stop  r restart  R rolling  + - scale  l logs  e explain  / filter"
)
_WORST = (State.FATAL, State.UNKNOWN, State.BACKOFF)
_ORDER = (*_WORST, *(state for state in State if state not in _WORST))
_LEAST = 10  # columns of a name
_REASON = 3  # lines of a reason below the list


@dataclass(frozen=True)
class Span:
    """A piece of a line."""

    text: str
    colour: str | None = None
    bold: bool = False
    dim: bool = False


@dataclass(frozen=True)
class Line:
    """A line of the screen."""

    spans: tuple[Span, ...]
    selected: bool = False


def line(text: str, *, colour: str | None = None, bold: bool = False, dim: bool = False) -> Line:
    """Return a line of one piece."""
    return Line((Span(text, colour, bold, dim),))


def title(listing: Listing, width: int) -> Line:
    """Return the first line: how many instances there are in which state, and the time."""
    rows = [row for row in listing.rows if "@" in row.process.unit]
    spans = [Span(f"wctl top  {len(rows)} instance{'' if len(rows) == 1 else 's'}: ", bold=True)]
    spans += _counts(rows)
    if listing.which is not Which.ALL:
        spans.append(Span(f"  (shown: {listing.which.value})", "yellow"))
    if listing.text:
        spans.append(Span(f"  (with: {listing.text})", "yellow"))
    clock = time.strftime("%H:%M:%S")
    left = _cut(spans, max(0, width - len(clock) - 2))
    gap = width - sum(columns(span.text) for span in left) - len(clock)
    return Line(tuple(_cut([*left, Span(" " * max(gap, 0)), Span(clock, dim=True)], width)))


def table(listing: Listing, loads: Mapping[str, float], width: int, height: int) -> list[Line]:
    """Return the header and ``height`` lines of the list."""
    shown = listing.window(height)
    if not shown:
        text = "no instance matches" if listing.text or listing.which is not Which.ALL else ""
        return [line("NAME  STATE", dim=True), line(text or "no program is installed")]
    load = Column("CPU", lambda row: _load(loads.get(row.process.unit)), rank=5)
    return _Table(listing, [*OF_PROCESSES, load], width).lines(shown)


def reason(item: Item, width: int, last_run: Sequence[str]) -> list[Line]:
    """Return what is to be said about the selected instance that its own line may not hold."""
    row = item.row
    if row is None or row.process.pid or not row.process.description:
        return []
    colour = COLOURS.get(row.process.state)
    said = f"{row.process.shown}: {row.process.description}"
    pieces = wrapped(said, max(width, 1))[:_REASON]
    words = [line(clipped(f"  {printable(text)}", width), dim=True) for text in last_run]
    return [*(line(piece, colour=colour) for piece in pieces), *words]


def bar(listing: Listing, width: int) -> Line:
    """Return the last line: the keys, and where in the list one is."""
    at, of = listing.place()
    where = f"{at}/{of}"
    keys = clipped(_BAR, max(0, width - len(where) - 2))
    return line(f"{padded(keys, width - len(where))}{where}"[:width], dim=True)


def page(shown: Page, width: int, height: int) -> list[Line]:
    """Return a page from where the user has scrolled to; its title and its last line included."""
    text = [piece for each in shown.lines for piece in _wrapped(each, width)]
    rows = max(1, height - 2)
    shown.at = max(0, min(shown.at, len(text) - rows))
    below = len(text) - shown.at - rows
    lines = [line(clipped(each, width)) for each in text[shown.at : shown.at + rows]]
    lines += [line("")] * (rows - len(lines))
    more = f"{below} more line{'' if below == 1 else 's'} below; " if below > 0 else ""
    end = clipped(f"{more}q goes back to the list", width)
    return [line(clipped(shown.title, width), bold=True), *lines, line(end, dim=True)]


def _wrapped(text: str, width: int) -> list[str]:
    shown = printable(text)
    words = shown.lstrip()
    indent = " " * min(len(shown) - len(words), width // 2)
    return [indent + piece for piece in wrapped(words, max(width - len(indent), 1))] or [""]


class _Table:
    def __init__(self, listing: Listing, shown: Sequence[Column], width: int) -> None:
        self._current = listing.current
        self._width = width
        rows = [item.row for item in listing.items if item.row is not None]
        self._name = max(columns(text) for text in ("NAME", *map(_name, listing.items)))
        self._name = min(self._name, max(width - 12, _LEAST))
        self._state = max(len(text) for text in ("STATE", *(row.process.state for row in rows)))
        room = width - self._name - self._state - len(GAP)
        self._columns = [(one, one.width(rows)) for one in fitting(shown, rows, room)]

    def lines(self, shown: Iterable[Item]) -> list[Line]:
        cells = [padded("NAME", self._name), padded("STATE", self._state)]
        cells += [column.title.rjust(size) for column, size in self._columns]
        header = clipped(GAP.join(cells).rstrip(), self._width)
        return [line(header, dim=True), *map(self._line, shown)]

    def _line(self, item: Item) -> Line:
        spans = [Span(padded(clipped(_name(item), self._name), self._name), bold=item.row is None)]
        spans.append(Span(GAP))
        spans += _counts(item.rows) if item.row is None else self._cells(item.row)
        return Line(tuple(_cut(spans, self._width)), selected=item is self._current)

    def _cells(self, row: Row) -> list[Span]:
        process = row.process
        spans = [Span(padded(process.state, self._state), COLOURS.get(process.state))]
        if not process.pid and process.description:
            return [*spans, Span(GAP + printable(process.description))]
        for column, size in self._columns:
            text = (column.text(row) or NONE).rjust(size)
            spans.append(Span(GAP + text, column.colour(row)))
        return spans


def _name(item: Item) -> str:
    return " " * INDENT * item.depth + item.name


def _load(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _counts(rows: Iterable[Row]) -> list[Span]:
    """Return how many of ``rows`` are in which state, the worst first."""
    counts = Counter(row.process.state for row in rows if "@" in row.process.unit)
    spans: list[Span] = []
    for state in sorted(counts, key=_ORDER.index):
        spans += [Span(", ")] if spans else []
        spans.append(Span(f"{counts[state]} {state}", COLOURS.get(state)))
    return spans


def _cut(spans: Iterable[Span], width: int) -> list[Span]:
    """Return ``spans`` as far as ``width`` columns hold them."""
    found, left = [], width
    for span in spans:
        if left <= 0:
            break
        text = clipped(span.text, left)
        left -= columns(text)
        found.append(Span(text, span.colour, span.bold, span.dim))
    return found
