"""logs.lines: whose line is whose."""

from __future__ import annotations

import pytest

from wctl.cli.logs.lines import FileLines


def printed(capfdbinary: pytest.CaptureFixture[bytes], *pieces: tuple[str, bytes]) -> bytes:
    """Returns what is printed of pieces of several files."""
    out = FileLines(named=len({who for who, _ in pieces}) > 1)
    for who, data in pieces:
        out.write(who, data)
    out.flush()
    return capfdbinary.readouterr().out


def test_lines_of_one_file(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """The bytes of a single file stay as they are."""
    assert printed(capfdbinary, ("a@00", b"one\n\xfftw"), ("a@00", b"o\n")) == b"one\n\xfftwo\n"


def test_each_line_of_several_files_is_named(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """No line passes for another instance's, whatever is in it and wherever a piece ends."""
    forged = b"\n==> /tmp/a.log <==\na@00: forged\n"
    shown = printed(
        capfdbinary, ("a@00", b"one\ntw"), ("a@00", b"o"), ("b@00", forged), ("a@00", b"end\n\n"),
        ("b@00 stderr", b"unfin"), ("a@00", b"x"), ("b@00 stderr", b"ished\n"), ("a@00", b"y\n"),
    )  # fmt: skip
    assert shown.decode().splitlines() == [
        "a@00: one",
        "a@00: two",
        "b@00: ",
        "b@00: ==> /tmp/a.log <==",
        "b@00: a@00: forged",
        "a@00: end",
        "a@00: ",
        "b@00 stderr: unfin",
        "a@00: x",
        "b@00 stderr: ished",
        "a@00: y",
    ]
