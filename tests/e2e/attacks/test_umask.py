"""Whatever root's umask, other users can change nothing that wctl makes."""

from __future__ import annotations

from machine.driver import Machine
from machine.units import configure


def test_umask_000(machine: Machine) -> None:
    """With umask 000, nobody can replace the lock, or write to a file or directory of wctl's."""
    machine.run("rm -rf /run/wctl /etc/wctl/env")
    configure(machine, "[program:x]\ncommand=sleep 1000\nuser=www-data\nenvironment=A=b\n")
    machine.run("umask 000; wctl update")
    assert machine.run(["mv", "/run/wctl/lock", "/run/wctl/old"], user="nobody", check=False).code
    made = machine.run("find /run/wctl /etc/wctl /etc/systemd/system -perm /022 ! -type l").out
    assert made == ""
    modes = machine.run("stat -c %a /run/wctl /run/wctl/lock /etc/wctl/env /etc/wctl/env/x.env").out
    assert modes.split() == ["755", "600", "700", "600"]
    assert machine.run(["wctl", "check", "--strict"]).code == 0


def test_a_lock_that_others_can_replace(machine: Machine) -> None:
    """wctl refuses to lock a file that another user could replace, and says what to do."""
    configure(machine, "[program:x]\ncommand=sleep 1000\nuser=www-data\n")
    machine.run(["wctl", "update"])
    machine.run("chmod 777 /run/wctl")
    refused = machine.run(["wctl", "scale", "2"], check=False)
    machine.run("chmod 755 /run/wctl")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("wctl: /run/wctl: other users can write to this directory")
    machine.run(["wctl", "scale", "2"])
