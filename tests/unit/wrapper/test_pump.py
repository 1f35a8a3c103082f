"""The pump, as the wrapper runs it: exact bytes, a journald that comes and goes, full disks.

The journald here is a socket of the test: it can stop reading at a chosen byte. The tests with the
real journald and its journal are in tests/e2e.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from wctl.wrapper import journald
from wctl.wrapper import outputs as output_module
from wctl.wrapper import pump as pump_module
from wctl.wrapper.command_line import Options
from wctl.wrapper.journald import Journal
from wctl.wrapper.outputs import Filed, Journaled, LogFile
from wctl.wrapper.pump import Pump
from wctl.wrapper.rotation import RotatedFile


class FakeDaemon:
    """Listens as journald does, and reads only when told to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._streams: list[socket.socket] = []
        self._listen()

    def _listen(self) -> None:
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(self.path))
        self._server.listen()

    def read(self) -> bytes:
        """Returns what was sent since the last call, without the header."""
        self._server.setblocking(False)
        data = b""
        try:
            self._streams.append(self._server.accept()[0])
            data = self._streams[-1].recv(1 << 20).split(b"\n", 7)[7]
        except BlockingIOError:
            pass
        self._streams[-1].setblocking(False)
        try:
            while more := self._streams[-1].recv(1 << 20):
                data += more
        except BlockingIOError:
            pass
        return data

    def stop(self) -> None:
        """Goes away, and loses everything that it has not read."""
        for endpoint in (self._server, *self._streams):
            endpoint.close()
        self._streams = []
        self.path.unlink(missing_ok=True)

    def start(self) -> None:
        """Comes back."""
        self._listen()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[FakeDaemon]:
    """A journald that reads only when the test tells it to."""
    made = FakeDaemon(tmp_path / "stdout")
    yield made
    made.stop()


@pytest.fixture
def spare(tmp_path: Path) -> Path:
    """The log file for the time without journald."""
    return tmp_path / "spare.log"


@pytest.fixture
def output(daemon: FakeDaemon, spare: Path) -> Iterator[Journaled]:
    """An output to the journal with a spare file."""
    journal = Journal(str(daemon.path), "x@00", "x@00.service", 30)
    yield Journaled(journal, "x@00", LogFile("x@00", RotatedFile(str(spare), 0, 0)))
    journal.close()


def try_again(output: Journaled) -> None:
    """Makes the output look for journald at its next write, not after a second."""
    output._journal._next_try = 0.0


def test_whole_lines_go_to_the_journal(daemon: FakeDaemon, output: Journaled) -> None:
    """journald gets whole lines; the last line goes without a newline when the output closes."""
    output.write(b"one\ntw")
    assert daemon.read() == b"one\n"
    output.write(b"o\nthree")
    assert daemon.read() == b"two\n"
    output.finish()
    assert daemon.read() == b"three"
    output.close()
    assert daemon.read() == b""


def test_unread_lines_are_in_the_file(daemon: FakeDaemon, output: Journaled, spare: Path) -> None:
    """When journald stops, the lines that it has not read go to the file, and only these."""
    output.write(b"read\n")
    assert daemon.read() == b"read\n"
    output.write(b"unread\n")
    daemon.stop()
    output.write(b"after\n")
    assert spare.read_bytes() == b"unread\nafter\n"


def test_read_lines_are_not_repeated(daemon: FakeDaemon, output: Journaled, spare: Path) -> None:
    """If journald stops when it has read all lines, only later lines go to the file."""
    output.write(b"read\n")
    assert daemon.read() == b"read\n"
    daemon.stop()
    output.write(b"after\n")
    assert spare.read_bytes() == b"after\n"


def test_returns_to_the_journal_at_a_line(
    daemon: FakeDaemon, output: Journaled, spare: Path
) -> None:
    """A line that began in the file ends there; journald gets the lines after it."""
    daemon.stop()
    output.write(b"one\ntw")
    daemon.start()
    try_again(output)
    output.write(b"o")
    output.write(b"\nthree\n")
    assert spare.read_bytes() == b"one\ntwo\n"
    assert daemon.read() == b"three\n"


