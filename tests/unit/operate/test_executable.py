"""executable: whether systemd could run a worker's command, as far as files show."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from unit.operate.test_wrapped import loaded
from wctl.operate.executable import MISSING, NOT_EXECUTABLE, wrong

UNIT = "x@07.service"
RIGHT = ""


class Bus:
    """Stands in for the manager: one unit with a command, and with the properties of a drop-in."""

    def __init__(self, command: list[Any], **properties: object) -> None:
        self.path = {"PATH": "/usr/bin:/bin"}  # of the manager itself
        self._properties = {
            "ExecStart": command,
            "Environment": [],
            "EnvironmentFiles": [],
            "RootDirectory": "",
            "RootImage": "",
            "BindPaths": [],
            "BindReadOnlyPaths": [],
            "MountImages": [],
            "ExtensionImages": [],
            "WorkingDirectory": "",
            **properties,
        }

    def environment(self) -> dict[str, str]:
        return self.path

    def properties(
        self, wanted: list[tuple[str, tuple[str, ...]]], *, stopped: bool
    ) -> dict[str, Any]:
        return {unit: {name: self._properties[name] for name in names} for unit, names in wanted}


def in_memory(*arguments: str) -> list[Any]:
    """Returns ExecStart= as systemd has it in memory: with specifiers replaced."""
    ((path, words, ignore),) = cast("list[tuple[str, list[str], bool]]", loaded(*arguments))
    return [(path, [word.replace("%%", "%") for word in words], ignore)]


def problem(*command: str, options: Sequence[str] = (), **properties: Any) -> str:
    """Returns what is wrong with a command, given with the wrapper's options."""
    manager: Any = Bus(in_memory(*options, UNIT, "--", *command), **properties)
    return wrong(manager, [UNIT]).get(UNIT, RIGHT)


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> Iterator[Path]:
    """A directory with a program, a text, a directory, and links; we are in another directory."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/program").touch(0o755)
    (tmp_path / "bin/number-7").touch(0o755)
    (tmp_path / "bin/text").touch(0o644)
    (tmp_path / "bin/directory").mkdir()
    (tmp_path / "bin/link").symlink_to("program")
    (tmp_path / "bin/nowhere").symlink_to("nonesuch")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/text").touch(0o755)
    before = Path.cwd()
    os.chdir(tmp_path / "other")
    yield tmp_path
    os.chdir(before)


NAMES = [
    ("program", RIGHT),
    ("link", RIGHT),
    ("nonesuch", MISSING),
    ("nowhere", MISSING),
    ("text", NOT_EXECUTABLE),
    ("directory", NOT_EXECUTABLE),
    ("program/x", MISSING),
]


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_a_path(files: Path, name: str, expected: str) -> None:
    """A file is missing, or is none that can be executed, or may be run."""
    assert problem(f"{files}/bin/{name}", "argument") == expected


@pytest.mark.parametrize(("name", "expected"), NAMES)
@pytest.mark.parametrize("mark", ["", "!"])
def test_a_relative_path(files: Path, name: str, expected: str, mark: str) -> None:
    """It begins in the worker's directory, which may be one that need not exist (!)."""
    assert problem(f"bin/{name}", WorkingDirectory=f"{mark}{files}") == expected
    assert problem(f"./{name}", WorkingDirectory=f"{mark}{files}/bin") == expected
    assert problem(f"./{name}", WorkingDirectory=f"{mark}{files}/nonesuch") == MISSING


def test_a_directory_that_the_wrapper_goes_to(files: Path) -> None:
    """A directory with a number in its name is in no WorkingDirectory=; the wrapper fills it in."""
    (files / "7").mkdir()
    (files / "7/run").touch(0o755)
    options = ("--expand", f"--directory={files}/%(process_num)d")
    assert problem("./run", options=options) == RIGHT
    assert problem("./nonesuch", options=options) == MISSING


def test_without_a_directory_a_path_begins_at_the_root() -> None:
    """systemd starts a system's worker in /."""
    assert problem("bin/sh") == RIGHT
    assert problem("./text") == MISSING


