"""env_file: wctl reads and writes EnvironmentFile= as systemd does."""

from __future__ import annotations

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
