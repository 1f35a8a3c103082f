"""foreign: which files and directories of a configuration others can change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wctl.check import foreign
from wctl.config.load import load
from wctl.errors import Diagnostic
from wctl.install.installed import Layout

GROUP = next(group for group in range(1, 99) if group not in (0, os.getegid()))


def found(directory: Path, main: str = "", *, user: bool = False) -> list[Diagnostic]:
    """Returns the warnings about a configuration in a directory."""
    file = directory / "wctl.conf"
    if main or not file.exists():
        file.write_text(main)
    layout = Layout(user, directory, (), configuration=directory, environment=directory)
    return list(foreign.configuration(load([file], {}), layout))


def places(diagnostics: list[Diagnostic]) -> list[str]:
    return [diagnostic.place.file for diagnostic in diagnostics]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_a_configuration_of_our_own(tmp_path: Path, mode: int) -> None:
    """Files that others cannot write are no finding."""
    (tmp_path / "wctl.conf").touch(mode)
    assert found(tmp_path) == found(tmp_path, user=True) == []


def test_a_writable_file(tmp_path: Path) -> None:
    """The warning names the file, who can change it, and whose rights that gives away."""
    (tmp_path / "wctl.conf").touch()
    (tmp_path / "wctl.conf").chmod(0o666)
    (warning,) = found(tmp_path)
    assert str(warning) == (
        f"{tmp_path}/wctl.conf: warning: every user can change it, and so make wctl run any"
        " command as root; expected root as its owner, and no write permission for others"
        " [foreign-configuration]"
    )
    assert "any command as you; expected you" in found(tmp_path, user=True)[0].problem


def test_a_directory_above(tmp_path: Path) -> None:
    """Whoever can write to a directory above can replace the file; a sticky bit prevents that."""
    inner = tmp_path / "open/inner"
    inner.mkdir(parents=True)
    (tmp_path / "open").chmod(0o777)
    assert places(found(inner)) == [f"{tmp_path}/open"]
    (tmp_path / "open").chmod(0o1777)
    assert found(inner) == []


def test_the_directory_of_a_link(tmp_path: Path) -> None:
    """A link to a file in somebody else's directory is as bad as the file in that directory."""
    for name in ("conf", "open"):
        (tmp_path / name).mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "open/target").touch()
    (tmp_path / "conf/wctl.conf").symlink_to("../open/target")
    assert places(found(tmp_path / "conf")) == [f"{tmp_path}/open"]


@pytest.mark.parametrize("pattern", ["open/*.conf", "open/*/x.conf", "open/a/x*.conf"])
def test_a_directory_that_an_include_searches(tmp_path: Path, pattern: str) -> None:
    """Everybody can add a file there, also where the directory is empty or has a sticky bit."""
    (tmp_path / "open/a").mkdir(parents=True)
    for name in ("open", "open/a"):
        (tmp_path / name).chmod(0o1777)
    warned = places(found(tmp_path, f"[include]\nfiles={pattern}\n"))
    searched = "open/a" if pattern.startswith("open/a") else "open"
    assert warned == [f"{tmp_path}/{searched}"]


def test_conf_d(tmp_path: Path) -> None:
    """wctl searches conf.d by itself, so nobody else may add a file there."""
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d").chmod(0o1777)
    assert places(found(tmp_path)) == [f"{tmp_path}/conf.d"]


def test_conf_d_of_a_neighbour(tmp_path: Path) -> None:
    """wctl does not search its own conf.d for a configuration in a directory named like its own."""
    for name in ("wctl", "wctl2", "wctl/conf.d"):
        (tmp_path / name).mkdir()
    (tmp_path / "wctl/conf.d").chmod(0o1777)
    (tmp_path / "wctl2/wctl.conf").touch()
    own = tmp_path / "wctl"
    layout = Layout(False, own, (), configuration=own, environment=own)
    assert not list(foreign.configuration(load([tmp_path / "wctl2/wctl.conf"], {}), layout))


def test_once_for_each_file(tmp_path: Path) -> None:
    """Many files in one directory are one finding about the directory."""
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    for name in "abc":
        (tmp_path / f"open/{name}.conf").touch()
    assert places(found(tmp_path, "[include]\nfiles=open/*.conf\n")) == [f"{tmp_path}/open"]


def of_program(directory: Path, options: str, *, user: bool = False) -> list[str]:
    """Returns the warnings about the files that a program names."""
    file = directory / "x.conf"
    file.write_text(f"[program:x]\n{options}\n")
    layout = Layout(user, directory, (), configuration=directory, environment=directory)
    (program,) = load([file], {}).programs
    return [problem.text for check in foreign.checks(layout) for problem in check(program)]


@pytest.mark.parametrize("option", ["environment_file={}", "credential=a:{}"])
def test_files_that_systemd_reads(tmp_path: Path, option: str) -> None:
    """The warning names who can change what, and as whom systemd reads the file."""
    (tmp_path / "open").mkdir()
    file = tmp_path / "open/file"
    options = f"command=true\nuser=nobody\n{option.format(file)}"
    assert of_program(tmp_path, options, user=True) == []
    (tmp_path / "open").chmod(0o777)
    assert of_program(tmp_path, options) == []  # it does not exist: another check, or optional
    file.touch()
    assert of_program(tmp_path, options, user=True) == [
        f"{file}: systemd reads it as you, but every user can change {tmp_path}/open; expected a"
        " file that only you can change"
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize(
    ("options", "warned"),
    [
        ("command={0}", True),
        ("command={0}\nuser=root", True),
        ("command={0}\nuser=nobody", False),
        ("command={0}\nsystemd.Service.DynamicUser=yes", False),
        ("command=/usr/bin/php -d x=1 {0} messenger:consume /x", True),
        ("command=php8.2 {0}", True),
        ("command=/bin/cat {0}", False),
        ("command=/bin/true", False),
        ("command=/bin/true\nqueue_command={0}", True),
        ("command=/bin/true\nenvironment_file={0}", True),
        ("command=/bin/true\nuser=nobody\ncredential=a:{0} b", True),
        ("command=/bin/true\nenvironment_file=/etc/passwd", False),
    ],
)
def test_what_root_runs(tmp_path: Path, options: str, warned: bool) -> None:
    """A command, or an interpreter's script, that a user can change is that user's way to root."""
    script = tmp_path / "script"
    script.touch()
    assert of_program(tmp_path, options.format(script)) == []
    os.chown(script, 4242, 0)
    found = of_program(tmp_path, options.format(script))
    assert len(found) == warned
    assert all(f"user 4242 can change {script}" in text for text in found)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_owners_and_groups(tmp_path: Path) -> None:
    """root trusts files of root alone, and groups that cannot write or are root's own."""
    file = tmp_path / "wctl.conf"
    file.touch()
    os.chown(file, 4242, 0)
    assert "user 4242" in found(tmp_path)[0].problem
    os.chown(file, 0, GROUP)
    file.chmod(0o640)
    assert found(tmp_path) == []
    file.chmod(0o660)
    assert "group " in found(tmp_path)[0].problem
    os.chown(file, 0, 0)
    assert found(tmp_path) == []
