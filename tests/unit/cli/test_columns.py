"""columns: text on a terminal, whose lines have columns, not characters."""

from __future__ import annotations

import pytest

from wctl.cli.columns import columns, padded, wrapped

QUEUE = "\u961f\u5217"  # two Chinese characters


@pytest.mark.parametrize(
    ("text", "width"), [("", 0), ("abc", 3), (QUEUE, 4), ("e\u0301", 1), (f"a{QUEUE}", 5)]
)
def test_columns(text: str, width: int) -> None:
    """A Chinese character takes two columns, a combining one none."""
    assert columns(text) == width
    assert padded(text, 6) == text + " " * (6 - width)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("a", ["a"]),
        ("one two three", ["one", "two", "three"]),
        ("a b c d e", ["a b c", "d e"]),
        ("a  b", ["a  b"]),  # an argument that a command quotes
        ("ab seventeen", ["ab", "seven", "teen"]),
        (f"{QUEUE} b", [QUEUE, "b"]),
        (QUEUE * 2, [QUEUE, QUEUE]),
    ],
)
def test_lines_are_no_wider_than_five_columns(text: str, lines: list[str]) -> None:
    """They end between words, and within a word only if it is too long."""
    assert wrapped(text, 5) == lines


def test_there_may_be_no_room() -> None:
    """A terminal may have one column: then a wide character is wider than it, and nothing hangs."""
    assert wrapped(f"ab {QUEUE}", 1) == ["a", "b", *QUEUE]
