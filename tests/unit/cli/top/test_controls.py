"""controls: what the keys of "wctl top" do."""

from __future__ import annotations

import pytest

from unit.cli.top.test_listing import ROWS, sizes
from wctl.cli.top.controls import Command, Controls, Place
from wctl.cli.top.listing import Listing, Which


@pytest.fixture
def listing() -> Listing:
    listing = Listing()
    listing.show(ROWS, sizes(ROWS))
    return listing


def select(listing: Listing, name: str) -> Controls:
    """Returns the controls, with ``name`` selected."""
    listing.move(-1000)
    while listing.current and listing.current.name != name:
        listing.move(1)
    return Controls(listing)


def words(command: Command | None) -> str:
    return "" if command is None else " ".join(command.words)


@pytest.mark.parametrize(
    ("name", "key", "question", "command"),
    [
        ("mailer@01", "s", "start mailer@01? [y/n]", "start -- mailer@01"),
        ("mailer@01", "S", "stop mailer@01? [y/n]", "stop -- mailer@01"),
        ("mailer", "r", "restart mailer? [y/n]", "restart -- mailer"),
        ("shop:", "R", "restart --rolling shop:? [y/n]", "restart --rolling -- shop:"),
        ("mailer@01", "+", "scale mailer 3? [y/n]", "scale -- mailer 3"),
        ("pay", "-", "scale pay 1? [y/n]", "scale -- pay 1"),
        ("idle", "+", "scale idle 1? [y/n]", "scale -- idle 1"),
        ("idle", "-", "", ""),
        ("shop:", "+", "", ""),
    ],
)
def test_changes_ask_first(
    listing: Listing, name: str, key: str, question: str, command: str
) -> None:
    """y runs what the question says, and any other key does not."""
    controls = select(listing, name)
    for answer, expected in (("n", ""), ("enter", ""), (key, ""), ("y", command)):
        assert controls.press(key) is None
        assert controls.question == question
        if question:
            assert words(controls.press(answer)) == expected
        assert controls.question == ""


@pytest.mark.parametrize(
    ("name", "key", "command", "place"),
    [
        ("mailer@01", "l", "logs --follow -- mailer@01", Place.TERMINAL),
        ("mailer@01", "h", "history -- mailer@01", Place.PAGE),
        ("mailer@01", "e", "explain -- mailer", Place.PAGE),
        ("mailer@01", "d", "doctor -- mailer", Place.PAGE),
        ("shop:", "d", "doctor -- shop:", Place.PAGE),
    ],
)
def test_reading_asks_nothing(
    listing: Listing, name: str, key: str, command: str, place: Place
) -> None:
    """What changes nothing begins at once; explain and doctor are about a program."""
    found = select(listing, name).press(key)
    assert found is not None
    assert (words(found), found.place) == (command, place)


def test_the_filter_is_typed(listing: Listing) -> None:
    """Letters are text, also those that are keys; Enter keeps it, Escape forgets it."""
    controls = Controls(listing)
    for key in ("/", "p", "a", "q", "backspace", "y", ""):
        controls.press(key)
    assert (controls.question, listing.text, controls.left) == ("/pay", "pay", False)
    controls.press("enter")
    assert (controls.question, listing.text) == ("", "pay")
    controls.press("escape")
    assert listing.text == ""
    for key in ("/", "x", "escape"):
        controls.press(key)
    assert (controls.typing, listing.text) == (False, "")


def test_movements(listing: Listing) -> None:
    """Lines, pages, and the ends of the list."""
    controls = Controls(listing)
    controls.height = 4
    places = []
    for key in ("down", "j", "up", "k", "page down", "page up", "end", "home"):
        controls.press(key)
        places.append(listing.place()[0])
    assert places == [2, 3, 2, 1, 5, 1, 10, 1]


def test_states_and_leaving(listing: Listing) -> None:
    """f is for states, q leaves."""
    controls = Controls(listing)
    controls.press("f")
    assert listing.which is Which.TROUBLE
    controls.press("q")
    assert controls.left


def test_a_page_has_its_own_keys(listing: Listing) -> None:
    """They scroll, and go back to the list; nothing is done to what is selected there."""
    controls = Controls(listing)
    controls.press("?")
    page = controls.page
    assert page is not None
    for key in ("s", "r", "y", "?"):
        assert controls.press(key) is None
    assert (controls.question, page.at) == ("", 0)
    controls.press("down")
    assert (page.at, listing.place()[0]) == (1, 1)
    controls.press("q")
    assert (controls.page, controls.left) == (None, False)


def test_an_empty_list_takes_keys() -> None:
    """No key fails where there is nothing to act on."""
    controls = Controls(Listing())
    for key in ("s", "+", "l", "e", "down", "page down", "end", "x", ""):
        assert controls.press(key) is None
        assert controls.question == ""
