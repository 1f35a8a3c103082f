"""unit_file: systemd reads back every text unchanged, whatever the text holds."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from wctl.errors import WctlError
from wctl.systemd import env_file
from wctl.systemd.env_file import environment_file
from wctl.systemd.unit_file import Raw, Section, Unit, Word, fits, specifier
from wctl.units.marker import directives

HOSTILE = (
    "", " ", "'", '"', "it's", 'say "so"', "%", "%i 100%%", "$", "$HOME ${X} $$", "\\", "a\\b\\n",
    " two  words ", "two\nlines", "tab\tand\rreturn", "\x01\x1b\x7f", "wörker ✓ 日本", "`id`", ";",
    "#x", "a\u2028b\x85c", "!", "@", "-", "|", "+", "~", "*", "a=b", "[x]", "{}", "\\x41", "<>&",
    "x\\",
)  # fmt: skip


def written(write: Callable[[Section], None]) -> str:
    """Returns the lines of a section."""
    section = Section("Service")
    write(section)
    return "\n".join(section.lines)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["plain"], "X=plain"),
        (["two  words"], "X=two  words"),
        (["100%", Raw(" %i")], "X=100%% %i"),
        (["$HOME 'x' \"y\" ö"], "X=$HOME 'x' \"y\" ö"),
        (["a\\b"], "X=a\\b"),
        ([], "X="),
    ],
)
def test_set(words: list[Word], expected: str) -> None:
    """A plain value is unchanged except for %, which is doubled: it would begin a specifier."""
    assert written(lambda section: section.set("X", *words)) == expected


@pytest.mark.parametrize("value", ["a\nb", "a\x00", "a\x7f", "a\\", "a\r"])
def test_set_writes_one_line(value: str) -> None:
    """A value that would end its line, or continue it, never gets into a unit."""
    with pytest.raises(WctlError, match="no unit can have the line 'X="):
        Section("Service").set("X", value)
    assert not fits(value)


@pytest.mark.parametrize("value", ["a\nb", "a\x00", "a\\", "a\r"])
def test_comments_and_verbatim_lines_are_one_line(value: str) -> None:
    """A comment, or what an administrator wrote, never becomes a second directive."""
    with pytest.raises(WctlError, match="no unit can have the line"):
        Section("Unit").comment(value)
    with pytest.raises(WctlError, match="no unit can have the line"):
        Section("Unit").raw("X", value)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["/srv/app"], True),
        (["/srv/", Raw("%i")], True),
        (["/a b/ö%$'\""], True),
        (["a\\b"], True),
        ([" /a"], False),
        (["/a", " "], False),
        (["/a\tb"], False),
        ([], True),
    ],
)
def test_fits(words: list[Word], expected: bool) -> None:
    """A value with blanks at its ends, which systemd strips, does not fit; other blanks do."""
    assert fits(*words) is expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("php", "php"),
        ("--a=b:c/d.e,f+g~h@i^j", "--a=b:c/d.e,f+g~h@i^j"),
        ("", '""'),
        ("a b", '"a b"'),
        ("it's", '"it\'s"'),
        ('"', '"\\""'),
        ("50%", "50%%"),
        ("$HOME", '"$$HOME"'),
        ("a\\b", '"a\\\\b"'),
        ("\n\t\r", '"\\n\\t\\r"'),
        ("\x01\x7f", '"\\x01\\x7f"'),
        ("ö", '"ö"'),
        (";", '";"'),
        ("*", '"*"'),
        (Raw("%i"), "%i"),
        (Raw("$X y"), '"$X y"'),
    ],
)
def test_arguments(word: Word, expected: str) -> None:
    """An argument is quoted only if necessary; % and $ have a meaning only in Raw."""
    assert written(lambda section: section.command("X", [[word]])) == f"X={expected}"


def test_words_of_several_parts() -> None:
    """Literal text and specifiers make one argument, with one pair of quotes."""
    text = written(lambda section: section.command("X", [["a %", Raw("%i"), "$"], ["b"]]))
    assert text == 'X="a %%%i$$" b'


def test_long_commands_are_continued() -> None:
    """A long command has a line for each group of arguments; to systemd it is one line."""
    groups = [[["a" * 60], ["b"]], [["c" * 60]]]
    text = written(lambda section: section.command("ExecStart", *groups))
    assert text == f"ExecStart={'a' * 60} b \\\n    {'c' * 60}"
    (found,) = directives(f"[Service]\n{text}\n", "Service")
    assert (found[0], found[1].split()) == ("ExecStart", ["a" * 60, "b", "c" * 60])
    assert written(lambda section: section.command("X", [["a"]], [["b"]])) == "X=a b"


def test_environment() -> None:
    """Environment= has the quotes of a command, but $ has no meaning there (systemd.exec(5))."""
    text = written(lambda section: section.environment("A", "$x 50% ", Raw("%i"), '"\n'))
    assert text == 'Environment="A=$x 50%% %i\\"\\n"'
    assert written(lambda section: section.environment("A", "b")) == "Environment=A=b"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-/srv/logs"], "X=-/srv/logs"),
        (["-/etc x"], 'X="-/etc x"'),
        (["/it's 50%/", Raw("%i")], 'X="/it\'s 50%%/%i"'),
        (['/a "b\\'], 'X="/a \\"b\\\\"'),
    ],
)
def test_listed(words: list[Word], expected: str) -> None:
    """A value of a list stays one word, whatever blanks it has: no other path gets into the list.

    extract_first_word() of systemd takes away one backslash before any character.
    """
    assert written(lambda section: section.listed("X", *words)) == expected


def test_unit() -> None:
    """A unit has its header, then each section once, in the order of their first lines."""
    unit = Unit("x.service", ("Generated", "Do not edit"))
    unit.section("Unit").set("Description", "x")
    service = unit.section("Service")
    service.comment("Why.")
    service.flag("A", True)
    service.blank()
    service.flag("B", False)
    unit.section("Unit").raw("After", "%i \\x")
    assert unit.text() == (
        "# Generated\n# Do not edit\n\n[Unit]\nDescription=x\nAfter=%i \\x\n\n"
        "[Service]\n# Why.\nA=yes\n\nB=no\n"
    )


def test_directives() -> None:
    """directives() yields the keys of one section in order, without comments."""
    text = "# c\n[Unit]\nA=1\nA=2 = 3\n; B=4\n# C=5\nnothing\n[Service]\nD=6\n[Unit]\nE=\n"
    text += "F=a \\\n  b\n"
    assert list(directives(text, "Unit")) == [
        ("A", "1"),
        ("A", "2 = 3"),
        ("E", ""),
        ("F", "a    b"),
    ]
    assert list(directives(text, "Service")) == [("D", "6")]
    assert list(directives(text, "Install")) == []


def unescaped(text: str) -> str:
    """Returns what systemd makes of one quoted argument (systemd.syntax(7), systemd.service(5))."""
    if text.startswith('"'):
        text = re.sub(
            r'\\(x[0-9a-f]{2}|[\\"ntr])',
            lambda found: {"n": "\n", "t": "\t", "r": "\r"}.get(
                found[1], chr(int(found[1][1:], 16)) if found[1][0] == "x" else found[1]
            ),
            text[1:-1],
        )
    return text.replace("%%", "%").replace("$$", "$")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_strings_come_back(text: str) -> None:
    """A hostile string is unchanged as an argument on one line, and as a variable in a file."""
    line = written(lambda section: section.command("X", [["a"], [text], ["b"]]))
    assert "\n" not in line
    ((key, value),) = directives(f"[Service]\n{line}\n", "Service")
    assert (key, value[:2], value[-2:]) == ("X", "a ", " b")
    assert unescaped(value[2:-2]) == text
    assert env_file.parse(environment_file([("A", text), ("B", "b")])) == {"A": text, "B": "b"}
    assert specifier(text).replace("%%", "%") == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", 'A=""\n'),
        ("plain", 'A="plain"\n'),
        ("it's %i", 'A="it\'s %i"\n'),
        ('"$HOME" `id` \\n', 'A="\\"\\$HOME\\" \\`id\\` \\\\n"\n'),
        ("two\nlines", 'A="two\nlines"\n'),
    ],
)
def test_environment_file(value: str, expected: str) -> None:
    """Values are in double quotes; special characters have a backslash; % stays as it is."""
    assert environment_file([("A", value)]) == expected


def test_a_shell_reads_the_environment_file_alike(tmp_path: Path) -> None:
    """sh can also source the file: every hostile string is unchanged."""
    values = {f"V{number}": text for number, text in enumerate(HOSTILE)}
    file = tmp_path / "x.env"
    file.write_bytes(environment_file(values.items()).encode())
    quoted = " ".join(f'"${name}"' for name in values)
    script = f'. "$0"; printf "%s\\0" {quoted}'
    done = subprocess.run(["/bin/sh", "-c", script, str(file)], capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == list(values.values())
