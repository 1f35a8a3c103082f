"""file_tail: the end of log files, and what comes after."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wctl.operate import file_tail
from wctl.operate.file_tail import FileTail
from wctl.operate.log_files import LogFile


def tail(path: Path) -> FileTail:
    """Returns the tail of a file of ours."""
    return FileTail(LogFile("stdout", path, os.getuid()))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 100])
@pytest.mark.parametrize("end", ["\n", ""])
@pytest.mark.parametrize("chunk", [1, 2, 5, 1 << 16])
def test_last_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, end: str, chunk: int
) -> None:
    """The last lines, as tail(1) counts them: the last line need not have an end."""
    monkeypatch.setattr(file_tail, "_CHUNK", chunk)
    lines = ["one\n", "\n", "three\n", "\n", "\n", "sechs, ü\n", "7" + end]
    path = tmp_path / "log"
    path.write_text("".join(lines))
    expected = "".join(lines[len(lines) - min(count, len(lines)) :])
    with tail(path) as log:
        assert b"".join(log.last_lines(count)).decode() == expected


def test_last_bytes(tmp_path: Path) -> None:
    """The last bytes, or the whole file if it is shorter."""
    path = tmp_path / "log"
    path.write_text("0123456789")
    with tail(path) as log:
        assert b"".join(log.last_bytes(4)) == b"6789"
        assert b"".join(log.last_bytes(40)) == b"0123456789"


@pytest.mark.parametrize("last", ["last_lines", "last_bytes"])
def test_a_file_that_grows_faster_than_it_is_read(tmp_path: Path, last: str) -> None:
    """The end is where it was when we looked, or a fast worker would keep us for ever."""
    path = tmp_path / "log"
    path.write_text("a\n" * 3)
    with tail(path) as log, path.open("ab", buffering=0) as writer:
        shown = b""
        for piece in getattr(log, last)(1000):
            shown += piece
            writer.write(b"b" * (1 << 17))
        assert shown == b"a\n" * 3
        assert next(log.more()).startswith(b"b")  # nor is anything lost


def test_more_is_what_was_written_since(tmp_path: Path) -> None:
    """Nothing is shown twice, or lost: on a rotation, the rest of the old file comes first."""
    path = tmp_path / "log"
    path.write_text("old\n")
    with tail(path) as followed:
        assert b"".join(followed.last_lines(0)) == b""
        with path.open("a") as writer:
            writer.write("a\n")
            writer.flush()
            assert b"".join(followed.more()) == b"a\n"
            assert b"".join(followed.more()) == b""
            path.rename(tmp_path / "log.1")
            writer.write("b\n")
            writer.flush()
            assert b"".join(followed.more()) == b"b\n"
            writer.write("c\n")
        path.write_text("d\n")
        assert b"".join(followed.more()) == b"c\nd\n"
        os.truncate(path, 0)
        with path.open("a") as writer:
            writer.write("e")
        assert b"".join(followed.more()) == b"e"


def test_file_that_comes_back_as_something_else(tmp_path: Path) -> None:
    """While a FIFO stands in the place of the file, nothing is read and nothing waits."""
    path = tmp_path / "log"
    path.write_text("old\n")
    with tail(path) as followed:
        assert b"".join(followed.last_lines(10)) == b"old\n"
        path.unlink()
        os.mkfifo(path)
        assert b"".join(followed.more()) == b""
        path.unlink()
        path.write_text("new\n")
        assert b"".join(followed.more()) == b"new\n"
