"""rotation: limits at line ends, kills at every step, files that disappear."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import posix
import re
import select
import signal
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import Mock

import pytest

from wctl.wrapper import rotation
from wctl.wrapper.rotation import RotatedFile

LINES = [b"%04d %s\n" % (number, b"x" * (number % 40)) for number in range(400)]
LIMIT = 1000
BACKUPS = 3


def contents(path: Path) -> list[bytes]:
    """Returns the contents of the files, the oldest first."""
    names = sorted(path.parent.glob(f"{path.name}.*"), key=lambda backup: -int(backup.suffix[1:]))
    return [file.read_bytes() for file in [*names, path] if file.exists()]


def test_files_are_cut_at_line_ends_below_the_limit(tmp_path: Path) -> None:
    """Files are complete, and exceed the limit by one write at most, whatever its size."""
    for chunk in (1, 7, 999, 1000, 1001, 1 << 16):
        path = tmp_path / f"{chunk}.log"
        file = RotatedFile(str(path), LIMIT, 20)
        data = b"".join(LINES)
        for start in range(0, len(data), chunk):
            file.write(data[start : start + chunk])
        files = contents(path)
        assert b"".join(files) == data
        # A line that comes in several writes may end above the limit, by one write at most.
        assert max(map(len, files)) <= LIMIT + min(chunk, 50)
        assert chunk < 50 or all(content.endswith(b"\n") for content in files)


@pytest.mark.parametrize("data", [b"no newline", b"\0\xff\xfe\x80\n" * 9, b"y" * 70_000 + b"\nz"])
def test_bytes_are_exact(tmp_path: Path, data: bytes) -> None:
    """Binary data, invalid UTF-8, lines longer than a file and no last newline stay as they are."""
    path = tmp_path / "a.log"
    file = RotatedFile(str(path), 100, 1000)
    file.write(data)
    file.write(data)
    assert b"".join(contents(path)) == data * 2


def test_no_limit_and_no_backups(tmp_path: Path) -> None:
    """maxbytes=0 never rotates; backups=0 keeps one file, with the newest lines."""
    data = b"".join(LINES)
    path = tmp_path / "a.log"
    RotatedFile(str(path), 0, 3).write(data)
    assert contents(path) == [data]
    path = tmp_path / "b.log"
    RotatedFile(str(path), LIMIT, 0).write(data)
    assert len(contents(path)) == 1
    assert data.endswith(path.read_bytes())
    assert 0 < path.stat().st_size <= LIMIT


class KilledAt:
    """The posix module of a process killed just before its n-th call that changes a file."""

    CHANGES = ("open", "write", "rename", "unlink", "close")

    def __init__(self, number: int) -> None:
        self._left = number

    def __getattr__(self, name: str) -> Any:
        function = getattr(os, name)
        if name not in self.CHANGES:
            return function

        def counted(*arguments: Any, **options: Any) -> Any:
            self._left -= 1
            if self._left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return counted


def write_until_killed(path: Path, lines: list[bytes], number: int) -> tuple[int, bool]:
    """Writes in a process that is killed at a step.

    Returns how many writes were complete, and whether the process was killed.
    """
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        vars(rotation)["posix"] = KilledAt(number)
        file = RotatedFile(str(path), LIMIT, 20)
        for line in lines:
            file.write(line)
            os.write(theirs, b".")
        os._exit(0)
    os.close(theirs)
    status = os.waitpid(child, 0)[1]
    complete = len(os.read(ours, len(lines)))
    os.close(ours)
    return complete, os.WIFSIGNALED(status)


def test_killed_at_every_step_no_written_line_is_lost(tmp_path: Path) -> None:
    """After SIGKILL before any system call, another process goes on; each line is there once."""
    lines = LINES[:150]  # some four rotations
    step = 0
    killed = True
    while killed:
        path = tmp_path / str(step) / "a.log"
        path.parent.mkdir()
        complete, killed = write_until_killed(path, lines, step)
        # After a kill between a write and its report, the line of that write is there.
        there = b"".join(contents(path)).count(b"\n")
        assert complete <= there <= complete + 1
        RotatedFile(str(path), LIMIT, 20).write(b"".join(lines[there:]))
        files = contents(path)
        assert b"".join(files) == b"".join(lines)
        assert max(map(len, files)) <= LIMIT
        step += 1
    assert step > 150


def later(file: RotatedFile) -> None:
    """Makes a file check at its next write, not after a second, whether it is in its place."""
    file._next_look = 0.0


def test_file_that_is_moved_away_is_made_anew(tmp_path: Path) -> None:
    """After logrotate's rename, or rm, the next lines are in a new file of the old name."""
    path = tmp_path / "a.log"
    file = RotatedFile(str(path), LIMIT, 3)
    file.write(b"one\n")
    path.rename(tmp_path / "moved")
    later(file)
    file.write(b"two\n")
    assert path.read_bytes() == b"two\n"


