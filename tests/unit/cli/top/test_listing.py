"""listing: which instances "wctl top" shows, in which order, and which one is selected."""

from __future__ import annotations

from collections import Counter

from wctl.cli.status.row import Row
from wctl.cli.top.listing import Listing, Which
from wctl.operate.states import Process, State


def row(name: str, state: State = State.RUNNING, *, group: str = "", why: str = "") -> Row:
    """Returns an instance; without a number, a program that is scaled to 0."""
    program, _, number = name.partition("@")
    unit = f"{name}.service" if number else name
    pid = 1 if state is State.RUNNING else 0
    return Row(Process(program, group or program, unit, state, why, pid, None))


ROWS = [
    row("mailer@00"),
    row("mailer@01"),
    row("solo@00"),
    row("idle", State.STOPPED, why="scaled to 0"),
    row("cart@00", State.FATAL, group="shop", why="no database"),
    row("pay@00", group="shop"),
    row("pay@01", State.BACKOFF, group="shop"),
]


def sizes(rows: list[Row]) -> Counter[str]:
    """Returns how many instances the programs have if all of them are in ``rows``."""
    return Counter(each.process.program for each in rows if "@" in each.process.unit)


def names(listing: Listing) -> list[str]:
    """Returns what is shown, indented."""
    return ["  " * item.depth + item.name for item in listing.items]


def made(rows: list[Row] | None = None) -> Listing:
    listing = Listing()
    rows = ROWS if rows is None else rows
    listing.show(rows, sizes(rows))
    return listing


def test_trouble_comes_first() -> None:
    """Groups with what failed come first, in them its program, and there the instance."""
    assert names(made()) == [
        "shop:",
        "  cart@00",
        "  pay",
        "    pay@01",
        "    pay@00",
        "idle",
        "mailer",
        "  mailer@00",
        "  mailer@01",
        "solo@00",
    ]


def test_sizes() -> None:
    """What + and - start from: the instances of the program, shown or not, named or not."""
    listing = made()
    listing.narrow(text="pay@01")
    found = {item.name: (item.program, item.size) for item in listing.items}
    assert found == {"shop:": (None, 0), "pay": ("pay", 2), "pay@01": ("pay", 2)}
    listing.show([row("pay@01")], {"pay": 5})
    assert [(item.name, item.size) for item in listing.items] == [("pay@01", 5)]
    assert [item.size for item in made().items if item.name == "idle"] == [0]


def test_states() -> None:
    """f goes from all to what is in trouble, runs, and does not run, and back to all."""
    listing = made()
    shown = {}
    for _ in Which:
        listing.narrow(which=listing.which.next())
        shown[listing.which] = {item.name for item in listing.items if item.row}
    assert shown == {
        Which.TROUBLE: {"cart@00", "pay@01"},
        Which.RUNNING: {"mailer@00", "mailer@01", "solo@00", "pay@00", "pay@01"},
        Which.DOWN: {"cart@00", "idle"},
        Which.ALL: {each.process.shown for each in ROWS},
    }


def test_text_is_looked_for_in_all_that_is_shown() -> None:
    """In names, groups, states and reasons, whatever their case."""
    for text, expected in (
        ("DATABASE", {"cart@00"}),
        ("shop", {"cart@00", "pay@00", "pay@01"}),
        ("fatal", {"cart@00"}),
        ("nonesuch", set()),
    ):
        listing = made()
        listing.narrow(text=text)
        assert {item.name for item in listing.items if item.row} == expected, text
        assert (listing.current is None) == (not expected)


def test_the_selection_follows_what_is_selected() -> None:
    """Also when it moves up because it failed; if it is gone, what took its place is selected."""
    listing = made()
    while listing.current and listing.current.name != "mailer@01":
        listing.move(1)
    failed = [*ROWS[:1], row("mailer@01", State.FATAL), *ROWS[2:]]
    listing.show(failed, sizes(failed))
    assert listing.current and listing.current.name == "mailer@01"
    at = listing.place()[0]
    listing.show([each for each in failed if each.process.shown != "mailer@01"], sizes(failed))
    assert listing.place()[0] == at
    listing.show([], {})
    assert listing.place() == (0, 0)
    listing.show(ROWS, sizes(ROWS))
    assert listing.current is not None


def test_the_window_has_the_selected_line() -> None:
    """It scrolls no further than it must, and never beyond the end."""
    listing = made([row(f"w@{number:02d}") for number in range(20)])

    def lines() -> tuple[str, str]:
        window = listing.window(5)
        assert listing.current in window
        return window[0].name, window[-1].name

    assert lines() == ("w", "w@03")
    listing.move(7)
    assert lines() == ("w@02", "w@06")
    listing.move(-3)
    assert lines() == ("w@02", "w@06")
    listing.move(1000)
    assert lines() == ("w@15", "w@19")
    listing.move(-1000)
    assert lines() == ("w", "w@03")
    listing.move(1000)
    listing.show([row("w@00"), row("w@01")], {"w": 2})
    assert [item.name for item in listing.window(5)] == ["w", "w@00", "w@01"]
