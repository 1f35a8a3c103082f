"""directory: where root's wrapper goes, and where other users could lead it."""

from __future__ import annotations

import os
import posix
from pathlib import Path
from typing import Callable

import pytest

from wctl.wrapper.directory import Directory, locate, reach

Give = Callable[[Path], Path]
NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch) -> Give:
    """Gives a file to another user than root, as whom the code under test runs."""
    if os.geteuid():
        monkeypatch.setattr(posix, "geteuid", lambda: 0)  # our files are now another user's
        return lambda path: path

    def given(path: Path) -> Path:
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        return path

    return given


@pytest.fixture
def app(tmp_path: Path, give: Give) -> Path:
    """A directory of another user."""
    made = tmp_path / "app"
    made.mkdir()
    return give(made)


def reached(path: Path) -> str:
    """Returns the real path of the directory that reach() opens."""
    fd = reach(str(path))
    try:
        return str(Path(f"/proc/self/fd/{fd}").readlink())
    finally:
        os.close(fd)


def test_root_goes_into_a_directory_of_another_user(app: Path, give: Give) -> None:
    """The path is found by its steps, however it is written."""
    log = app / "log"
    log.mkdir()
    give(log)
    assert reached(log) == str(log)
    assert reached(Path(f"//{app}/./log/")) == str(log)


def test_links_of_root_lead_anywhere(tmp_path: Path) -> None:
    """An admin's links, absolute and relative, are followed as the kernel does."""
    (tmp_path / "logs" / "deep").mkdir(parents=True)
    (tmp_path / "absolute").symlink_to(tmp_path / "logs")
    (tmp_path / "relative").symlink_to("absolute/deep/..")
    assert reached(tmp_path / "relative" / "deep") == str(tmp_path / "logs" / "deep")


def test_a_link_of_another_user_leads_only_to_what_is_his(app: Path, give: Give) -> None:
    """From another user's link, root goes to a directory of the same user alone."""
    (app / "log").mkdir()
    give(app / "log")
    (app / "mine").symlink_to("log")
    give(app / "mine")
    assert reached(app / "mine") == str(app / "log")
    (app / "etc").symlink_to("/etc")
    give(app / "etc")
    with pytest.raises(PermissionError, match=r"user \d+ decides where etc leads"):
        reach(str(app / "etc"))


@as_root
@pytest.mark.parametrize("what", ["directory", "link", "above"])
def test_what_is_roots_in_a_directory_of_another_user_is_refused(app: Path, what: str) -> None:
    """The owner of a directory can rename what is in it, and so decides which one root finds."""
    log = app / "log"
    if what == "directory":
        log.mkdir()
    elif what == "link":
        log.symlink_to("/etc")
    with pytest.raises(PermissionError, match="decides where"):
        reach(str(app / ".." if what == "above" else log))


@as_root
def test_a_link_in_a_directory_for_all_leads_nowhere(tmp_path: Path, give: Give) -> None:
    """In a directory such as /tmp, the target of another user's link would begin in root's."""
    (tmp_path / "trap").mkdir()
    link = tmp_path / "log"
    link.symlink_to("trap")
    with pytest.raises(PermissionError, match="decides where log leads"):
        reach(str(give(link)))


def located(path: Path) -> str:
    """Returns the real path that locate() finds."""
    fd, name = locate(str(path))
    try:
        return str(Path(f"/proc/self/fd/{fd}").readlink() / name)
    finally:
        os.close(fd)


@as_root
@pytest.mark.parametrize("user", [0, 12345])
def test_links_of_a_file_are_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int
) -> None:
    """A file is found at the end of root's links, absolute, relative and through others."""
    monkeypatch.setattr(posix, "geteuid", lambda: user)
    (tmp_path / "logs" / "deep").mkdir(parents=True)
    (tmp_path / "dir").symlink_to("logs")
    (tmp_path / "absolute").symlink_to(tmp_path / "dir/deep/x.log")
    (tmp_path / "relative").symlink_to("dir/deep/../y.log")
    (tmp_path / "logs" / "deep" / "x.log").symlink_to("z.log")
    assert located(tmp_path / "absolute") == str(tmp_path / "logs/deep/z.log")
    assert located(tmp_path / "relative") == str(tmp_path / "logs/y.log")
    assert located(tmp_path / "none") == str(tmp_path / "none")


def test_a_link_of_another_user_leads_only_to_his_files(app: Path, give: Give) -> None:
    """Root follows the link of a file by the rule for directories."""
    (app / "log").mkdir()
    give(app / "log")
    for name, target in (("mine", "log/x.log"), ("etc", "/etc/x.log"), ("up", "../x.log")):
        (app / name).symlink_to(target)
        give(app / name)
    assert located(app / "mine") == str(app / "log/x.log")
    for name in ("etc", "up"):
        with pytest.raises(PermissionError, match=r"user \d+ decides where"):
            locate(str(app / name))


@as_root
def test_a_link_of_a_file_in_a_directory_for_all_leads_nowhere(tmp_path: Path, give: Give) -> None:
    """In a directory such as /tmp, another user's link would begin in root's."""
    tmp_path.chmod(0o1777)
    link = tmp_path / "log"
    link.symlink_to("trap")
    with pytest.raises(PermissionError, match="decides where log leads"):
        locate(str(give(link)))


@pytest.mark.parametrize("find", [reach, locate])
def test_links_that_go_round_are_an_error(
    tmp_path: Path, give: Give, find: Callable[[str], object]
) -> None:
    """A link to itself ends with an error."""
    (tmp_path / "a").symlink_to("a")
    with pytest.raises(OSError, match="too many links"):
        find(str(tmp_path / "a"))


def test_a_file_on_the_way_is_an_error(tmp_path: Path, give: Give) -> None:
    """A regular file has no entries."""
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        reach(str(tmp_path / "file" / "log"))


def test_missing_directories_are_made_in_ours_alone(app: Path, tmp_path: Path) -> None:
    """root makes no directory where another user could exchange it."""
    with pytest.raises(FileNotFoundError):
        reach(str(app / "log" / "deep"))
    assert list(app.iterdir()) == []


def test_several_missing_directories_are_made(tmp_path: Path) -> None:
    """Missing directories get mode 0750; a link to nothing stays what it is."""
    tmp_path.chmod(0o755)
    assert reached(tmp_path / "a" / "b") == str(tmp_path / "a" / "b")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o750 & ~_umask()
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(FileNotFoundError):
        reach(str(tmp_path / "link" / "log"))


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def test_no_descriptor_is_lost(tmp_path: Path, app: Path, give: Give) -> None:
    """Success and refusal leave no descriptor open."""
    (app / "etc").symlink_to("/etc")
    give(app / "etc")
    (app / "mine").symlink_to("log")
    give(app / "mine")
    directory = Directory(str(app / "mine"))
    before = os.listdir("/proc/self/fd")
    directory.open()
    directory.close()
    for path in (app / "etc", app / "missing" / "log", app / "etc" / "passwd"):
        with pytest.raises(OSError):
            reach(str(path))
    for name in ("etc", "etc/x.log", "none/x.log"):
        with pytest.raises(OSError):
            locate(str(app / name))
    assert os.listdir("/proc/self/fd") == before
