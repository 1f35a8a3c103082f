"""unit_name: names of programs, units and directories."""

from __future__ import annotations

import pytest

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