@pytest.mark.parametrize("directory", ["~", "!~"])
def test_a_home_directory_is_not_known(directory: str) -> None:
    """WorkingDirectory=~ of a drop-in is the home of the worker's user."""
    assert problem("./nonesuch", WorkingDirectory=directory) == RIGHT


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("program", RIGHT),
        ("nonesuch", MISSING),
        ("text", RIGHT),  # the second directory has one that can be executed
        ("directory", NOT_EXECUTABLE),
    ],
)
def test_a_name_is_looked_up_in_path(files: Path, name: str, expected: str) -> None:
    """The wrapper takes the first file in PATH that it can execute."""
    path = f"PATH={files}/nonesuch:{files}/bin:{files}/other"
    assert problem(name, Environment=["A=b", path]) == expected
    relative = "PATH=nonesuch::../other"
    assert problem(name, Environment=[relative], WorkingDirectory=f"{files}/bin") == expected


def test_path_of_the_manager(files: Path) -> None:
    """A unit without PATH has the manager's; a user's manager has the directories of the user."""
    manager: Any = Bus(loaded(UNIT, "--", "program"))
    assert wrong(manager, [UNIT]) == {UNIT: MISSING}
    manager.path = {"PATH": f"{files}/bin"}
    assert wrong(manager, [UNIT]) == {}
    manager.path = {}
    assert problem("sh") == RIGHT
    assert problem("nonesuch") == MISSING


def test_a_file_of_variables_may_have_another_path(files: Path) -> None:
    """wctl then looks for no name, but for a path it does."""
    file = [("/etc/x.env", False)]
    assert problem("nonesuch", EnvironmentFiles=file) == RIGHT
    assert problem(f"{files}/bin/nonesuch", EnvironmentFiles=file) == MISSING


@pytest.mark.parametrize(
    "properties",
    [
        {"RootDirectory": "/srv/root"},
        {"RootImage": "/srv/image"},
        {"BindPaths": [("/srv/a", "/srv/b", False, 0)]},
        {"BindReadOnlyPaths": [("/srv/a", "/srv/b", False, 0)]},
        {"MountImages": [("/srv/a", "/srv/b", False, [])]},
        {"ExtensionImages": [("/srv/a", False, [])]},
    ],
)
def test_a_worker_that_sees_other_files(properties: dict[str, Any]) -> None:
    """Of a unit with other files than ours, wctl says nothing."""
    assert problem("/nonesuch/command", **properties) == RIGHT
    assert problem("nonesuch", **properties) == RIGHT


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("number-%(process_num)d", RIGHT),
        ("number-%(process_num)02d", MISSING),
        ("100%", RIGHT),  # no format that we know of
        ("%(nonesuch)s", RIGHT),
    ],
)
def test_a_number_in_the_command(files: Path, command: str, expected: str) -> None:
    """The wrapper fills in the number of the instance."""
    assert problem(f"{files}/bin/{command}", options=("--expand",)) == expected
    assert problem(f"{files}/bin/{command}") == MISSING


@pytest.mark.parametrize("command", [[], [("/nonesuch", ["/nonesuch"], False)], loaded("--bad")])
def test_a_command_of_somebody_else(command: list[Any]) -> None:
    """A drop-in has replaced the wrapper: wctl knows nothing of its command."""
    manager: Any = Bus(command)
    assert wrong(manager, [UNIT]) == {}


def test_bytes_that_are_no_text(files: Path) -> None:
    """A path need not be UTF-8."""
    name = os.fsdecode(b"\xff\xfe")
    (files / "bin" / name).touch(0o755)
    assert problem(f"{files}/bin/{name}") == RIGHT
    assert problem(f"{files}/bin/{name}{name}") == MISSING


def test_a_directory_that_we_may_not_search(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's user may see the file all the same."""

    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("wctl.operate.executable.os.stat", refuse)
    assert problem(f"{files}/bin/nonesuch") == RIGHT


def test_each_unit_has_its_own_answer(files: Path) -> None:
    """Only the units with a problem are named."""

    class Two(Bus):
        def properties(
            self, wanted: list[tuple[str, tuple[str, ...]]], *, stopped: bool
        ) -> dict[str, Any]:
            for unit, name in (("a@00.service", "program"), ("b@00.service", "text")):
                self._properties["ExecStart"] = loaded(unit, "--", f"{files}/bin/{name}")
                one = [row for row in wanted if row[0] == unit]
                found = dict(super().properties(one, stopped=stopped))
                self.found = {**getattr(self, "found", {}), **found}
            return self.found

    manager: Any = Two([])
    assert wrong(manager, ["a@00.service", "b@00.service"]) == {"b@00.service": NOT_EXECUTABLE}
