"""log_files: which files an instance has, and what they are for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest

from wctl.operate.log_files import LogFile, Logs, of_units
from wctl.systemd.manager import Manager

UNIT = "jf@00.service"


class Bus:
    """Stands in for the manager: one unit, with these options of the wrapper."""

    user = False

    def __init__(self, *options: str, **properties: object) -> None:
        argv = ["/usr/lib/wctl/worker.py", *options, UNIT, "--", "/bin/true"]
        self._properties = {
            "ExecStart": [("python3", argv)],
            "LogsDirectory": ["wctl/jf"],
            "User": "",
            "DynamicUser": False,
            "StandardOutput": "journal",
            "StandardError": "inherit",
            **properties,
        }

    def properties(self, _wanted: object, *, stopped: bool) -> dict[str, dict[str, object]]:
        return {UNIT: dict(self._properties)}


@pytest.mark.parametrize(
    ("options", "spare"),
    [
        (["--redirect-stderr"], ["/var/log/wctl/jf/jf-00.log"]),
        (["--stdout-file=NONE"], ["/var/log/wctl/jf/jf-00-error.log"]),
        (["--log=both", "--stdout-file=/var/log/wctl/jf/x.log"], []),
        (["--log=both"], []),
        (["--log=file"], []),
        (["--stdout-file=/var/log/supervisor/jf.log", "--stderr-file=NONE"], []),
    ],
)
def test_spare_files_are_those_that_the_wrapper_alone_writes(
    options: list[str], spare: list[str]
) -> None:
    """Only a file that nothing but a missing journald brings about tells that it was missing."""
    found = of_units(cast("Manager", Bus(*options)), [UNIT])[0]
    assert [str(file.path) for file in found.files if file.spare] == spare


def test_what_is_in_place_of_a_spare_file(tmp_path: Path) -> None:
    """A link of the worker's user, even to nowhere, counts as no lines, and ends no verb."""
    path = tmp_path / "log"
    file = LogFile("stdout", path, os.geteuid(), spare=True)
    assert not file.has_lines()
    path.touch()
    assert not file.has_lines()
    path.write_text("line\n")
    assert file.has_lines()
    for target in (path.rename(tmp_path / "old"), tmp_path / "none", tmp_path):
        path.symlink_to(target)
        assert not file.has_lines()
        path.unlink()


@pytest.mark.parametrize(
    ("options", "properties", "absent"),
    [
        ([], {}, set()),
        (["--log=file"], {}, set()),
        (["--redirect-stderr"], {}, {"stderr"}),
        ([], {"StandardOutput": "null"}, {"stdout", "stderr"}),
        ([], {"StandardOutput": "null", "StandardError": "journal"}, {"stdout"}),
        ([], {"StandardError": "null"}, {"stderr"}),
        (["--redirect-stderr"], {"StandardOutput": "null"}, {"stdout", "stderr"}),
    ],
)
def test_absent_streams(
    options: list[str], properties: dict[str, object], absent: set[str]
) -> None:
    """Nothing is kept of a stream that is thrown away, or that another stream's lines are in."""
    (found,) = of_units(cast("Manager", Bus(*options, **properties)), [UNIT])
    assert found.absent == absent


def test_a_command_of_somebody_else_logs_to_the_journal() -> None:
    """Without the wrapper, wctl knows of no file."""
    bus = Bus(ExecStart=[("/bin/true", ["/bin/true"], False)])
    assert of_units(cast("Manager", bus), [UNIT]) == [Logs(UNIT, journal=True, files=())]


def logs(directory: Path, *streams: str) -> Logs:
    """Returns an instance with a log file of ours for each stream."""
    files = [LogFile(stream, directory / stream, os.geteuid()) for stream in streams]
    return Logs(UNIT, journal=False, files=tuple(files))


def test_clear_empties_the_files_that_exist(tmp_path: Path) -> None:
    """A file that is not there is none to clear; without any file there is nothing to do."""
    both = logs(tmp_path, "stdout", "stderr")
    assert not both.clear()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "stdout").write_text("line\n")
    assert both.clear()
    assert (tmp_path / "stdout").read_text() == ""
    for name in ("stdout", "stderr"):
        (tmp_path / name).write_text("line\n")
    assert both.clear()
    assert [file.path.read_text() for file in both.present()] == ["", ""]
    assert [file.stream for file in both.present("stderr")] == ["stderr"]


def test_clear_empties_files_alone(tmp_path: Path) -> None:
    """The worker's user may have put something else in place of the file; wctl waits for nobody."""
    os.mkfifo(tmp_path / "stdout")
    with pytest.raises(OSError, match="stdout"):
        logs(tmp_path, "stdout").clear()
