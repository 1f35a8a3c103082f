"""Every program that check accepts can start, however long its name; the others are refused."""

from __future__ import annotations

import pytest

from machine.driver import Machine
from machine.units import configure, states


@pytest.mark.parametrize("name", ["a-" * 48 + "aa", "ö" * 17 + "abcd", "a+" * 30 + "aa", "a" * 185])
def test_a_name_at_the_limit_starts(machine: Machine, name: str) -> None:
    """The longest names start, with the longest number and the longest names that systemd makes.

    That is the name of the directory for PrivateTmp=, which hardening=strict sets.
    """
    settings = "]\ncommand=sleep 1000\nuser=www-data\nenvironment=A=b\nhardening=strict\n"
    settings += "numprocs_start=9999\n"
    configure(machine, f"[program:{name}{settings}")
    machine.run(["wctl", "check"])
    machine.run(["wctl", "update"])
    assert list(states(machine).values()) == ["RUNNING"]
    machine.run(["wctl", "scale", "2"])
    machine.run(["wctl", "stop", "all"])
    configure(machine, f"[program:{name}b{settings}")
    refused = machine.run(["wctl", "check"], check=False)
    assert refused.code == 1
    assert "is not a valid name: " in refused.err
    assert machine.run(["wctl", "update"], check=False).code == 1
    assert list(states(machine).values()) == ["STOPPED", "STOPPED"]
