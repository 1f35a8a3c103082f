"""wctl enable and disable: what starts at boot, and for how long that lasts."""

from __future__ import annotations

from machine.driver import Machine
from machine.units import configure, states

PROGRAMS = """\
[program:one]
command=sleep 1000
[program:two]
command=sleep 1000
[program:alone]
command=sleep 1000
autostart=false
[group:g]
programs=one,two
"""


def at_boot(machine: Machine) -> list[str]:
    """Returns the targets that systemd starts at boot."""
    names = machine.run("ls /etc/systemd/system/multi-user.target.wants", check=False).out.split()
    ours = ("one", "two", "alone", "g")
    return [name for name in names if name.removesuffix(".target") in ours]


def test_what_starts_at_boot(machine: Machine) -> None:
    """A disabled program does not start with its group, either; an update keeps it so."""
    configure(machine, PROGRAMS)
    machine.run("wctl update")
    assert at_boot(machine) == ["g.target", "one.target", "two.target"]
    assert machine.run("wctl disable one alone").out == "one: disabled\nalone: already disabled\n"
    assert at_boot(machine) == ["two.target"]
    assert "disabled, asked for by root" in machine.run("wctl history one").out
    assert states(machine)["one@00"] == "RUNNING"
    assert machine.run("wctl enable --now alone").out == "alone: enabled\nalone@00: started\n"
    assert "[not-at-boot]" in machine.run("wctl doctor one").out

    configure(machine, PROGRAMS.replace("1000", "2000"))
    machine.run("wctl update")
    assert at_boot(machine) == ["alone.target", "two.target"]

    assert machine.run("wctl enable g: alone").out == (
        "one: enabled\ntwo: already enabled\nalone: already enabled\n"
    )
    assert at_boot(machine) == ["alone.target", "g.target", "one.target", "two.target"]
    shown = machine.run("wctl disable --now all").out.splitlines()
    assert {"one: disabled", "one@00: stopped", "alone@00: stopped"} <= set(shown)
    assert at_boot(machine) == []
    changed = PROGRAMS.replace("autostart=false", "autostart=true")
    configure(machine, changed.replace("1000", "2000"))
    machine.run("wctl update")
    assert at_boot(machine) == ["alone.target"]
