"""What the keys of "wctl top" do: they change what is shown, or ask for a command of wctl."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from wctl.cli.top.listing import Item, Listing


class Place(Enum):
    """Where a command runs."""

    BACKGROUND = "behind the screen, which goes on"
    PAGE = "behind the screen, which then shows what it printed"
    TERMINAL = "on the terminal, in place of the screen"


@dataclass(frozen=True)
class Command:
    """A command of wctl that a key has asked for."""

    words: tuple[str, ...]
    place: Place = Place.BACKGROUND

    def __str__(self) -> str:
        return " ".join(word for word in self.words if word != "--")


_ACT = {"s": ("start",), "S": ("stop",), "r": ("restart",), "R": ("restart", "--rolling")}
_READ = {
    "l": (("logs", "--follow"), Place.TERMINAL),
    "h": (("history",), Place.PAGE),
    "e": (("explain",), Place.PAGE),
    "d": (("doctor",), Place.PAGE),
}
_OF_PROGRAMS = frozenset("ed")
_ONE = {"up": -1, "k": -1, "down": 1, "j": 1}
_ENDS = {"home": -1 << 30, "end": 1 << 30}  # lines: more than any list has


@dataclass
class Page:
    """Text that is shown in place of the list."""

    title: str
    lines: Sequence[str]
    at: int = 0  # the first line on the screen


KEYS = {
    "Up, Down, k, j": "select an instance, a program or a group; on a page, scroll",
    "PgUp, PgDn, Home, End": "go a page, or to an end",
    "/": "show only what has a text in its line; Esc shows everything again, and no message",
    "f": "show what is in trouble, what runs, what does not run, everything",
    "s": "start",
    "S": "stop",
    "r": "restart",
    "R": "restart one instance after the other (rolling)",
    "+, -": "one instance more or less (scale)",
    "l": "follow what it logs, until Ctrl-C",
    "h": "show what happened to it, and why (history)",
    "e": "explain the program",
    "d": "examine it (doctor), which may take some seconds",
    "?": "this help",
    "q": "leave this page, or wctl top; what was begun goes on",
}
_LEFT = max(map(len, KEYS)) + 2
HELP = [
    *(f"{key:<{_LEFT}}{does}" for key, does in KEYS.items()),
    "",
    "Before a change, wctl asks: y means yes.",
]


class Controls:
    """What has been typed so far, and what it means."""

    def __init__(self, listing: Listing) -> None:
        """Begin with the list."""
        self._listing = listing
        self._asked: Command | None = None  # waits for y
        self.typing = False  # the text of the filter
        self.page: Page | None = None  # shown in place of the list
        self.left = False  # the user has had enough
        self.height = 1  # lines of the list, or of the page

    @property
    def question(self) -> str:
        """What the user is to answer; "" if nothing."""
        if self.typing:
            return f"/{self._listing.text}"
        return "" if self._asked is None else f"{self._asked}? [y/n]"

    def press(self, key: str) -> Command | None:
        """Take a key; return the command that is to be run now."""
        if self.page is not None:
            self._read(self.page, key)
        elif self.typing:
            self._type(key)
        elif self._asked is not None:
            asked, self._asked = self._asked, None
            return asked if key in ("y", "Y") else None
        else:
            return self._choose(key)
        return None

    def _read(self, page: Page, key: str) -> None:
        if key in ("q", "escape", "enter"):
            self.page = None
        else:
            page.at += self._distance(key)

    def _distance(self, key: str) -> int:
        """Return how many lines further down a key goes; 0 for all other keys."""
        pages = {"page up": -self.height, "page down": self.height}
        return {**_ONE, **_ENDS, **pages}.get(key, 0)

    def _type(self, key: str) -> None:
        text = self._listing.text
        if key == "escape":
            self._listing.narrow(text="")
        elif key == "backspace":
            self._listing.narrow(text=text[:-1])
        elif len(key) == 1 and key.isprintable():
            self._listing.narrow(text=text + key)
        self.typing = key not in ("enter", "escape")

    def _choose(self, key: str) -> Command | None:
        if key == "q":
            self.left = True
        elif key == "?":
            self.page = Page("The keys of wctl top", HELP)
        elif key == "/":
            self.typing = True
        elif key == "escape":
            self._listing.narrow(text="")
        elif key == "f":
            self._listing.narrow(which=self._listing.which.next())
        elif self._distance(key):
            self._listing.move(self._distance(key))
        else:
            return self._command(key)
        return None

    def _command(self, key: str) -> Command | None:
        """Return a command that changes nothing; one that does waits for an answer."""
        item = self._listing.current
        if item is None:
            return None
        if key in _READ:
            words, place = _READ[key]
            name = item.program or item.name if key in _OF_PROGRAMS else item.name
            return Command((*words, "--", name), place)
        if key in _ACT:
            self._asked = Command((*_ACT[key], "--", item.name))
        elif key in ("+", "-"):
            self._asked = _scale(item, 1 if key == "+" else -1)
        return None


def _scale(item: Item, more: int) -> Command | None:
    if item.program is None or item.size + more < 0:
        return None
    return Command(("scale", "--", item.program, str(item.size + more)))
