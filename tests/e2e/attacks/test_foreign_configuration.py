"""What others can change or read of a configuration: check warns, and secrets stay secret."""

from __future__ import annotations

from machine.driver import Machine
from machine.units import configure, pids

SECRET = "hunter2"


def test_check_warns_of_what_others_can_change(machine: Machine) -> None:
    """check names an [include] of a user's directory, in which that user can become root."""
    machine.run("install -d -o www-data /srv/site")
    machine.run("printf '[program:pwn]\\ncommand=sleep 1000\\n' >/srv/site/x.conf", user="www-data")
    configure(machine, "[include]\nfiles=/srv/site/*.conf\n")
    found = machine.run(["wctl", "check"]).out
    assert "/srv/site: warning: user www-data can change it, and so make wctl run any" in found
    assert "/srv/site/x.conf: warning: user www-data can change it" in found
    assert "/srv/site/x.conf:1: [program:pwn] user: warning: missing, so the worker runs" in found
    assert "/etc/wctl" not in found
    assert machine.run(["wctl", "check", "--strict"], check=False).code == 1
    configure(machine, "[program:x]\ncommand=sleep 1000\nuser=www-data\n")
    assert machine.run(["wctl", "check", "--strict"]).out == "1 program, 0 errors, 0 warnings\n"


def test_password_in_serverurl_is_secret(machine: Machine) -> None:
    """The worker has the URL; no other user finds the password in units or over D-Bus."""
    configure(
        machine,
        "[program:x]\ncommand=/bin/sleep 1000\nuser=www-data\n"
        f"serverurl=http://admin:{SECRET}@localhost:9001\n",
    )
    machine.run(["wctl", "update"])
    (pid,) = pids(machine).values()
    variables = machine.read(f"/proc/{pid}/environ").split("\0")
    assert f"SUPERVISOR_SERVER_URL=http://admin:{SECRET}@localhost:9001" in variables
    look = (
        "systemctl show x@00.service; systemctl cat x@00.service;"
        " cat /etc/systemd/system/x* /etc/wctl/env/*"
    )
    seen = machine.run(look, user="nobody", check=False)
    assert "SUPERVISOR_ENABLED=1" in seen.out
    assert SECRET not in seen.out + seen.err
