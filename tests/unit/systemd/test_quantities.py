"""quantities: systemd's infinity, and sizes and spans as users read them."""

from __future__ import annotations

import pytest

from wctl.systemd.quantities import INFINITY, exact_size, known, size_in_words, span_in_words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0B"),
        (999, "999B"),
        (1000, "1000B"),
        (1024, "1K"),
        (100_000, "97.7K"),
        (1023 << 10, "1023K"),
        (256 << 20, "256M"),
        (3 << 29, "1.5G"),
        (5 << 40, "5T"),
        (5000 << 40, "5000T"),
    ],
)
def test_sizes_have_three_digits(count: int, words: str) -> None:
    """A size has a suffix that systemd also accepts, and no more digits than a user reads."""
    assert size_in_words(count) == words


@pytest.mark.parametrize(("size", "exact"), [("1025", "1025"), ("268435456", "256M"), ("5%", "5%")])
def test_sizes_in_units_lose_nothing(size: str, exact: str) -> None:
    """A limit has a suffix only if the number of bytes is exactly the same."""
    assert exact_size(size) == exact


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.1, "100 ms"), (1, "1 s"), (90, "1 min 30 s"), (86_400 + 60, "1 d 1 min")],
)
def test_spans(seconds: float, words: str) -> None:
    """A span names the units that it has, largest first."""
    assert span_in_words(int(seconds * 1_000_000)) == words


def test_infinity_is_not_known() -> None:
    """systemd uses the largest number for "no limit" and for "unknown"."""
    assert (known(INFINITY), known(0), known("5")) == (None, 0, 5)
