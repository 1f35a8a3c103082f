"""units: remedies for closed directories of log files that no other user can lead astray."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, cast

import pytest

from unit.doctor.programs import program
from wctl.config.model import Program
from wctl.doctor import units
from wctl.doctor.finding import Commands, Finding
from wctl.doctor.runner import Runner
from wctl.install.installed import Layout
from wctl.trust.commands import Answer

ALICE, BOB = 12345, 12346  # IDs of users

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to other users")


def test_drop_ins_that_are_removed_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory is there when doctor asks, and gone when it reads the names in it."""
    layout = Layout(False, tmp_path, (), tmp_path, tmp_path)
    here = make(tmp_path / "x@.service.d")
    (here / "a.conf").touch()
    assert units._drop_ins(layout, "x@00.service") == {str(here / "a.conf")}

    def gone(path: str) -> NoReturn:
        raise FileNotFoundError(path)

    monkeypatch.setattr(os, "scandir", gone)
    monkeypatch.setattr(os, "listdir", gone)
    assert units._drop_ins(layout, "x@00.service") == set()


class Closed:
    """A Runner whose user may enter all directories but those named, and write to none."""

    def __init__(self, found: Program, *barred: Path) -> None:
        self.program = found
        self._barred = {str(path) for path in barred}

    def run(self, command: Sequence[str]) -> Answer:
        """Answers test(1)."""
        refused = "-w" in command[2] or command[-1] in self._barred
        return Answer(int(refused), "", "")


def finding(tmp_path: Path, directory: Path, *barred: Path) -> Finding:
    """Returns what doctor says about a directory into which the program's user cannot write."""
    found = program(tmp_path, f"command=true\nuser=daemon\nstdout_logfile={directory}/x.log")
    runner = cast("Runner", Closed(found, *barred))
    (said,) = units.log_files(runner, Commands(user=False, files=()))
    return said


def make(path: Path, owner: int = 0, group: int = 0, mode: int = 0o755) -> Path:
    """Makes a directory."""
    path.mkdir()
    os.chown(path, owner, group)
    path.chmod(mode)
    return path


def test_directory_of_the_program(tmp_path: Path) -> None:
    """The program's own directory is given to its user, whoever owns it, if it stays in place."""
    for owner in (0, BOB):
        directory = make(tmp_path / str(owner), owner)
        remedy = finding(tmp_path, directory).remedy
        assert remedy == f"install -d -o daemon -m 0750 {directory}"


@pytest.mark.parametrize(("owner", "group", "mode"), [(ALICE, 0, 0o755), (0, BOB, 0o775)])
def test_directory_that_others_can_exchange(
    tmp_path: Path, owner: int, group: int, mode: int
) -> None:
    """Before the administrator pastes the remedy, a link to /etc may be in its place."""
    above = make(tmp_path / "app", owner, group, mode)
    log = make(above / "log", owner)
    inner = make(log / "inner", owner)
    for directory, said in (log, finding(tmp_path, log)), (inner, finding(tmp_path, inner, log)):
        assert said.remedy == f"namei -l {directory}"
        assert f" can change {above}" in said.what
    assert finding(tmp_path, log, above).remedy == f"chmod a+x {above}"


def test_directory_in_which_others_can_put_a_link(tmp_path: Path) -> None:
    """No directory is made where a link PROGRAM to /etc may be there first."""
    directory = make(tmp_path / "log", 0, BOB, 0o775)
    (directory / "others.log").touch()
    said = finding(tmp_path, directory)
    assert said.remedy == f"namei -l {directory}"
    assert said.what.endswith(f"; group {BOB} can change {directory}")
    directory.chmod(0o1777)
    assert finding(tmp_path, directory).remedy == f"namei -l {directory}"
    directory.chmod(0o755)
    assert finding(tmp_path, directory).remedy.startswith(
        f"install -d -o daemon -m 0750 {directory}/x && "
    )


def test_directory_that_goes_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who removes the directory while doctor looks ends nothing."""
    directory = make(tmp_path / "log")
    answer = Closed.run

    def run(self: Closed, command: Sequence[str]) -> Answer:
        if "-w" in command[2]:
            directory.rmdir()
        return answer(self, command)

    monkeypatch.setattr(Closed, "run", run)
    said = finding(tmp_path, directory)
    assert (said.remedy, said.evidence) == (f"namei -l {directory}", ())
    assert said.what.endswith("No such file or directory")
