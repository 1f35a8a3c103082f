"""text: what workers and users wrote, for a terminal and for a shell."""

from __future__ import annotations

import subprocess
import tracemalloc

import pytest

from wctl.trust.text import printable, shell_join, visible, visible_line

OBEYED = [
    "\x1b]0;title\x07",
    "\x1b]52;c;Y21k\x1b\\",  # the clipboard
    "\x1bP1$r\x1b\\",
    "\x1b[2J",
    "\x1b[10;20H",
    "\x1b[?1049h",
    "\x1b[6n",  # makes the terminal type an answer
    "\x1b[8m",  # hides what follows
    "\x1b[5m",
    "\x1b[31;8m",
    "\x1b[38;2;1;2;3;8m",  # a terminal takes three numbers for the colour, and 8 hides
    "\x1b[38;5;1;5m",
    "\x1b[>4;1m",
    "\x1bc",
    "\x1b(0",
    "\x1b#8",
    "\x9b31m",
    "\x9d0;t\x9c",
    "\x07",
    "\x08",
    "\r",
    "\x0c",
    "\x7f",
    "\x85",
    "\u2028",
    "\u202e",
    "\u2066",
]


@pytest.mark.parametrize("sequence", OBEYED)
def test_what_a_terminal_obeys_does_not_reach_it(sequence: str) -> None:
    """Of a sequence, at most its printable characters stay."""
    for shown in (visible(f"a{sequence}b"), printable(f"a{sequence}b")):
        assert shown.startswith("a") and shown.endswith("b")
        assert shown.isprintable()


@pytest.mark.parametrize(
    "style",
    [
        *("", "0", "1", "31", "1;31", "38;5;208", "48;2;1;2;3", "38:2::1:2:3", "38:2:1:2:3"),
        *("01;97;104", "1;", ";", "38;2;1;2;3;1;38:5:7;4"),
    ],
)
def test_colours_stay(style: str) -> None:
    """The colours and styles of a worker reach a terminal, and end with its line."""
    text = f"\x1b[{style}mred\tand blue"
    assert visible(f"{text}\nx") == f"{text}\nx"
    assert visible_line(text.encode()) == f"{text}\x1b[0m".encode()


@pytest.mark.parametrize(
    "piece",
    [
        "38;2;1;1;1;1;",
        "38;2;1;1;1;",
        "38:2:1:1:1:1;",
        ";",
        "1",
        "\x1b[",
        "\x1b]",
        "\x1b[38;2;",
        "\x1b ",
    ],
)
def test_sequences_without_end_take_no_time(piece: str) -> None:
    """A line of a megabyte that begins like colours and is none: each byte is looked at once."""
    line = "\x1b[" + piece * ((1 << 20) // len(piece))
    assert "\x1b" not in visible(f"{line}x")
    assert "\x1b" not in printable(f"{line}x")


def test_many_styles_take_no_memory() -> None:
    """A sequence of many styles costs not much more than its own length."""
    line = "\x1b[" + "1;" * (1 << 16) + "m"
    tracemalloc.start()
    assert visible(line) == line
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * len(line)


def test_text_stays() -> None:
    """Text of every language stays, and so do characters that belong together."""
    text = "naïve 日本 👩\u200d🚀 שלום"
    assert visible(text) == text
    assert visible("cut off\x1b") == "cut off"
    assert visible_line(text.encode() + b"\xff") == f"{text}�".encode()


def test_lines_are_one_line() -> None:
    """No newline of a value begins a line that passes for one of wctl's."""
    assert printable("a\nw@01  FATAL") == "a w@01  FATAL"


@pytest.mark.parametrize("word", ["a b", "it's", "\x1b[31m", "a\nb", "\\'\x01", "é", "\udcff", ""])
def test_pasted_commands_are_printable_and_the_same(word: str) -> None:
    """A command to paste holds nothing that a terminal obeys; the shell gets the very words."""
    command = shell_join(["printf", "%s", word])
    assert command.isprintable()
    shown = subprocess.run(["bash", "-c", command], capture_output=True, check=True)
    assert shown.stdout == word.encode(errors="surrogateescape")


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("it's", '"it\'s"'),
        ("select 'async'", "\"select 'async'\""),
        ("a b", "'a b'"),
        ("plain", "plain"),
    ],
)
def test_quotes_can_be_read(word: str, shown: str) -> None:
    """A word with a quote in it stands in the other quotes."""
    assert shell_join([word]) == shown
