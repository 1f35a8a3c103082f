"""comparison: what wctl would start, Supervisor's files, and what Supervisor runs."""

from __future__ import annotations

from pathlib import Path

from wctl.config import load
from wctl.config.model import Config
from wctl.supervisor import comparison
from wctl.supervisor.environment import Inherited

TEXT = "[program:x]\ncommand=a b\nuser=root\n[program:y]\ncommand=c\n"


def read(directory: Path, name: str, text: str) -> Config:
    """Returns the configuration in a file with this text."""
    path = directory / name
    path.write_text(text)
    return load.load([path], {})


def against(directory: Path, text: str, inherited: Inherited | None = None) -> list[str]:
    """Returns how wctl's configuration ``text`` differs from Supervisor's."""
    theirs = read(directory, "theirs", f"[supervisord]\n{TEXT}")
    ours = read(directory, "ours", text)
    lines = comparison.against(theirs.programs, ours, inherited or Inherited())
    return [line.replace(f"{directory}/", "") for line in lines]


def test_options_that_differ_are_named_with_both_places(tmp_path: Path) -> None:
    """One line for each program; what only wctl knows may differ."""
    own = TEXT.replace("user=root", "user=root\nmemory_max=1G\nsystemd.Service.Nice=3")
    assert against(tmp_path, own) == []
    assert against(tmp_path, TEXT.replace("a b", "a c").replace("root", "bin")) == [
        "x: command, user differ: theirs:3, ours:2"
    ]
    assert against(tmp_path, f"{TEXT}startsecs=9\n") == ["y: startsecs differs: theirs:5, ours:6"]
    assert against(tmp_path, "[program:x]\ncommand=a b\nuser=root\n") == [
        "y: theirs:5 has it, and wctl's configuration does not"
    ]


def test_what_was_edited_since_the_import(tmp_path: Path) -> None:
    """Who goes back is told what Supervisor will not do; programs that wctl has not are no edit."""
    theirs = read(tmp_path, "theirs", f"[supervisord]\n{TEXT}").programs
    ours = read(tmp_path, "ours", "[program:x]\ncommand=a b\nuser=root\nstartsecs=9\n")
    lines = [line.replace(f"{tmp_path}/", "") for line in comparison.edited(theirs, ours)]
    assert lines == ["x: startsecs differs: theirs:2, ours:4"]


def test_variables_of_supervisord_that_would_be_missing(tmp_path: Path) -> None:
    """A file that was imported while supervisord was down does not name its variables."""
    inherited = Inherited({}, given={"DB": "d"}, file=Path("/e"))
    lines = against(tmp_path, f"{TEXT}environment_file=/e\n", inherited)
    assert lines == ["x: ours:1: environment_file lacks /e, with supervisord's DB"]


def test_files_that_were_edited_since_supervisord_read_them(tmp_path: Path) -> None:
    """Groups are named by supervisord, programs by wctl; other groups are none of ours."""
    programs = read(tmp_path, "theirs", f"{TEXT}[group:g]\nprograms=x\n").programs
    edited = {"g": "changed", "y": "available", "z": "changed", "gone": "disappeared"}
    lines = list(comparison.not_applied(programs, edited))
    assert [line.partition(f" {tmp_path}")[0] for line in lines] == [
        "x: supervisord runs it otherwise than",
        "y: supervisord does not know it yet,",
    ]


def test_processes_of_no_program(tmp_path: Path) -> None:
    """Event listeners and programs of other files are in the list of Supervisor, too."""
    programs = read(tmp_path, "theirs", TEXT).programs
    states = {"x": "RUNNING", "y": "STOPPED", "listener": "RUNNING", "old:old_1": "STOPPED"}
    assert comparison.unknown(programs, states) == ["listener", "old:old_1"]
    assert comparison.alive(states, ["listener", "old:old_1"]) == ["listener"]