def test_worker_that_ends_leaves_nothing_unsaid(
    daemon: FakeDaemon, output: Journaled, spare: Path
) -> None:
    """If journald is gone when the worker ends, unread and unfinished lines are in the file."""
    output.write(b"one\ntwo")
    daemon.stop()
    output.finish()
    output.close()
    assert spare.read_bytes() == b"one\ntwo"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every journald that has not read yet one that hangs."""
    monkeypatch.setattr(output_module, "HANG", 0.0)
    monkeypatch.setattr(output_module, "_HANG_AT_END", 0.0)


@pytest.mark.usefixtures("impatient")
def test_lines_go_to_the_file_while_journald_hangs(
    daemon: FakeDaemon, output: Journaled, spare: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """journald gets what it was sent, the file the rest, and the wrapper logs how much that is."""
    output.write(b"sent\n")
    output.write(b"one\ntw")
    output.write(b"o\nthr")
    assert daemon.read() == b"sent\n"
    output.write(b"ee\nfour\n")
    assert spare.read_bytes() == b"one\ntwo\nthree\n"
    assert daemon.read() == b"four\n"
    assert capfd.readouterr().err == (
        f"x@00: journald hung: it missed 14 bytes and are in {spare}\n"
    )


@pytest.mark.usefixtures("impatient")
def test_lines_that_a_killed_journald_had_not_read_are_in_the_file(
    daemon: FakeDaemon, output: Journaled, spare: Path
) -> None:
    """If a journald that hangs is killed, its last lines follow in the file, between two lines."""
    output.write(b"first\n")
    output.write(b"one\ntw")
    daemon.stop()
    output.write(b"o")
    output.write(b"\nthree\n")
    assert spare.read_bytes() == b"one\ntwo\nfirst\nthree\n"


@pytest.mark.usefixtures("impatient")
def test_an_unfinished_line_is_no_reason_to_wait(
    daemon: FakeDaemon, output: Journaled, spare: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """When the worker has ended and journald hangs, the rest is in the file, and that is logged."""
    output.write(b"sent\n")
    output.write(b"prompt> ")
    output.finish()
    assert not output.waits
    output.close()
    assert daemon.read() == b"sent\n"
    assert spare.read_bytes() == b"prompt> "
    assert "it missed 8 bytes" in capfd.readouterr().err


def test_a_long_line_is_whole_wherever_it_goes(
    daemon: FakeDaemon, output: Journaled, spare: Path
) -> None:
    """A line that journald takes in pieces is in the journal, or as a whole in the file."""
    line = b"x" * 60_000 + b"\n"
    output.write(line)
    there = b""
    while output.waits:
        there += daemon.read()
        output.advance()
    assert there + daemon.read() == line
    output.write(line)
    assert 0 < len(daemon.read()) < len(line)
    daemon.stop()
    output.advance()
    assert spare.read_bytes() == line


class Reader:
    """A journald that reads at its own pace, in a thread, until all streams have ended."""

    def __init__(self, path: Path) -> None:
        self.text = b""
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(path))
        self._server.listen()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        stream = self._server.accept()[0]
        data = b""
        while more := stream.recv(500):
            data += more
        self.text = data.split(b"\n", 7)[7]
        stream.close()

    def result(self) -> bytes:
        """Waits until the stream has ended, and returns its lines."""
        self._thread.join(60)
        self._server.close()
        return self.text


def pumped(monkeypatch: pytest.MonkeyPatch, log: Path, address: Path, script: bytes) -> None:
    """Runs a worker that writes ``script``, with its output in a file and in a journal."""

    def outputs(*_arguments: object, **_options: object) -> list[Filed | Journaled]:
        journal = Journal(str(address), "x@00", "x@00.service", 30)
        file = LogFile("x@00", RotatedFile(str(log), 0, 0))
        return [Filed(file), Journaled(journal, "x@00", None)]

    monkeypatch.setattr(pump_module, "outputs", outputs)
    options = Options()
    options.unit = "x@00.service"
    options.redirect_stderr = True
    pump = Pump(options, None)
    child = os.fork()
    if child == 0:
        pump.in_worker({})
        view = memoryview(script)
        while view:
            view = view[os.write(1, view) :]
        os._exit(0)
    pump.run(os.pidfd_open(child), os.pipe()[0])
    os.waitpid(child, 0)


LINES = b"".join(b"%06d %s\n" % (number, b"x" * (number % 90)) for number in range(40_000))


def test_a_slow_journald_misses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that writes faster than journald reads has to wait; the last line has no end."""
    reader = Reader(tmp_path / "stdout")
    pumped(monkeypatch, tmp_path / "a.log", tmp_path / "stdout", LINES + b"end")
    assert (tmp_path / "a.log").read_bytes() == LINES + b"end"
    assert reader.result() == LINES + b"end"


