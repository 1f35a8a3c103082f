"""files: which files root opens where other users have a say."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wctl.trust import files
from wctl.trust.files import UnsafeError

ALICE, BOB = 12345, 12346  # IDs of users

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to other users")


def make(path: Path, owner: int = 0, text: str = "secret\n", mode: int = 0o640) -> Path:
    """Writes a file of a user."""
    path.write_text(text)
    os.chown(path, owner, owner)
    path.chmod(mode)
    return path


def directory(path: Path, owner: int, mode: int = 0o755) -> Path:
    """Makes a directory of a user."""
    path.mkdir(parents=True)
    path.chmod(mode)
    os.chown(path, owner, owner)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory of root that all users may enter."""
    return directory(tmp_path / "srv", 0)


@pytest.fixture
def app(root: Path) -> Path:
    """Alice's directory."""
    return directory(root / "app", ALICE)


def read(path: Path, writer: int | None = ALICE) -> str:
    """Returns the text of a log file."""
    with files.open_log(path, writer) as log:
        return log.read().decode()


def test_log_of_its_user(root: Path, app: Path) -> None:
    """A file of the worker's user is read, in that user's directory or in root's."""
    assert read(make(app / "log", ALICE)) == "secret\n"
    assert read(make(root / "log", ALICE)) == "secret\n"
    assert read(make(root / "roots"), 0) == "secret\n"


def test_roots_links_are_followed(root: Path, app: Path) -> None:
    """The administrator's links lead where they lead, relative ones, too."""
    make(app / "log", ALICE)
    (root / "current").symlink_to(app)
    (root / "relative").symlink_to("../srv/./current/log")
    assert read(root / "current" / "log") == "secret\n"
    assert read(root / "relative") == "secret\n"


def test_links_of_a_user_lead_to_that_users_files_only(root: Path, app: Path) -> None:
    """A link in the worker's directory never makes root open a file of somebody else."""
    make(directory(root / "bob", BOB) / "log", BOB)
    shadow = make(root / "shadow")
    for name, target in (("a", shadow), ("b", "../shadow"), ("c", root / "bob" / "log")):
        (app / name).symlink_to(target)
        os.chown(app / name, ALICE, ALICE, follow_symlinks=False)
        with pytest.raises(UnsafeError, match=r"unsafe: .* belongs to"):
            read(app / name)
        with pytest.raises(UnsafeError):
            files.truncate(app / name, ALICE)
    (app / "d").symlink_to("../bob")
    os.chown(app / "d", ALICE, ALICE, follow_symlinks=False)
    with pytest.raises(UnsafeError):
        read(app / "d" / "log")
    # Alice could move this link of root's to the name of the log.
    (app / "e").symlink_to(shadow)
    with pytest.raises(UnsafeError):
        read(app / "e")
    assert shadow.read_text() == (root / "bob" / "log").read_text() == "secret\n"


def test_link_of_a_user_in_a_directory_for_all(root: Path) -> None:
    """A link in a directory like /tmp is its owner's, not root's."""
    make(root / "shadow")
    tmp = directory(root / "tmp", 0, 0o1777)
    (tmp / "log").symlink_to(root / "shadow")
    os.chown(tmp / "log", ALICE, ALICE, follow_symlinks=False)
    with pytest.raises(UnsafeError):
        read(tmp / "log")


def test_files_of_others_in_a_users_directory(app: Path) -> None:
    """A user can move files of others within the own directories, so they are not that user's."""
    with pytest.raises(UnsafeError, match=r"app belongs to 12345, .*env to root"):
        read(make(app / "env"))
    with pytest.raises(UnsafeError):
        read(make(app / "bobs", BOB))
    # A worker of root logs to a directory of somebody else: its own file, and no second name of
    # another file.
    log = make(app / "log")
    assert read(log, writer=0) == "secret\n"
    os.link(log, app / "other")
    with pytest.raises(UnsafeError):
        read(log, writer=0)


@pytest.mark.parametrize("mode", [0o1777, 0o777, 0o775])
def test_log_in_a_directory_that_users_share(root: Path, mode: int) -> None:
    """Where others can enter a name first, or move files, the log must be the writer's."""
    shared = directory(root / "shared", 0, mode)
    assert read(make(shared / "hers", ALICE)) == "secret\n"
    with pytest.raises(UnsafeError, match=r"unsafe: users share .*/shared, and .*bobs belongs to"):
        read(make(shared / "bobs", BOB))
    os.link(make(shared / "one", ALICE), shared / "two")
    with pytest.raises(UnsafeError, match="two has a second name"):
        read(shared / "two")
    roots = make(shared / "roots")
    if mode & 0o1000:
        assert read(roots) == "secret\n"  # nobody else can have put it there
    else:
        with pytest.raises(UnsafeError, match="roots belongs to root"):
            files.truncate(roots, ALICE)
    assert read(roots, writer=0) == "secret\n"


