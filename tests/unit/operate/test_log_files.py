"""log_files: which files an instance has, and what they are for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest

from wctl.operate.log_files import LogFile, of_units
from wctl.systemd.manager import Manager

UNIT = "jf@00.service"


class Bus:
    """Stands in for the manager: one unit, with these options of the wrapper."""

    user = False

    def __init__(self, *options: str) -> None:
        argv = ["/usr/lib/wctl/worker.py", *options, UNIT, "--", "/bin/true"]
        self._properties = {
            "ExecStart": [("python3", argv)],
            "LogsDirectory": ["wctl/jf"],
            "User": "",
            "DynamicUser": False,
            "StandardOutput": "journal",
            "StandardError": "inherit",
        }

    def properties(self, _wanted: object) -> dict[str, dict[str, object]]:
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
