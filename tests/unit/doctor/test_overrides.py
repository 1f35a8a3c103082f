"""overrides: what keeps a unit from doing what wctl says of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from unit.doctor.programs import program
from wctl.doctor import overrides
from wctl.doctor.finding import Commands
from wctl.doctor.workers import ExaminedProgram
from wctl.install.installed import Installed
from wctl.operate.states import Process, State


class Frozen:
    """Stands in for the manager: its version, and the FreezerState of units and slices."""

    def __init__(self, version: str, states: dict[str, str]) -> None:
        self._version = version
        self._states = states

    def version(self) -> str:
        return self._version

    def properties(
        self, wanted: Iterable[tuple[str, Iterable[str]]], *, stopped: bool = False
    ) -> dict[str, dict[str, Any]]:
        return {
            unit: {
                "DropInPaths": [],
                "FreezerState": self._states.get(unit, "running"),
                "LoadState": "loaded",
                "Slice": "system-x.slice",
            }
            for unit, _ in wanted
        }


BOTH = {"x@00.service": "frozen", "system-x.slice": "frozen", "system.slice": "frozen"}
BY_PARENT = {"x@00.service": "frozen-by-parent"}


@pytest.mark.parametrize(
    ("version", "states", "thawed"),
    [
        ("252.38-1~deb12u1", {"x@00.service": "frozen"}, "x@00.service"),
        ("257.8-1", {"x@00.service": "frozen"}, "x@00.service"),
        ("257.8-1", {**BY_PARENT, "system-x.slice": "frozen"}, "system-x.slice"),
        (
            "257.8-1",
            {"x@00.service": "freezing-by-parent", "system-x.slice": "freezing"},
            "system-x.slice",
        ),
        (
            "257.8-1",
            {**BY_PARENT, "system-x.slice": "frozen-by-parent", "system.slice": "frozen"},
            "system.slice",
        ),
        # Several were frozen one by one: from the outside in.
        ("257.8-1", BOTH, "system.slice system-x.slice x@00.service"),
        # Or one, which before version 256 takes along what is in it, and cannot be told apart.
        ("252.38-1~deb12u1", BOTH, "system.slice"),
    ],
)
def test_frozen_slices(tmp_path: Path, version: str, states: dict[str, str], thawed: str) -> None:
    """A worker in a frozen slice does nothing; the remedy thaws what has been frozen."""
    installed = Installed("x", tmp_path / "x@.service", "x.conf", "x", 1, 0, True, (0,))
    process = Process("x", "x", "x@00.service", State.RUNNING, "pid 1", 1)
    examined = ExaminedProgram(program(tmp_path, "command=a"), installed, (process,), Commands())
    manager = Frozen(version, states)
    (found,) = overrides.findings(manager, examined)  # type: ignore[arg-type] # what is used
    assert (found.code, found.instances) == ("frozen", ("x@00",))
    assert found.remedy == f"systemctl thaw {thawed}"
