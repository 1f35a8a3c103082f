"""unit_name: names of programs, units and directories."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wctl.systemd import unit_name


@pytest.mark.parametrize(
    ("name", "escaped", "directory"),
    [
        ("messenger-worker", "messenger-worker", "messenger-worker"),
        ("app+x", "app\\x2bx", "app%2bx"),
        ("wörker", "w\\xc3\\xb6rker", "w%c3%b6rker"),
        ("a%2bb", "a\\x252bb", "a%252bb"),
        ("a\\x2bb", "a\\x5cx2bb", "a%5cx2bb"),
    ],
)
def test_a_directory_has_no_backslash(name: str, escaped: str, directory: str) -> None:
    """Two programs never share a directory, and its name is one that every systemd takes."""
    assert unit_name.escape(name) == escaped
    assert unit_name.directory(escaped) == directory


@pytest.mark.parametrize("longest", ["a-" * 48 + "aa", "ö" * 17 + "abcd", "a+" * 30 + "aa"])
def test_the_slice_of_a_program_needs_a_name(longest: str) -> None:
    """A name is refused if systemd could not name the slice; as a group's, it is fine."""
    assert unit_name.of_program(longest) == unit_name.escape(longest)
    with pytest.raises(ValueError, match="systemd would need 256 characters"):
        unit_name.of_program(f"{longest}b")
    assert unit_name.escape(f"{longest}b")


def test_the_longest_name() -> None:
    """A name of 185 letters has room for what systemd adds; a longer name does not."""
    assert unit_name.of_program("a" * 185) == "a" * 185
    with pytest.raises(ValueError, match="expected at most 185 characters, it has 186"):
        unit_name.escape("a" * 186)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("messenger-worker@00", "messenger-worker@00"),
        ("app\\x2bx@01", "app+x@01"),
        ("w\\xc3\\xb6rk", "wörk"),
        ("a\\x2cb", "a\\x2cb"),  # a person who types a comma means a selector
        ("\\x2dx", "\\x2dx"),
        ("a\\xffb", "a\\xffb"),  # not UTF-8
        ("a\\x1bb", "a\\x1bb"),  # a terminal would obey it
        ("a\\x5cx", "a\\x5cx"),
    ],
)
def test_what_is_shown_can_be_typed(name: str, shown: str) -> None:
    """Escapes are undone for people, unless the result would name something different."""
    assert unit_name.shown(name) == shown
    assert unit_name.typed(shown) == name


@given(st.text())  # without surrogates, as a name in UTF-8
def test_quoted_texts_come_back(text: str) -> None:
    """A quoted text is one word in ASCII, and has nothing that continues a line."""
    word = unit_name.quoted(text)
    assert re.fullmatch(r"([A-Za-z0-9_.%()-]|\\x[0-9a-f]{2})*", word, re.ASCII)
    assert unit_name.unquoted(word) == text


@pytest.mark.parametrize(
    ("selector", "group"),
    [("g:", "g"), ("g:*", "g"), ("g", None), ("g:p", None), ("g:*x", None), (":", "")],
)
def test_the_notation_for_a_group(selector: str, group: str | None) -> None:
    """NAME: and NAME:* are Supervisor's words for a group."""
    assert unit_name.group_typed(selector) == group