def test_truncated_file_has_its_room_back(tmp_path: Path) -> None:
    """After "wctl clear", the wrapper fills a file up to its limit before it rotates the file."""
    path = tmp_path / "a.log"
    file = RotatedFile(str(path), 10, 3)
    file.write(b"12345678\n")
    os.truncate(path, 0)
    later(file)
    file.write(b"abc\n")
    assert contents(path) == [b"abc\n"]


def test_directory_that_is_deleted_is_made_anew(tmp_path: Path) -> None:
    """A deleted directory is made again inside one that only we, or root, can write to."""
    tmp_path.chmod(0o755)
    path = tmp_path / "logs" / "a.log"
    file = RotatedFile(str(path), LIMIT, 3)
    file.write(b"one\n")
    path.unlink()
    path.parent.rmdir()
    later(file)
    file.write(b"two\n")
    assert path.read_bytes() == b"two\n"
    assert path.stat().st_mode & 0o777 == 0o640


def test_no_directory_is_made_where_others_may_write(tmp_path: Path) -> None:
    """No directory is made inside one that every user can write to, such as /tmp."""
    tmp_path.chmod(0o777)
    with pytest.raises(FileNotFoundError):
        RotatedFile(str(tmp_path / "logs" / "a.log"), LIMIT, 3).write(b"one\n")


