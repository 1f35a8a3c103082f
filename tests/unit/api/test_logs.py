"""logs: the end of a log file, or of the journal where there is none; and what clear empties."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from unit.api.workers import Workers
from wctl.api.faults import Code, Fault, Result
from wctl.systemd import journal
from wctl.systemd.journal import Line, Query

TEXT = "[program:a]\ncommand=true\n[program:b]\ncommand=true\nlog=null\n[group:g]\nprograms=b\n"
WRITTEN = [b"one", b"", b"three \xff", b"four"]
TEXT_OF_ALL = b"one\n\nthree \xff\nfour\n"


class Journal:
    """Stands in for the journal: every unit wrote the same lines; notes what was asked for."""

    def __init__(self) -> None:
        self.lines = WRITTEN
        self.identifier = "wctl"
        self.asked: list[Query] = []

    def read(
        self, query: Query, count: int | None, *, idle: Callable[[], None] | None = None
    ) -> Iterator[Line]:
        self.asked.append(query)
        assert count is not None
        last = self.lines[max(0, len(self.lines) - count) :]
        new = [b"new"] if idle else []
        for number, data in enumerate([*last, *new]):
            moment = 43_200_000_000 + number * 1_001_000
            yield Line("a@00.service", data, moment, number, 1, "stdout", self.identifier)
        if idle:
            idle()


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> Journal:
    """A journal with four lines."""
    found = Journal()
    monkeypatch.setattr(journal, "reader", lambda: found)
    return found


@pytest.fixture
def logging(workers: Workers, tmp_path: Path) -> Path:
    """The stdout of a is in a file; its stderr goes to another, which does not exist."""
    workers.have(
        TEXT.replace(
            "true", f"true\nstdout_logfile={tmp_path}/out\nstderr_logfile={tmp_path}/err", 1
        )
        + "log=file\n"
    )
    (tmp_path / "out").write_bytes(TEXT_OF_ALL)
    return tmp_path


def code(operation: Callable[..., object], *arguments: object) -> Code | None:
    """Returns the code of an operation's fault; None if there is no fault."""
    try:
        operation(*arguments)
    except Fault as fault:
        return fault.code
    return None


def read(workers: Workers, offset: int, length: int) -> bytes:
    """Returns a part of what the worker a wrote to stdout."""
    return b"".join(workers.logs.read("a", "stdout", offset, length))


RANGES = [
    (0, 0), (0, 5), (5, 0), (4, 6), (3, 100), (100, 0), (100, 5), (-1, 0), (-6, 0), (-100, 0),
]  # fmt: skip


@pytest.mark.parametrize(("offset", "length"), RANGES)
def test_bytes_of_a_file_and_of_the_journal(
    workers: Workers, entries: Journal, logging: Path, offset: int, length: int
) -> None:
    """Bytes count from the beginning, or with a minus from the end; a length of 0 means all."""
    expected = TEXT_OF_ALL[offset : offset + length if length else None]
    assert read(workers, offset, length) == expected
    assert entries.asked == []
    workers.have(TEXT)
    assert read(workers, offset, length) == expected
    assert {query.units for query in entries.asked} == {("a@00.service",)}


def test_a_large_file_comes_in_pieces(workers: Workers, entries: Journal, logging: Path) -> None:
    """A file may be larger than the memory: tail -0 shows it as it is read."""
    size = 50_000_000
    os.truncate(logging / "out", size)
    sizes = [len(piece) for piece in workers.logs.read("a", "stdout", 0, 0)]
    assert sum(sizes) == size
    assert max(sizes) <= 1 << 20  # bytes
    pieces = workers.logs.read("a", "stdout", -size, 0)
    assert len(next(pieces)) <= 1 << 20  # bytes


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_the_journal_is_asked_for_one_stream_of_one_worker(
    workers: Workers, entries: Journal, stream: str
) -> None:
    """Lines of wctl, and those of the other stream, are not in a log of Supervisor's either."""
    workers.have(TEXT)
    list(workers.logs.read("a", stream, -1600, 0))
    list(workers.logs.follow("a", stream, lambda: None))
    for query in entries.asked:
        assert query == Query(("a@00.service",), user=True, stream=stream, output=True)


def test_there_is_no_log(workers: Workers, entries: Journal, tmp_path: Path) -> None:
    """The output is thrown away, or in the other stream's log, or no line has come yet."""
    workers.have(TEXT + "[program:c]\ncommand=true\nredirect_stderr=true\n")
    assert code(lambda: list(workers.logs.read("g:b", "stdout", 0, 0))) is Code.NO_FILE
    assert code(lambda: list(workers.logs.read("c", "stderr", 0, 0))) is Code.NO_FILE
    assert code(lambda: list(workers.logs.read("c", "stdout", 0, 0))) is None
    assert code(lambda: list(workers.logs.follow("c", "stderr", lambda: None))) is Code.NO_FILE


