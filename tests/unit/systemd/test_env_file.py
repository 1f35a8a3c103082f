"""env_file: wctl reads and writes EnvironmentFile= as systemd does."""

from __future__ import annotations

import tracemalloc

import pytest

from wctl.systemd import env_file
from wctl.systemd.env_file import environment_file


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1\nB = two words  \n", {"A": "1", "B": "two words"}),
        ("# A=1\n; B=2\n\nC=3", {"C": "3"}),
        ("A='it is $x'\n", {"A": "it is $x"}),
        ('A="a \\"b\\" \\$c \\n"\n', {"A": 'a "b" $c \\n'}),
        ("A=x\\ y\nB=1", {"A": "x y", "B": "1"}),
        ('A="two\nlines"\nB=1', {"A": "two\nlines", "B": "1"}),
        ("A=one\\\ntwo\n", {"A": "onetwo"}),
        ("A=1\nA=2\n", {"A": "2"}),
        ("1A=1\nA-B=2\nnothing\n", {}),
        ("A=\nB=1\n", {"A": "", "B": "1"}),
    ],
)
def test_syntax(text: str, expected: dict[str, str]) -> None:
    """Quotes, escapes, comments and continued lines mean what they mean to systemd."""
    assert env_file.parse(text) == expected


def test_our_own_files_come_back() -> None:
    """wctl reads back what it has written for systemd, whatever the values hold."""
    values = {"A": 'it\'s "so" $x `y` \\ %i', "B": "a\nb", "C": "", "D": "ü ; # x"}
    assert env_file.parse(environment_file(values.items())) == values


@pytest.mark.parametrize(
    "piece", ["\n", "A=\n", "A='' ", "A=\\", 'A="\\a', "''", "\\\n", "= ", "=\\'"]
)
def test_hostile_files_take_no_time(piece: str) -> None:
    """A file of megabytes, of which another user wrote each byte, is read in a moment."""
    for begin in ("", 'A="'):
        variables = env_file.parse(begin + piece * ((2 << 20) // len(piece)))
        assert set(variables) <= {"A"}


def test_quotes_take_no_memory() -> None:
    """What stands in quotes costs a few times its length, however many escapes it has."""
    text = 'A="' + "\\a" * (1 << 16) + '"'
    tracemalloc.start()
    assert env_file.parse(text) == {"A": "\\a" * (1 << 16)}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * len(text)


@pytest.mark.parametrize("text", ["A=1\0", "#\0\nA=1\n"])
def test_nul_characters(text: str) -> None:
    """As systemd, we take nothing from a file with a NUL character, also outside values."""
    with pytest.raises(env_file.NulError):
        env_file.parse(text)


@pytest.mark.parametrize("text", ["A='x\nB=1\n", 'A=y"x\nB=1\n', "A=1\\"])
def test_quotes_without_end(text: str) -> None:
    """The value ends at such a quote, and the next line is one of its own."""
    found = env_file.parse(text)
    assert found.get("B", "1") == "1" and found["A"] in ("", "y", "1")


def test_empty_quotes_are_no_beginning() -> None:
    """Blanks outside quotes do not begin or end a value, those in quotes do."""
    assert env_file.parse("A='' x ' ' \n") == {"A": "x  "}
