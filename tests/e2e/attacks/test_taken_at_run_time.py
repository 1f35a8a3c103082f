"""Units that systemd has, but not from the directories of packages or administrators, are safe."""

from __future__ import annotations

import pytest

from machine.driver import Machine
from machine.units import configure, show, states

SLEEP = "[Service]\nExecStart=/bin/sleep 1000\n"


def update(machine: Machine, name: str) -> str:
    """Returns what a refused update to a program of this name says."""
    configure(machine, f"[program:{name}]\ncommand=sleep 1000\nuser=www-data\n")
    refused = machine.run(["wctl", "update"], check=False)
    assert (refused.code, refused.out) == (1, "")
    assert f"/{name}" not in machine.run("ls -d /etc/systemd/system/*").out
    return refused.err


@pytest.mark.core
@pytest.mark.parametrize(
    "unit", ["early@.service", "early.service", "early.target", "early@07.service"]
)
def test_units_in_run(machine: Machine, unit: str) -> None:
    """wctl does not hide a unit file in /run/systemd/system; once it is gone, the name is free."""
    path = f"/run/systemd/system/{unit}"
    machine.write(path, SLEEP if unit.endswith("service") else "[Unit]\nDescription=early\n")
    machine.run("systemctl daemon-reload")
    if unit == "early@07.service":  # systemd knows a file only if it is needed
        machine.run(["systemctl", "start", unit])
    assert f"{path}: systemd has this unit, and wctl did not write it" in update(machine, "early")
    machine.run(f"systemctl stop 'early*'; rm {path}; systemctl daemon-reload")
    machine.run(["wctl", "update"])
    assert states(machine) == {"early@00": "RUNNING"}


@pytest.mark.core
@pytest.mark.parametrize("unit", ["trans.service", "trans@05.service"])
def test_transient_units(machine: Machine, unit: str) -> None:
    """wctl neither hides nor stops a transient unit; other programs are not affected by it."""
    machine.run(["systemd-run", f"--unit={unit}", "sleep", "1000"])
    before = show(machine, unit, "MainPID", "FragmentPath")
    assert f"/run/systemd/transient/{unit}: systemd has this unit" in update(machine, "trans")
    assert show(machine, unit, "MainPID", "FragmentPath") == before
    configure(machine, "[program:other]\ncommand=sleep 1000\nuser=www-data\n", "other")
    beside = machine.run(["wctl", "update"], check=False)
    assert (beside.code, "other@00: started\n" in beside.out) == (1, True)
    assert beside.err.splitlines()[-1].startswith("trans: not installed, because of the error in")
    machine.run("rm /etc/wctl/conf.d/other.conf; wctl update", check=False)
    machine.run(["systemctl", "stop", unit])
    configure(machine, "[program:trans]\ncommand=sleep 1000\nuser=www-data\n")
    machine.run(["wctl", "update"])
    assert states(machine) == {"trans@00": "RUNNING"}
