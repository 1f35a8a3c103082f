"""paint: the lines of "wctl top" on terminals of several widths."""

from __future__ import annotations

import pytest

from unit.cli.top.test_listing import ROWS, row, sizes
from wctl.cli.columns import columns
from wctl.cli.status.row import Row
from wctl.cli.top import paint
from wctl.cli.top.controls import HELP, KEYS, Page
from wctl.cli.top.listing import Listing, Which
from wctl.cli.top.paint import Line
from wctl.operate.details import Details
from wctl.operate.states import State

LONG = "Exited too quickly: gave up after 4 failed starts in a row: exit status 1"


def made(rows: list[Row]) -> Listing:
    listing = Listing()
    listing.show(rows, sizes(rows))
    return listing


def text(line: Line) -> str:
    return "".join(span.text for span in line.spans)


def screen(rows: list[Row], width: int, height: int = 20) -> list[str]:
    """Returns the header and the list."""
    loads = {"mailer@00.service": 0.256}
    return [text(line).rstrip() for line in paint.table(made(rows), loads, width, height)]


def using(one: Row) -> Row:
    return Row(one.process, Details(5 << 20, 256 << 20, 1.0, 2, 3))


def test_wide() -> None:
    """Every instance has a line, below its program and group, which count states."""
    assert screen([*map(using, ROWS[:3]), *ROWS[3:]], 80) == [
        "NAME         STATE    PID  RESTARTS   MEMORY  CPU",
        "shop:        1 FATAL, 1 BACKOFF, 1 RUNNING",
        "  cart@00    FATAL    no database",
        "  pay        1 BACKOFF, 1 RUNNING",
        "    pay@01   BACKOFF    -         -        -    -",
        "    pay@00   RUNNING    1         -        -    -",
        "idle         STOPPED  scaled to 0",
        "mailer       2 RUNNING",
        "  mailer@00  RUNNING    1         3  5M/256M  26%",
        "  mailer@01  RUNNING    1         3  5M/256M    -",
        "solo@00      RUNNING    1         3  5M/256M    -",
    ]


@pytest.mark.parametrize("width", [1, 5, 20, 40, 60, 80, 200])
def test_it_fits(width: int) -> None:
    """No line is wider than the terminal, however narrow that is."""
    rows = [*ROWS, row("\u4e2d\u6587@00", State.FATAL, why=LONG), row("x" * 150 + "@00")]
    listing = made(rows)
    lines = paint.table(listing, {}, width, 30)
    page = Page("keys", HELP)
    lines += [paint.title(listing, width), paint.bar(listing, width), *paint.page(page, width, 9)]
    assert max(columns(text(line)) for line in lines) <= max(width, 10)


def test_one_line_is_selected() -> None:
    """It is the one that the listing has selected."""
    listing = made(ROWS)
    listing.move(3)
    lines = paint.table(listing, {}, 80, 20)
    assert [text(line).split()[0] for line in lines if line.selected] == ["pay@01"]


def test_the_reason_is_whole_below_the_list() -> None:
    """What the line cuts off stands below, with the worker's last lines as they may be shown."""
    listing = made([row("w@00", State.FATAL, why=LONG)])
    assert screen([row("w@00", State.FATAL, why=LONG)], 40)[1].endswith("\u2026")
    assert listing.current is not None
    found = paint.reason(listing.current, 40, ["no \x1b[2Jdatabase"])
    assert [text(line) for line in found] == [
        "w@00: Exited too quickly: gave up after",
        "4 failed starts in a row: exit status 1",
        "  no database",
    ]
    healthy = made([row("w@00")]).current
    assert healthy is not None
    assert paint.reason(healthy, 40, []) == []


def test_the_title_counts_and_says_what_is_hidden() -> None:
    """The worst comes first; a program that is scaled to 0 is no instance."""
    listing = made(ROWS)
    title = text(paint.title(listing, 120))
    assert title.startswith("wctl top  6 instances: 1 FATAL, 1 BACKOFF, 4 RUNNING  ")
    listing.narrow(text="pay", which=Which.RUNNING)
    assert "(shown: running)  (with: pay)" in text(paint.title(listing, 120))
    listing.narrow(text="nonesuch")
    assert text(paint.table(listing, {}, 80, 9)[1]) == "no instance matches"


def test_every_key_has_help() -> None:
    """The bar names keys that the help explains."""
    keys = {word for names in KEYS for word in names.replace(",", "").split()}
    bar = text(paint.bar(made(ROWS), 200)).partition("  1/")[0]
    shown = [entry.split()[0] for entry in bar.split("  ") if entry.strip()]
    assert {"q", "?", "s", "S", "r", "R", "+", "l", "e", "/"} == set(shown) <= keys


def test_a_page_is_wrapped_and_scrolls() -> None:
    """What goes on stands below the beginning of its text; there is an end to scrolling."""
    page = Page("wctl explain w", ["w:", "  12345 7890 23456 890", "", "\x1b[2Jend"])
    shown = [text(line) for line in paint.page(page, 12, 9)]
    assert shown[:6] == ["wctl explai\u2026", "w:", "  12345 7890", "  23456 890", "", "end"]
    assert shown[6:] == ["", "", "q goes back\u2026"]
    page.at = 1000
    shown = [text(line) for line in paint.page(page, 40, 5)]
    assert shown[1:] == ["  12345 7890 23456 890", "", "end", "q goes back to the list"]
    page.at = -1000
    assert text(paint.page(page, 60, 5)[-1]) == "1 more line below; q goes back to the list"