@pytest.mark.parametrize("what", ["file", "directory"])
def test_a_link_of_ours_in_its_place_is_followed(tmp_path: Path, what: str) -> None:
    """After a deployment has moved a link, the next lines are in the new place, and no others."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    path = tmp_path / "link"
    if what == "directory":
        path = path / "a.log"
    file = RotatedFile(str(path), LIMIT, 3)
    for name in ("one", "two"):
        (tmp_path / "new").symlink_to(f"{name}/a.log" if what == "file" else name)
        (tmp_path / "new").rename(tmp_path / "link")
        later(file)
        file.write(b"in %s\n" % name.encode())
    assert (tmp_path / "one/a.log").read_bytes() == b"in one\n"
    assert (tmp_path / "two/a.log").read_bytes() == b"in two\n"


def test_a_file_behind_a_link_is_rotated_where_it_is(tmp_path: Path) -> None:
    """The link stays, so "tail -F" on it goes on; the older files are beside the file itself."""
    disk = tmp_path / "disk"
    disk.mkdir()
    path = tmp_path / "a.log"
    path.symlink_to(disk / "b.log")  # which is not there yet
    file = RotatedFile(str(path), 10, 3)
    file.write(b"12345678\nabcdefgh\n")
    assert contents(disk / "b.log") == [b"12345678\n", b"abcdefgh\n"]
    assert path.is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["a.log", "disk"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give links away")
@pytest.mark.parametrize("user", [0, 12345])
def test_a_link_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int
) -> None:
    """Another user's link could lead to a file that is ours alone; root's and our own may."""
    monkeypatch.setattr(posix, "geteuid", lambda: user)
    tmp_path.chmod(0o777)
    trap = tmp_path / "trap"
    trap.touch()
    path = tmp_path / "a.log"
    file = RotatedFile(str(path), 0, 3)
    os.chown(trap, user, user)
    for owner in (0, user, 65534):
        path.symlink_to("trap")
        os.chown(path, owner, owner, follow_symlinks=False)
        if owner == 65534:
            with pytest.raises(OSError, match=r"user 65534 decides where a\.log leads"):
                file.write(b"one\n")
        else:
            file.write(b"one\n")
            file.close()
        path.unlink()
    assert trap.read_bytes() == b"one\n" * 2


def test_the_file_is_there_before_the_first_line(tmp_path: Path) -> None:
    """ "tail -f" works as soon as the worker runs; the file has no access for others."""
    path = tmp_path / "a.log"
    file = RotatedFile(str(path), LIMIT, 3)
    file.open()
    assert path.read_bytes() == b""
    assert path.stat().st_mode & 0o777 == 0o640
    path.unlink()
    path.mkdir()
    file.close()
    with pytest.raises(IsADirectoryError):
        file.open()


@pytest.mark.parametrize("kind", [fcntl.LOCK_SH, fcntl.LOCK_EX])
def test_a_reader_that_locks_the_file_stops_rotation_only(
    tmp_path: Path, kind: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may read a file may lock it (flock(2)): its lines still come, and it grows meanwhile.

    A lock that comes and goes is another writer's, and nothing to tell.
    """
    path = tmp_path / "a.log"
    path.touch()
    reader = os.open(path, os.O_RDONLY)
    fcntl.flock(reader, kind)
    file = RotatedFile(str(path), 10, 3)
    for _ in range(3):
        file.write(b"12345678\n")
    assert contents(path) == [b"12345678\n" * 3]
    assert file.blocked is None
    monkeypatch.setattr(rotation, "_BUSY", 0.0)
    file.write(b"12345678\n")
    assert file.blocked == "another process has locked it"
    os.close(reader)
    file.write(b"not yet\n")
    file._next_rotation = 0.0
    file.write(b"new\n")
    assert file.blocked is None
    assert contents(path) == [b"12345678\n" * 4 + b"not yet\n", b"new\n"]


def test_a_file_system_without_locks_stops_rotation_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as NFS without its lock daemon: no line is lost."""

    def refuse(*_arguments: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(rotation, "flock", refuse)
    path = tmp_path / "a.log"
    file = RotatedFile(str(path), 10, 3)
    for _ in range(3):
        file.write(b"12345678\n")
    assert contents(path) == [b"12345678\n" * 3]
    assert file.blocked == "a.log: No locks available"


def test_two_objects_take_turns(tmp_path: Path) -> None:
    """Whoever finds the file full rotates it; the other goes on in the new one, at once."""
    path = tmp_path / "a.log"
    first, second = RotatedFile(str(path), 20, 3), RotatedFile(str(path), 20, 3)
    first.write(b"1: 345678\n")
    second.write(b"2: 345678\n")
    second.write(b"2: more\n")
    first.write(b"1: more\n")
    first.write(b"1: new\n")
    assert contents(path) == [
        b"1: 345678\n2: 345678\n", b"2: more\n1: more\n", b"1: new\n"
    ]  # fmt: skip
    # The second has lost sight of a file that was moved just now: it moves no other.
    second.write(b"2: new\n")
    path.rename(tmp_path / "moved")
    path.write_bytes(b"not ours\n")
    second._rotate()
    second.write(b"2: end\n")
    assert contents(path)[2:] == [b"not ours\n2: end\n"]
    assert [file.blocked for file in (first, second)] == [None, None]


def test_a_file_that_was_emptied_is_not_rotated(tmp_path: Path) -> None:
    """Under the lock, a writer looks once more: "wctl clear" may just have made room."""
    path = tmp_path / "a.log"
    file = RotatedFile(str(path), 10, 3)
    file.write(b"12345678\n")
    os.truncate(path, 0)
    assert file._rotate()
    file.write(b"abcdefgh\n")
    assert contents(path) == [b"abcdefgh\n"]


def test_the_smaller_limits_count_for_both(tmp_path: Path) -> None:
    """Writers with limits of their own rotate the same chain; each keeps as much as it says."""
    path = tmp_path / "a.log"
    large, small = RotatedFile(str(path), 100, 9), RotatedFile(str(path), 20, 2)
    for number in range(6):
        (small if number % 2 else large).write(b"%d 345678\n%d 345678\n" % (number, number))
    files = contents(path)
    assert len(files) == 3
    assert b"".join(files).endswith(b"5 345678\n5 345678\n")


@pytest.mark.parametrize("known", [False, True])
def test_a_line_that_another_writer_has_not_ended(tmp_path: Path, known: bool) -> None:
    """A line begins on a line of its own, whoever was killed, or waits, in the middle of one."""
    path = tmp_path / "a.log"
    file = RotatedFile(str(path), 0, 3)
    if known:
        file.write(b"one\n", new_line=True)
    with path.open("ab") as other:
        other.write(b"cut")
    file.write(b"two\n", new_line=True)
    file.write(b"dots ..", new_line=True)
    file.write(b"..\n")
    assert path.read_bytes() == b"one\n" * known + b"cut\ntwo\ndots ....\n"


class Clock:
    """Stands in for the module time; ``sleep`` also does what another process would do."""

    def __init__(self) -> None:
        self.now = 0.0
        self.others: list[Callable[[], object]] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.others:
            self.others.pop(0)()


def test_a_line_that_another_writer_is_just_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel shows a write at the end of a page before the rest: no empty line goes there."""
    path = tmp_path / "a.log"
    path.write_bytes(b"x" * 4096)
    clock = Clock()
    monkeypatch.setattr(rotation, "time", clock)
    with path.open("ab", buffering=0) as other:
        clock.others = [lambda: None, lambda: other.write(b"y" * 4096), lambda: other.write(b"\n")]
        RotatedFile(str(path), 0, 3).write(b"two\n", new_line=True)
    assert path.read_bytes() == b"x" * 4096 + b"y" * 4096 + b"\ntwo\n"