def test_directory_in_a_directory_that_users_share(root: Path) -> None:
    """A user who enters, or replaces, a directory on the way shows no file as the worker's."""
    shared = directory(root / "shared", 0, 0o1777)
    with pytest.raises(UnsafeError, match="log belongs to 12346"):
        read(make(directory(shared / "app", BOB) / "log", BOB))
    for owner in (BOB, 0):
        (shared / f"link{owner}").symlink_to("app")
        os.chown(shared / f"link{owner}", owner, owner, follow_symlinks=False)
        with pytest.raises(UnsafeError, match="log belongs to 12346"):
            read(shared / f"link{owner}" / "log")
    assert read(make(directory(shared / "hers", ALICE) / "log", ALICE)) == "secret\n"
    assert read(make(directory(shared / "roots", 0) / "log", BOB)) == "secret\n"


def test_nothing_blocks(app: Path) -> None:
    """A FIFO, a device, a directory and a socket are refused at once."""
    os.mkfifo(app / "fifo")
    (app / "directory").mkdir()
    os.mknod(app / "device", 0o600 | 0o020000, os.makedev(5, 0))
    for name in ("fifo", "directory", "device"):
        os.chown(app / name, ALICE, ALICE)
        with pytest.raises(OSError, match="not a regular file"):
            read(app / name)
        with pytest.raises(OSError, match="not a regular file"):
            files.read(app / name)
    with pytest.raises(FileNotFoundError):
        read(app / "none")
    (app / "loop").symlink_to("loop")
    os.chown(app / "loop", ALICE, ALICE, follow_symlinks=False)
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        read(app / "loop")


@contextmanager
def lease(path: Path) -> Iterator[None]:
    """Holds a lease on a file, and does not give it back when the kernel asks for it."""
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    fd = os.open(path, os.O_RDWR)
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        yield
    finally:
        os.close(fd)
        signal.signal(signal.SIGIO, before)


def test_leases_hold_nothing_up(app: Path) -> None:
    """A file on which its owner holds a lease is refused at once, not after 45 seconds."""
    log = make(app / "log", ALICE)
    for attempt in (read, files.read, lambda path: files.truncate(path, ALICE)):
        with lease(log), pytest.raises(OSError, match="another process holds a lease on it"):
            attempt(log)
    with lease(log), pytest.raises(OSError, match="another process holds a lease on it"):
        files.read(log, any_kind=True)
    assert read(log) == "secret\n"


def test_pipes_that_root_names(root: Path) -> None:
    """What root names may be a pipe, as of a shell's <(...), and is read to its end."""
    ours, theirs = os.pipe()
    os.write(theirs, b"secret\n")
    os.close(theirs)
    assert files.read(f"/dev/fd/{ours}", any_kind=True) == b"secret\n"
    os.close(ours)
    assert files.read(make(root / "file"), any_kind=True) == b"secret\n"
    with pytest.raises(OSError, match=rf"not a regular file: '{root}'"):
        files.read(root, any_kind=True)


def test_truncate(app: Path) -> None:
    """A log file is emptied in place; its owner and mode stay."""
    log = make(app / "log", ALICE)
    before = log.stat()
    files.truncate(log, ALICE)
    after = log.stat()
    assert (after.st_ino, after.st_uid, after.st_mode) == (before.st_ino, ALICE, before.st_mode)
    assert after.st_size == 0


def test_ways_that_others_could_change(root: Path, app: Path) -> None:
    """A directory of a user's is safe to name to root; what that user's links lead to is not."""
    assert files.unsafe(app) is None
    (app / "etc").symlink_to("/etc")
    os.chown(app / "etc", ALICE, ALICE, follow_symlinks=False)
    assert files.unsafe(app / "etc") == f"unsafe: {app}/etc belongs to 12345, / to root"
    (root / "etc").symlink_to("/etc")
    assert files.unsafe(root / "etc") is None


