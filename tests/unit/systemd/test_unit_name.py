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
