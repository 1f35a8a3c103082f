"""when: points in time as users type them."""

from __future__ import annotations

import time
from datetime import datetime

import pytest

from wctl.systemd import when

MINUTE = 60_000_000


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("now", 0),
        ("10 min ago", 10 * MINUTE),
        ("-10min", 10 * MINUTE),
        ("10m", 10 * MINUTE),
        ("1h 30min ago", 90 * MINUTE),
        ("90", 90_000_000),
        ("+1h", -60 * MINUTE),
        ("2d", 2 * 24 * 60 * MINUTE),
    ],
)
def test_lengths_of_time_count_back_from_now(text: str, ago: int) -> None:
    """A time span counts back from now, with or without "ago" and "-"; "+" is the future."""
    assert abs(time.time_ns() // 1000 - ago - when.moment(text)) < 5_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@1767225600", 1_767_225_600_000_000),
        ("2026-01-01 00:00:00Z", 1_767_225_600_000_000),
        ("2026-01-01T00:00:00.5+00:00", 1_767_225_600_500_000),
        ("2026-01-01T00:00:00.123456789Z", 1_767_225_600_123_456),
        ("2026-01-01 01:00 UTC", 1_767_229_200_000_000),
    ],
)
def test_dates(text: str, expected: int) -> None:
    """Dates with a zone, and seconds since the epoch, are exact."""
    assert when.moment(text) == expected


def test_clock_and_days_are_local() -> None:
    """09:30 is today's; yesterday begins at midnight."""
    clock = datetime.fromtimestamp(when.moment("9:30") / 1_000_000)
    assert (clock.hour, clock.minute) == (9, 30)
    day = datetime.fromtimestamp(when.moment("yesterday") / 1_000_000)
    assert (day.hour, day.minute, day.second) == (0, 0, 0)


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-13-01", "10 parsecs", "25:99", "@x", "--1h", "@inf", "@nan"]
)
def test_nonsense_is_an_error(text: str) -> None:
    """A text that is no time is an error: wctl does not guess."""
    with pytest.raises(ValueError):
        when.moment(text)


@pytest.mark.parametrize(
    "text", ["9" * 5000, f"@{'9' * 5000}", f"+{'9' * 20}", "9" * 400 + " weeks ago"]
)
def test_too_far_away(text: str) -> None:
    """A time that no 64 bits hold is an error like any other."""
    with pytest.raises(ValueError, match="too far away"):
        when.moment(text)


def test_before_the_epoch() -> None:
    """The journal has no times before the epoch."""
    assert when.moment("5000 weeks ago") == when.moment("1930-01-01 00:00Z") == 0