def test_a_line_that_was_cut_at_the_end_of_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next line waits for the rest only once, even if the disk is full meanwhile."""
    path = tmp_path / "a.log"
    path.write_bytes(b"x" * 4096)
    clock = Clock()
    monkeypatch.setattr(rotation, "time", clock)
    file = RotatedFile(str(path), 0, 3)
    with monkeypatch.context() as full:
        full.setattr(posix, "write", Mock(side_effect=OSError(errno.ENOSPC, "No space left")))
        for _ in range(2):
            with pytest.raises(OSError, match="No space"):
                file.write(b"lost\n", new_line=True)
    file.write(b"two\n", new_line=True)
    assert path.read_bytes() == b"x" * 4096 + b"\ntwo\n"
    assert 0.4 < clock.now < 0.6


class Writer:
    """A process that writes numbered lines to a file, as fast as it can, and counts them."""

    def __init__(self, name: int, path: Path, maxbytes: int, backups: int) -> None:
        self.name = name
        self._counted = mmap.mmap(-1, 8)
        self.pid = os.fork()
        if self.pid == 0:
            self._run(RotatedFile(str(path), maxbytes, backups))

    @property
    def counted(self) -> int:
        """How many lines were written before the process counted them."""
        return int.from_bytes(self._counted[:], "little")

    def _run(self, file: RotatedFile) -> None:
        try:
            number = 0
            while True:
                batch = range(number, number + 1 + number % BATCH)
                file.write(b"".join(line(self.name, index) for index in batch), new_line=True)
                number = batch.stop
                self._counted[:] = number.to_bytes(8, "little")
        finally:
            os._exit(0)


BATCH = 5  # lines of one write, at most


def line(name: int, number: int) -> bytes:
    """Returns a line; some are longer than a page, so that SIGKILL can cut its write(2)."""
    width = 6000 if number % 97 == 0 else number * 13 % 100
    return b"<%d:%d:%s>\n" % (name, number, b"x" * width)


@pytest.mark.parametrize("kills", [60, pytest.param(250, marks=pytest.mark.full)])
def test_killed_writers_of_one_file_lose_and_repeat_no_line(tmp_path: Path, kills: int) -> None:
    """Eight processes rotate one file, each by its own limit; SIGKILL ends any of them, any time.

    Each line that a process has counted is there, once, whole and in order. Of what it was about to
    write when it was killed, there may be a beginning, cut by the kernel within a line.
    """
    path = tmp_path / "a.log"
    random = Random(1)
    writers: list[Writer] = []
    running: list[Writer] = []
    while len(writers) < kills or not (tmp_path / "a.log.20").exists():
        while len(running) < 8:
            name = len(writers)
            running.append(Writer(name, path, 20_000 + 3_000 * (name % 4), 90_000 + name))
            writers.append(running[-1])
        select.select([], [], [], random.random() / 50)  # not a wait: time in which they write
        killed = running.pop(random.randrange(len(running)))
        os.kill(killed.pid, signal.SIGKILL)
        os.waitpid(killed.pid, 0)
    for writer in running:
        os.kill(writer.pid, signal.SIGKILL)
        os.waitpid(writer.pid, 0)
    files = contents(path)
    text = b"".join(files)
    found: dict[int, list[int]] = {writer.name: [] for writer in writers}
    for whole in re.finditer(rb"<(\d+):(\d+):x*>\n", text):
        name, number = int(whole[1]), int(whole[2])
        assert whole[0] == line(name, number)
        found[name].append(number)
    for writer in writers:
        numbers = found[writer.name]
        assert numbers == list(range(len(numbers)))
        assert writer.counted <= len(numbers) <= writer.counted + BATCH
    # What is no whole line is the beginning of one, at most one for each killed process.
    cut = re.sub(rb"<\d+:\d+:x*>\n", b"", text).split(b"<")
    assert len([part for part in cut if part.strip()]) <= len(writers)
    assert len(files) > 20


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A FIFO or a device is never rotated."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with pytest.raises(OSError, match="not a regular file"):
        RotatedFile(str(path), LIMIT, 3).write(b"one\n")


def test_the_files_stay_in_their_directory(tmp_path: Path) -> None:
    """Between two looks, a link in place of the directory leads neither data nor renames away."""
    directory = tmp_path / "logs"
    directory.mkdir()
    file = RotatedFile(str(directory / "a.log"), 10, 3)
    file.write(b"12345678\n")
    directory.rename(tmp_path / "old")
    trap = tmp_path / "trap"
    trap.mkdir()
    directory.symlink_to(trap)
    file.write(b"abcdefgh\n")
    assert contents(tmp_path / "old" / "a.log") == [b"12345678\n", b"abcdefgh\n"]
    assert list(trap.iterdir()) == []


def test_directory_that_is_moved_away_is_found_again(tmp_path: Path) -> None:
    """If another directory is in its place, the next lines go there."""
    directory = tmp_path / "logs"
    directory.mkdir()
    file = RotatedFile(str(directory / "a.log"), LIMIT, 3)
    file.write(b"one\n")
    directory.rename(tmp_path / "old")
    directory.mkdir()
    later(file)
    file.write(b"two\n")
    assert (directory / "a.log").read_bytes() == b"two\n"


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of another user, in which root's wrapper logs."""
    path = tmp_path / "theirs"
    path.mkdir()
    if os.geteuid():
        monkeypatch.setattr(posix, "geteuid", lambda: 0)  # our files are now another user's
    else:
        os.chown(path, 65534, 65534)
    return path