def test_a_file_that_is_not_there_yet(workers: Workers, entries: Journal, logging: Path) -> None:
    """A worker that logs to its files alone has no log before its first line."""
    text = (workers.layout.configuration / "conf.d/a.conf").read_text()
    workers.have(text.replace("command=true\n", "command=true\nlog=file\n", 1))
    assert code(lambda: list(workers.logs.read("a", "stderr", 0, 0))) is Code.NO_FILE
    assert code(lambda: list(workers.logs.read("a", "stdout", 0, 0))) is None


@pytest.mark.parametrize("name", ["nosuch", "g", "g:*", "b"])
def test_names_that_are_no_process(workers: Workers, entries: Journal, name: str) -> None:
    """A log is that of one process."""
    workers.have(TEXT)
    assert code(lambda: list(workers.logs.read(name, "stdout", 0, 0))) is Code.BAD_NAME
    assert code(workers.logs.clear, name) is Code.BAD_NAME
    assert code(lambda: next(workers.logs.follow(name, "stdout", lambda: None))) is Code.BAD_NAME


def test_what_is_no_file_is_not_read(workers: Workers, entries: Journal, logging: Path) -> None:
    """The worker's user may have put it there; wctl does not wait for the writer of a FIFO."""
    (logging / "out").unlink()
    os.mkfifo(logging / "out")
    assert code(lambda: list(workers.logs.read("a", "stdout", 0, 0))) is Code.FAILED
    assert code(lambda: next(workers.logs.follow("a", "stdout", lambda: None))) is Code.FAILED
    assert code(workers.logs.clear, "a") is Code.FAILED
    assert workers.logs.clear_all() == [Result("a", "a", Code.FAILED, "OK"), Result("g", "b")]


def test_clear_empties_files_and_keeps_the_journal(workers: Workers, logging: Path) -> None:
    """A process without a file is cleared, too, as far as that can be."""
    (logging / "err").write_text("line\n")
    assert code(workers.logs.clear, "a") is None
    assert [(logging / name).read_text() for name in ("out", "err")] == ["", ""]
    assert code(workers.logs.clear, "g:b") is None
    (logging / "out").write_text("line\n")
    assert workers.logs.clear_all() == [Result("a", "a"), Result("g", "b")]
    assert (logging / "out").read_text() == ""


def test_follow_goes_on_with_new_lines(workers: Workers, entries: Journal) -> None:
    """The lines of the last 1024 bytes come first; idle is called before each wait."""
    entries.lines = [b"x" * 99] * 100
    workers.have(TEXT)
    waits: list[int] = []
    shown = list(workers.logs.follow("a", "stdout", lambda: waits.append(1)))
    assert shown == [b"x" * 99 + b"\n"] * 11 + [b"new\n"]
    assert waits == [1]


def test_follow_goes_on_with_a_file(
    workers: Workers, logging: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last 1024 bytes come first, even from within a line, and then what is appended."""
    monkeypatch.setattr("wctl.operate.file_tail._POLL", 0.01)
    (logging / "out").write_bytes(b"x" * 2000 + b"\nlast\n")
    waits = itertools.count()

    def idle() -> None:
        if next(waits) == 0:
            with (logging / "out").open("a") as file:
                file.write("more\n")

    pieces = workers.logs.follow("a", "stdout", idle)
    assert next(pieces) == b"x" * 1018 + b"\nlast\n"
    assert next(pieces) == b"more\n"
    pieces.close()  # type: ignore[attr-defined] # it is a generator


def test_main_has_lines_as_supervisords_log(workers: Workers, entries: Journal) -> None:
    """What systemd and wctl noted about all programs has a time and Supervisor's level."""
    workers.have(TEXT)
    text = workers.logs.main(-1600, 0)
    assert text.decode(errors="replace").splitlines() == [
        "1970-01-01 12:00:00,000 CRIT one",
        "1970-01-01 12:00:01,001 CRIT ",
        "1970-01-01 12:00:02,002 CRIT three \ufffd",
        "1970-01-01 12:00:03,003 ERRO four",
    ]
    assert workers.logs.main(-5, 0) == b"four\n"
    assert b"".join(workers.logs.follow_main(lambda: None)).startswith(text)
    units = ("a@00.service", "b@00.service")
    assert set(entries.asked) == {Query(units, user=True, about=True, programs=("a", "b"))}


def test_nobody_else_speaks_as_wctl(workers: Workers, entries: Journal) -> None:
    """What does not come from wctl or systemd has its sender's name, on each line of a message."""
    workers.have(TEXT)
    entries.lines = [b"hello\nb@00.service: Deactivated"]
    entries.identifier = "a@00"
    assert workers.logs.main(-1600, 0).decode().splitlines() == [
        "1970-01-01 12:00:00,000 CRIT a@00: hello",
        "1970-01-01 12:00:00,000 CRIT a@00: b@00.service: Deactivated",
    ]


def test_main_without_a_process(workers: Workers, entries: Journal) -> None:
    """There is nothing to note anything about."""
    assert code(workers.logs.main, -1600, 0) is Code.NO_FILE
    assert code(lambda: list(workers.logs.follow_main(lambda: None))) is Code.NO_FILE