def test_what_root_alone_can_change(root: Path, app: Path) -> None:
    """A file is root's if each directory and link on the way is, and nobody else may write."""
    assert files.not_roots(make(root / "file")) is None
    assert files.not_roots(root / "missing") is None
    assert files.not_roots(make(app / "file")) == f"user 12345 can change {app}"
    assert files.not_roots(make(root / "hers", ALICE)) == f"user 12345 can change {root}/hers"
    assert files.not_roots(app / "missing") == f"user 12345 can change {app}"
    open_file = make(root / "open", mode=0o666)
    assert files.not_roots(open_file) == f"every user can change {open_file}"
    shared = make(root / "shared", mode=0o660)
    assert files.not_roots(shared) is None  # by root's own group
    os.chown(shared, 0, BOB)
    assert files.not_roots(shared) == f"group {BOB} can change {shared}"
    (root / "link").symlink_to(app / "file")
    assert files.not_roots(root / "link") == f"user 12345 can change {app}"
    drop = directory(root / "drop", 0, 0o777)
    assert files.not_roots(make(drop / "file")) == f"every user can change {drop}"


def grant(path: Path, *writers: tuple[int, int], group: int = 4, mask: int = 6) -> Path:
    """Gives a file an access list: its group, a mask, and tags (2 user, 8 group) with IDs."""
    nobody = 0xFFFFFFFF
    entries = [(1, 6, nobody), (4, group, nobody), (16, mask, nobody), (32, 4, nobody)]
    entries += [(tag, 6, identity) for tag, identity in writers]
    data = b"".join(struct.pack("<HHI", *entry) for entry in sorted(entries))
    os.setxattr(path, "system.posix_acl_access", struct.pack("<I", 2) + data)
    return path


def test_access_lists(root: Path) -> None:
    """An access list lets others write to what belongs to root and root's group by its mode."""
    file = grant(make(root / "file"), (2, ALICE))
    assert file.stat().st_mode & 0o777 == 0o664
    assert files.not_roots(file) == f"user {ALICE} (access list) can change {file}"
    file = grant(make(root / "groups"), (8, BOB))
    assert files.not_roots(file) == f"group {BOB} (access list) can change {file}"
    drop = grant(directory(root / "drop", 0), (2, ALICE))
    assert files.not_roots(drop / "file") == f"user {ALICE} (access list) can change {drop}"
    # The mask takes the permission away, root has it anyway, and the file's group may not write.
    assert files.not_roots(grant(make(root / "masked"), (2, ALICE), mask=4)) is None
    assert files.not_roots(grant(make(root / "roots"), (2, 0), (8, 0))) is None
    theirs = make(root / "theirs")
    os.chown(theirs, 0, BOB)
    assert files.not_roots(grant(theirs)) is None
    assert files.not_roots(grant(theirs, group=6)) == f"group {BOB} can change {theirs}"


@pytest.mark.parametrize("name", ["x\nb@00: cleared", "\x1b[2J\x9bx", "\udc9bx\udcff", "\u202ex"])
def test_names_that_others_chose_are_printable(root: Path, app: Path, name: str) -> None:
    """The target of a link begins no line of its own, and gives a terminal no orders."""
    others = directory(root / "others", 0)
    make(others / name)
    targets = f"/none/{name}", f"none/{name}", str(others / name), str(app / name)
    for number, target in enumerate(targets):
        link = app / str(number)
        link.symlink_to(target)
        os.chown(link, ALICE, ALICE, follow_symlinks=False)
        with pytest.raises(OSError) as raised:
            read(link)
        said = [str(raised.value), str(raised.value.filename), str(raised.value.strerror)]
        said += [f"{place} {who}" for place, who in files.others(link)]
        assert [text for text in said if not text.isprintable()] == []
    for attempt in (files.read, files.unsafe, read):
        with pytest.raises(FileNotFoundError) as raised:
            attempt(root / name)
        assert raised.value.filename.isprintable()
    assert files.not_roots(make(app / name)) == f"user {ALICE} can change {app}"
    shown = files.not_roots(make(root / name, ALICE)) or ""
    assert shown.isprintable() and shown.startswith(f"user {ALICE} can change {root}/")


def test_directory_for_all(root: Path) -> None:
    """In a directory with the sticky bit, what root has is root's, and what is missing is not."""
    sticky = directory(root / "sticky", 0, 0o1777)
    assert files.not_roots(make(sticky / "file")) is None
    assert files.not_roots(sticky / "missing") == f"every user can change {sticky}"
    assert files.not_roots(sticky) is None
    assert files.not_roots(sticky, shared=True) == f"every user can change {sticky}"


def test_descriptors_are_closed(app: Path) -> None:
    """No way through a path leaves a descriptor open."""
    make(app / "log", ALICE)
    (app / "out").symlink_to("/etc/passwd")
    os.chown(app / "out", ALICE, ALICE, follow_symlinks=False)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        read(app / "log")
        files.not_roots(app / "log")
        for name in ("out", "none"):
            with pytest.raises(OSError):
                read(app / name)
    assert len(os.listdir("/proc/self/fd")) == before
