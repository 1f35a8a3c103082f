"""Scripts around supervisorctl go on as they are when supervisorctl in PATH is wctl's."""

from __future__ import annotations

from e2e.controls.both import Controls, Row
from e2e.controls.differences import found
from e2e.controls.scripts import PROGRAMS, lines
from machine.driver import FULL, Machine


def test_scripts_do_the_same(machine: Machine) -> None:
    """One-liners, checks and deployments print the same and exit the same with either."""
    with Controls(machine) as controls:
        controls.start({"scripts.conf": PROGRAMS})
        controls.run(["update"])
        rows = [Row(line, shell=True) for line in lines()[:: 1 if FULL else 6]]
        assert found(controls.run(rows)) == []
