"""hints: what people write becomes the option that they mean."""

from __future__ import annotations

import re

import pytest

from wctl.config import hints
from wctl.config.ini import Entry
from wctl.config.options import OPTION
from wctl.errors import Place

PLACE = Place("f", 1)


def test_keys() -> None:
    """No hint is about an option that exists, and each names options that do."""
    keys = vars(hints)["_KEYS"]
    assert keys.keys() & OPTION.keys() == set()
    named = {word for key in keys for word in re.findall(r"use ([a-z_]+)\b", hints.of_key(key))}
    assert named - OPTION.keys() == {"systemd", "a"}  # systemd.SECTION.KEY; a timer


def test_no_hint() -> None:
    """An uncommon key has no hint, so that its nearest neighbour can be found."""
    assert hints.of_key("autostrat") == ""


@pytest.mark.parametrize(
    ("key", "value", "comment", "expected"),
    [
        ("command", "sh -c 'a", "; b'", "; what follows ' ;' is a comment, also within quotes"),
        ("environment", 'A="x', "#y", "; what follows ' #' is a comment, also within quotes"),
        ("command", "sh -c 'a", "", ""),
        ("command", "sh -c a", "; b", ""),
        ("user", '"me"', "", "; the quotes are part of the value, leave them out"),
        ("command", '"me"', "", ""),
        ("user", '"', "", ""),
    ],
)
def test_values(key: str, value: str, comment: str, expected: str) -> None:
    """A quote that a comment cut off, and quotes that are part of a value, are named."""
    assert hints.of_value(Entry(key, value, PLACE, comment)) == expected