def test_root_logs_in_a_directory_of_another_user(theirs: Path) -> None:
    """The files are rotated there as anywhere."""
    path = theirs / "a.log"
    file = RotatedFile(str(path), 10, 3)
    file.write(b"12345678\nabcdefgh\n")
    assert contents(path) == [b"12345678\n", b"abcdefgh\n"]


def test_root_takes_no_second_name_of_a_file(theirs: Path, tmp_path: Path) -> None:
    """Another user can give a file of root's a second name, unless the kernel forbids it."""
    victim = tmp_path / "victim"
    victim.touch()
    os.link(victim, theirs / "a.log")
    with pytest.raises(OSError, match="second name"):
        RotatedFile(str(theirs / "a.log"), 10, 3).write(b"one\n")
    assert victim.read_bytes() == b""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_takes_files_of_the_directorys_owner_and_its_own(theirs: Path) -> None:
    """A file of a third user is not what the owner of the directory, or we, have put there."""
    for owner, name in ((0, "root"), (65534, "owner"), (12345, "third")):
        path = theirs / name
        path.touch()
        os.chown(path, owner, owner)
        file = RotatedFile(str(path), 0, 3)
        if name == "third":
            with pytest.raises(OSError, match="the file belongs to user 12345"):
                file.write(b"one\n")
        else:
            file.write(b"one\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("user", [0, 12345])
@pytest.mark.parametrize("mode", [0o1777, 0o775])
def test_file_of_another_user_in_a_directory_that_users_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, mode: int
) -> None:
    """Whoever makes the file first, or puts it there, does not get our lines."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(mode)
    monkeypatch.setattr(posix, "geteuid", lambda: user)
    for owner in (user, 65534):
        path = shared / str(owner)
        path.touch()
        path.chmod(0o666)
        os.chown(path, owner, owner)
        file = RotatedFile(str(path), 0, 3)
        if owner == user:
            file.write(b"one\n")
            assert path.read_bytes() == b"one\n"
            continue
        # Where everybody can write, the kernel itself may refuse (proc(5), protected_regular).
        with pytest.raises(OSError, match=r"the file belongs to user 65534|Permission denied"):
            file.write(b"one\n")
        assert path.read_bytes() == b""


@pytest.mark.parametrize(("backups", "obstacle"), [(1, "a.log.1"), (3, "a.log.3")])
def test_a_rotation_that_is_blocked_loses_no_line(
    tmp_path: Path, backups: int, obstacle: str
) -> None:
    """If a directory is in the way, the file grows, and is rotated once the way is free."""
    path = tmp_path / "a.log"
    for number in range(1, backups):
        (tmp_path / f"a.log.{number}").touch()
    (tmp_path / obstacle).mkdir()
    file = RotatedFile(str(path), 10, backups)
    for _ in range(3):
        file.write(b"12345678\n")
    assert path.read_bytes() == b"12345678\n" * 3
    assert file.blocked == f"{obstacle}: Is a directory"
    (tmp_path / obstacle).rmdir()
    file.write(b"not yet\n")
    file._next_rotation = 0.0
    file.write(b"new\n")
    assert file.blocked is None
    assert path.read_bytes() == b"new\n"
    assert (tmp_path / "a.log.1").read_bytes() == b"12345678\n" * 3 + b"not yet\n"


class Refusing:
    """The posix module where one file cannot be renamed."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def rename(self, source: str, target: str, **options: Any) -> None:
        if source == self._name:
            raise PermissionError(1, "Operation not permitted", source, None, target)
        posix.rename(source, target, **options)


def test_tries_to_rotate_push_no_file_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a rotation fails on its way, the next tries do not move the files before it again."""
    path = tmp_path / "a.log"
    for number in range(1, 4):
        (tmp_path / f"a.log.{number}").write_bytes(b"%d\n" % number)
    monkeypatch.setattr(rotation, "posix", Refusing("a.log.1"))
    file = RotatedFile(str(path), 10, 3)
    for _ in range(5):
        file._next_rotation = 0.0
        file.write(b"12345678\n")
    assert file.blocked == "a.log.2: Operation not permitted"
    assert contents(path) == [b"2\n", b"1\n", b"12345678\n" * 5]


def test_a_file_that_is_gone_blocks_nothing(tmp_path: Path) -> None:
    """If logrotate moves the file just before we do, the lines go on in a new one."""
    for backups in (0, 3):
        path = tmp_path / f"{backups}.log"
        file = RotatedFile(str(path), 10, backups)
        file.write(b"12345678\n")
        path.unlink()
        file.write(b"abcdefgh\n")
        assert (file.blocked, path.read_bytes()) == (None, b"abcdefgh\n")
