"""owner: which of root's files a user is given."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wctl.trust import accounts, owner
from wctl.trust.files import UnsafeError

ALICE, BOB = 12345, 12346  # IDs of users

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to other users")


def make(path: Path, user: int = 0, mode: int = 0o644) -> Path:
    """Writes a file of a user."""
    path.write_text("line\n")
    os.chown(path, user, 0)
    path.chmod(mode)
    return path


def directory(path: Path, user: int, mode: int = 0o755) -> Path:
    """Makes a directory of a user."""
    path.mkdir(parents=True)
    path.chmod(mode)
    os.chown(path, user, 0)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory of root that all users may enter."""
    return directory(tmp_path / "srv", 0)


@pytest.fixture(autouse=True)
def protected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the kernel says of links to files of others."""
    path = tmp_path / "protected"
    path.write_text("1\n")
    monkeypatch.setattr(owner, "_LINKS_PROTECTED", str(path))
    monkeypatch.setattr(owner, "_REGULAR_PROTECTED", str(path))
    return path


def rights(path: Path) -> list[int]:
    """Returns what a user could be given of a file: not st_atime, which every look may change."""
    found = path.lstat()
    return [found.st_ino, found.st_mode, found.st_uid, found.st_gid, found.st_ctime_ns]


def refused(path: Path, why: str, user: int = ALICE) -> None:
    """Asserts that a file is not given to a user, and stays as it is."""
    before = rights(path)
    with pytest.raises(UnsafeError, match=why):
        owner.give(path, user)
    assert rights(path) == before


@pytest.mark.parametrize("whose", [0, ALICE, BOB])
def test_what_supervisor_wrote(root: Path, whose: int) -> None:
    """A log file of root that all may read is given, with its mode and group, once."""
    log = make(directory(root / "log", whose) / "a.log")
    assert owner.give(log, ALICE, pretend=True)
    assert log.stat().st_uid == 0
    assert owner.give(log, ALICE)
    found = log.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (ALICE, 0, 0o644)
    assert not owner.give(log, ALICE)


def test_where_root_alone_decides(root: Path, protected: Path) -> None:
    """In directories of root alone, the mode of the file and root's links do not matter."""
    protected.write_text("0\n")
    log = make(directory(root / "log", 0) / "a.log", mode=0o600)
    (root / "link").symlink_to("log")
    assert owner.give(root / "link" / "a.log", ALICE)
    assert log.stat().st_uid == ALICE


def test_links_of_others(root: Path) -> None:
    """From where others control the way, no link is followed: neither to a file nor on the way."""
    secret = make(root / "passwd")
    app = directory(root / "app", ALICE)
    (app / "a.log").symlink_to(secret)
    refused(app / "a.log", "a.log is a link, in .*/app")
    (app / "logs").symlink_to(root)
    refused(app / "logs" / "passwd", "logs is a link, in .*/app")
    (root / "logs").symlink_to("app")
    os.chown(root / "logs", ALICE, 0, follow_symlinks=False)
    make(app / "b.log")
    refused(root / "logs" / "b.log", "logs is a link")
    assert secret.stat().st_uid == 0


def test_what_the_owner_of_a_directory_has_moved_there(root: Path, protected: Path) -> None:
    """A secret, a directory, a program of root's, or a second name of a file is not given."""
    app = directory(root / "app", ALICE)
    refused(make(app / "secret", mode=0o600), "root alone may read it")
    refused(make(app / "su", mode=0o4755), "becomes another user")
    refused(make(app / "group", mode=0o2755), "becomes another user")
    refused(make(directory(app / "moved", 0) / "a.log"), "app belongs to 12345, .*moved to root")
    linked = make(app / "linked")
    os.link(linked, app / "name")
    refused(linked, "second name")
    protected.write_text("0\n")
    refused(make(app / "a.log"), "users can add names")


def test_what_is_no_log_file_of_root(root: Path) -> None:
    """A directory, a FIFO and a file of somebody else stay as they are; so does nothing."""
    refused(directory(root / "log", 0), "not a regular file")
    os.mkfifo(root / "fifo")
    refused(root / "fifo", "not a regular file")
    refused(make(root / "b.log", BOB), "belongs to 12346")
    with pytest.raises(FileNotFoundError):
        owner.give(root / "none.log", ALICE)


def test_who_may_rotate(root: Path) -> None:
    """To rename files in a directory needs permission to write and to enter."""
    account = accounts.find("daemon")
    assert account is not None
    cases = [(0, 0o755, False), (0, 0o777, True), (account.pw_uid, 0o700, True)]
    cases += [(account.pw_uid, 0o577, False), (0, 0o776, False)]
    for number, (user, mode, wanted) in enumerate(cases):
        path = directory(root / str(number), user, mode)
        assert owner.may_add(str(path), account) == wanted, (user, oct(mode))


@pytest.mark.parametrize(
    ("mode", "level", "given"),
    [(0o1777, "0", True), (0o1777, "1", False), (0o1770, "1", True), (0o1770, "2", False),
     (0o777, "2", True), (0o1755, "2", True)],
)  # fmt: skip
def test_what_root_could_not_open_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, level: str, given: bool
) -> None:
    """In /tmp, the kernel keeps root from a user's file, and Supervisor would fail."""
    setting = tmp_path / "regular"
    setting.write_text(f"{level}\n")
    monkeypatch.setattr(owner, "_REGULAR_PROTECTED", str(setting))
    log = make(directory(root / "tmp", 0, mode) / "a.log")
    if given:
        assert owner.give(log, ALICE, pretend=True)
    else:
        refused(log, "root could not open it any more, in .*/tmp ")
