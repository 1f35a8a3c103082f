"""A lost file of variables: no worker runs without its variables, and an update heals it."""

from __future__ import annotations

import json

import pytest

from machine.driver import Machine, wait_for
from machine.units import configure, pids, states

FILE = "/etc/wctl/env/x.env"
PROGRAM = "[program:x]\ncommand=sleep 1000\nuser=www-data\nautorestart=true\nenvironment=DB=mysql\n"


def has_variable(machine: Machine) -> bool:
    """Tells whether the worker has its variable."""
    (pid,) = pids(machine).values()
    return "DB=mysql" in machine.read(f"/proc/{pid}/environ").split("\0")


def found(machine: Machine) -> set[str]:
    """Returns the codes of doctor's findings."""
    return {
        finding["code"]
        for finding in json.loads(machine.run(["wctl", "doctor", "--json"], check=False).out)
    }


def test_lost_file(machine: Machine) -> None:
    """A start without the file fails; doctor names it; reread and update see it and heal it."""
    configure(machine, PROGRAM)
    machine.run(["wctl", "update"])
    machine.run(["rm", FILE])
    assert found(machine) == {"variables-lost"}
    assert machine.run(["wctl", "reread"], user="nobody").out == "No config updates to processes\n"
    assert machine.run(["wctl", "restart", "x"], check=False).code != 0
    wait_for(lambda: states(machine) == {"x@00": "FATAL"}, 60, "systemd to give up")
    assert "systemd cannot run it" in machine.run(["wctl", "status"], check=False).out
    assert machine.run(["wctl", "reread"]).out == "x: changed\n"
    assert machine.run(["wctl", "update"]).out == "x: updated process group\nx@00: restarted\n"
    assert has_variable(machine)
    assert found(machine) == set()


@pytest.mark.parametrize("damage", [f"sed -i /DB/d {FILE}", f"echo 'DB=' >{FILE}"])
def test_damaged_file(machine: Machine, damage: str) -> None:
    """A worker that was started with a damaged file gets its variables from the next update."""
    configure(machine, PROGRAM)
    machine.run(["wctl", "update"])
    machine.run(damage)
    machine.run(["wctl", "restart", "x"])
    assert not has_variable(machine)
    assert found(machine)
    assert machine.run(["wctl", "update"]).out == "x: updated process group\nx@00: restarted\n"
    assert has_variable(machine)
    assert found(machine) == set()