def test_a_journald_that_hangs_holds_up_neither_file_nor_end(
    tmp_path: Path,
    daemon: FakeDaemon,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The file gets every line, the pump ends with the worker, and says what journald missed."""
    monkeypatch.setattr(output_module, "HANG", 0.1)
    monkeypatch.setattr(output_module, "_HANG_AT_END", 0.1)
    pumped(monkeypatch, tmp_path / "a.log", daemon.path, LINES)
    assert (tmp_path / "a.log").read_bytes() == LINES
    read = daemon.read()
    assert LINES.startswith(read)
    assert read.endswith(b"\n")
    missed = len(LINES) - len(read)
    assert capfd.readouterr().err == f"x@00: journald hung: it missed {missed} bytes\n"


def test_connects_with_systemds_header(daemon: FakeDaemon) -> None:
    """The header has identifier, unit, priority with facility, level prefix, and no forwards."""
    ours = journald.connect(str(daemon.path), "x@00", "x@00.service", 1 << 3 | 5)
    theirs = daemon._server.accept()[0]
    assert theirs.recv(100) == b"x@00\nx@00.service\n13\n1\n0\n0\n0\n"
    ours.close()
    theirs.close()


def test_unwritable_file_drops_whole_lines_and_says_how_many(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wrapper logs the first failure and its end; the line that was cut stays apart."""
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    path = tmp_path / "a.log"
    log = LogFile("x@00", RotatedFile(str(path), 0, 0))
    log.write(b"one\nbeginn")
    path.rename(tmp_path / "kept")
    path.mkdir()
    log.write(b"ing\ntwo\n", new_line=False)
    log.write(b"three\nfo")
    path.rmdir()
    (tmp_path / "kept").rename(path)
    log._next_try = 0.0
    log.write(b"ur\nfive\n", new_line=False)
    log.write(b"six\n")
    assert path.read_bytes() == b"one\nbeginn\nfive\nsix\n"
    assert capfd.readouterr().err.splitlines() == [
        f"x@00: {path}: Is a directory: lines are dropped",
        f"x@00: {path}: 4 lines (19 bytes) were dropped",
    ]


def test_a_file_that_cannot_be_made_is_told_at_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The note comes before the first line, once; and one more when lines are written again."""
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    path = tmp_path / "a.log"
    path.mkdir()
    log = LogFile("x@00", RotatedFile(str(path), 0, 0), journal=True)
    log.open()
    path.rmdir()
    log.write(b"too early\n")
    assert not path.exists()
    log._next_try = 0.0
    log.write(b"one\n")
    log.write(b"two\n")
    log.close()
    assert path.read_bytes() == b"one\ntwo\n"
    there = "dropped from the file; the journal has them"
    assert capfd.readouterr().err.splitlines() == [
        f"x@00: {path}: Is a directory: lines are {there}",
        f"x@00: {path}: 1 lines (10 bytes) were {there}",
    ]


def test_a_file_that_can_be_opened_again_is_there_without_a_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wrapper tries again by itself, but only to open: a full disk shows when it writes."""
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    path = tmp_path / "a.log"
    path.mkdir()
    log = LogFile("x@00", RotatedFile(str(path), 0, 0))
    file = Filed(log)
    file.open()
    assert file.pause() is not None
    path.rmdir()
    log._next_try = 0.0
    file.advance()
    assert path.is_file()
    assert file.pause() is None
    assert capfd.readouterr().err.endswith(f"{path}: 0 lines (0 bytes) were dropped\n")
    log._file._maxbytes = 1
    monkeypatch.setattr(RotatedFile, "_append", lambda *_: os.write(-1, b""))
    file.write(b"lost\n")
    assert file.pause() is None


def test_the_beginning_of_a_line_waits_for_the_rest(tmp_path: Path) -> None:
    """Another process's line comes between two lines, not into one; a prompt is there soon."""
    path = tmp_path / "a.log"
    mine, other = (Filed(LogFile("x@00", RotatedFile(str(path), 0, 0))) for _ in range(2))
    mine.write(b"one\nbegin")
    other.write(b"other\n")
    assert mine.pause() is not None
    mine.write(b"ning\nprompt> ")
    assert path.read_bytes() == b"one\nother\nbeginning\n"
    mine.advance()  # too early
    assert path.read_bytes().endswith(b"ning\n")
    mine._until = 0.0
    mine.advance()
    assert mine.pause() is None
    other.write(b"other\n")
    mine.write(b"yes\nend")
    mine.close()
    assert path.read_bytes() == b"one\nother\nbeginning\nprompt> \nother\nyes\nend"


def test_a_very_long_line_does_not_wait(tmp_path: Path) -> None:
    """What waits for the end of a line takes little memory."""
    path = tmp_path / "a.log"
    file = Filed(LogFile("x@00", RotatedFile(str(path), 0, 0)))
    for _ in range(9):
        file.write(b"x" * (1 << 15))
    assert path.read_bytes() == b"x" * (9 << 15)
    file.write(b"\n")
    assert path.read_bytes() == b"x" * (9 << 15) + b"\n"


def test_a_new_reason_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While lines are dropped, the wrapper logs each reason when it begins, and not at each try."""
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    path = tmp_path / "a.log"
    log = LogFile("x@00", RotatedFile(str(path), 0, 0))

    def write() -> None:
        log._next_try = 0.0
        log.write(b"line\n")

    write()
    path.unlink()
    path.mkdir()
    write()
    write()
    path.rmdir()
    path.symlink_to(path)
    write()
    write()
    assert capfd.readouterr().err.splitlines() == [
        f"x@00: {path}: Is a directory: lines are dropped",
        f"x@00: {path}: its path has too many links: lines are dropped",
    ]
    log.close()


def test_a_rotation_that_is_blocked_is_told_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wrapper logs what is in the way of a rotation, once, and drops nothing."""
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    path = tmp_path / "a.log"
    obstacle = tmp_path / "a.log.1"
    obstacle.mkdir()
    file = RotatedFile(str(path), 10, 1)
    log = LogFile("x@00", file)
    for _ in range(4):
        file._next_rotation = 0.0
        log.write(b"12345678\n")
    assert path.read_bytes() == b"12345678\n" * 4
    obstacle.rmdir()
    file._next_rotation = 0.0
    log.write(b"12345678\n")
    log.close()
    assert capfd.readouterr().err.splitlines() == [
        f"x@00: {path} cannot be rotated and grows: a.log.1: Is a directory",
        f"x@00: {path} is rotated again",
    ]


HOSTILE = [b"\0\xff\xfe\n", b"y" * 200_000 + b"\n", b"<3>prefix\n", b"no end"]


@pytest.mark.parametrize("joined", [False, True])
def test_a_workers_bytes_are_exact(tmp_path: Path, joined: bool) -> None:
    """Files get exactly a worker's bytes: binary data, long lines, and no last newline."""
    options = Options()
    options.unit = "x@00.service"
    options.log = "file"
    options.stdout_file = str(tmp_path / "out.log")
    options.stderr_file = str(tmp_path / "err.log")
    options.redirect_stderr = joined
    pump = Pump(options, None)
    child = os.fork()
    if child == 0:
        pump.in_worker({})
        for part in HOSTILE:
            for fd in (1, 2):
                view = memoryview(part)
                while view:
                    view = view[os.write(fd, view) :]
        os._exit(0)
    pump.run(os.pidfd_open(child), os.pipe()[0])
    os.waitpid(child, 0)
    if joined:
        assert (tmp_path / "out.log").read_bytes() == b"".join(part * 2 for part in HOSTILE)
    else:
        assert (tmp_path / "out.log").read_bytes() == b"".join(HOSTILE)
        assert (tmp_path / "err.log").read_bytes() == b"".join(HOSTILE)


@pytest.mark.parametrize("spelling", ["out.log", "./out.log"])
def test_both_streams_in_one_file(tmp_path: Path, spelling: str) -> None:
    """The lines of both are there, whole, in files of stdout's size."""
    path = tmp_path / "out.log"
    options = Options()
    options.unit = "x@00.service"
    options.log = "file"
    options.stdout_file = str(path)
    options.stderr_file = f"{tmp_path}/{spelling}"
    options.stdout_maxbytes, options.stdout_backups = 1000, 900
    options.stderr_maxbytes, options.stderr_backups = 10, 1
    pump = Pump(options, None)
    child = os.fork()
    if child == 0:
        pump.in_worker({})
        for number in range(200):
            os.write(1, b"out %d\nno end" % number)
            os.write(2, b"err %d\n" % number)
            os.write(1, b" but now\n")
        os._exit(0)
    pump.run(os.pidfd_open(child), os.pipe()[0])
    os.waitpid(child, 0)
    files = sorted(tmp_path.iterdir(), key=lambda file: -int(f"0{file.suffix[1:]}".strip("log")))
    lines = b"".join(file.read_bytes() for file in files).decode().splitlines()
    assert [line for line in lines if line[0] == "o"] == [f"out {n}" for n in range(200)]
    assert [line for line in lines if line[0] == "e"] == [f"err {n}" for n in range(200)]
    assert lines.count("no end but now") == 200 == len(lines) - 400
    assert {file.stat().st_size > 900 for file in files[:-1]} == {True}


def test_the_file_is_there_before_the_worker_writes(tmp_path: Path) -> None:
    """A worker finds its log file, and does not inherit it."""
    options = Options()
    options.unit = "x@00.service"
    options.log = "file"
    options.stdout_file = str(tmp_path / "out.log")
    options.redirect_stderr = True
    pump = Pump(options, None)
    done, until = os.pipe()
    child = os.fork()
    if child == 0:
        pump.in_worker({})
        os.close(until)
        os.read(done, 1)
        os._exit(0)
    os.close(done)

    def there() -> None:
        while not (tmp_path / "out.log").exists():
            time.sleep(0.01)
        os.close(until)

    watcher = threading.Thread(target=there, daemon=True)
    watcher.start()
    pump.run(os.pidfd_open(child), os.pipe()[0])
    os.waitpid(child, 0)
    assert (tmp_path / "out.log").read_bytes() == b""


def test_ends_with_the_worker_though_a_grandchild_holds_the_pipe(tmp_path: Path) -> None:
    """The pump ends with the worker, whose output is in the file, and not with a grandchild."""
    options = Options()
    options.unit = "x@00.service"
    options.log = "file"
    options.stdout_file = str(tmp_path / "out.log")
    options.redirect_stderr = True
    pump = Pump(options, None)
    alive, until = os.pipe()
    child = os.fork()
    if child == 0:
        pump.in_worker({})
        os.close(until)
        if os.fork() == 0:
            os.read(alive, 1)  # until the test ends
            os._exit(0)
        os.write(1, b"done\n")
        os._exit(0)
    pump.run(os.pidfd_open(child), os.pipe()[0])
    os.waitpid(child, 0)
    assert (tmp_path / "out.log").read_bytes() == b"done\n"
    os.close(until)
    os.close(alive)
