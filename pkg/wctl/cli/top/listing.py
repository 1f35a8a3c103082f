"""The list of "wctl top": groups, programs and instances; which of them are shown, and which one
is selected.

Decided here:
- What is in trouble comes first: one should not have to look for it.
- The selection stays with what is selected, not with a line: the list moves while one types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain

from wctl.cli.status.row import Row
from wctl.operate.states import RUNNING_STATES, State
from wctl.systemd import unit_name

TROUBLE = frozenset({State.FATAL, State.BACKOFF, State.UNKNOWN})


class Which(str, Enum):
    """The instances that are shown."""

    ALL = "all"
    TROUBLE = "in trouble"
    RUNNING = "running"
    DOWN = "not running"

    def has(self, state: State) -> bool:
        """Tell whether an instance in ``state`` is shown."""
        if self is Which.TROUBLE:
            return state in TROUBLE
        if self is Which.RUNNING:
            return state in RUNNING_STATES
        return self is Which.ALL or state not in RUNNING_STATES

    def next(self) -> Which:
        """Return the one after this one."""
        every = list(Which)
        return every[(every.index(self) + 1) % len(every)]


@dataclass(frozen=True)
class Item:
    """One line of the list: an instance, a program with several, or a group.

    Commands call it by ``name``, as people do. ``program`` is what + and - scale.
    """

    name: str
    depth: int
    rows: tuple[Row, ...]  # the instances that it stands for
    program: str | None = None
    size: int = 0  # how many instances the program has, named or not
    row: Row | None = None  # of one instance; of a program that is scaled to 0


class Listing:
    """What is shown of the instances."""

    def __init__(self) -> None:
        """Begin with everything, and nothing selected."""
        self.text = ""  # only instances that have it in what is shown of them
        self.which = Which.ALL
        self.rows: Sequence[Row] = ()
        self.sizes: Mapping[str, int] = {}
        self.items: Sequence[Item] = ()
        self._at = 0  # the line that is selected
        self._first = 0  # the line at the top of the screen

    def show(self, rows: Sequence[Row], sizes: Mapping[str, int]) -> None:
        """Show these instances from now on; ``sizes`` are those of their programs, by name."""
        self.rows, self.sizes = rows, sizes
        self._arrange()

    def narrow(self, *, text: str | None = None, which: Which | None = None) -> None:
        """Show only instances with a text, or in some states."""
        self.text = self.text if text is None else text
        self.which = which or self.which
        self._arrange()

    @property
    def current(self) -> Item | None:
        """What is selected."""
        return self.items[self._at] if self.items else None

    def move(self, lines: int) -> None:
        """Select what is ``lines`` further down; the first or the last where the list ends."""
        self._at = max(0, min(self._at + lines, len(self.items) - 1))

    def window(self, height: int) -> Sequence[Item]:
        """Return ``height`` lines with the selected one among them."""
        most = max(0, len(self.items) - height)
        self._first = max(min(self._first, self._at, most), self._at - height + 1, 0)
        return self.items[self._first : self._first + height]

    def place(self) -> tuple[int, int]:
        """Return the number of the selected line, from 1 on, and how many lines there are."""
        return min(self._at + 1, len(self.items)), len(self.items)

    def _arrange(self) -> None:
        before = self.current
        self.items = [*_items(self.rows, self.sizes, self._shown)]
        if before is not None:
            same = (at for at, one in enumerate(self.items) if one.name == before.name)
            self._at = next(same, self._at)
        self.move(0)

    def _shown(self, row: Row) -> bool:
        process = row.process
        if not self.which.has(process.state):
            return False
        words = (process.shown, unit_name.shown(process.group), process.state, process.description)
        return self.text.casefold() in " ".join(words).casefold()


def _items(
    rows: Iterable[Row], sizes: Mapping[str, int], shown: Callable[[Row], bool]
) -> Iterator[Item]:
    """Yield groups, their programs, and the instances of these for which ``shown`` is true."""
    groups: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        programs = groups.setdefault(row.process.group, {})
        programs.setdefault(row.process.program, []).append(row)
    for group in sorted(groups, key=lambda name: (_calm(chain(*groups[name].values())), name)):
        programs = groups[group]
        members = tuple(chain(*programs.values()))
        if not any(map(shown, members)):
            continue
        depth = int(programs.keys() != {group})
        if depth:
            yield Item(f"{unit_name.shown(group)}:", 0, members)
        for name in sorted(programs, key=lambda name: (_calm(programs[name]), name)):
            yield from _of_program(name, programs[name], sizes[name], depth, shown)


def _of_program(
    name: str, rows: Sequence[Row], size: int, depth: int, shown: Callable[[Row], bool]
) -> Iterator[Item]:
    own = sorted(filter(shown, rows), key=lambda row: _calm([row]))
    title, every = unit_name.shown(name), tuple(rows)
    if own and len(rows) > 1:
        yield Item(title, depth, every, title, size)
        depth += 1
    for row in own:
        yield Item(row.process.shown, depth, every, title, size, row)


def _calm(rows: Iterable[Row]) -> bool:
    return not any(row.process.state in TROUBLE for row in rows)
