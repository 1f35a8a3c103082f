"""A user's process that calls itself supervisord, against "wctl doctor" and "wctl import" by root.

It must not make root run, load or open anything of that user.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from machine import provision
from machine.driver import Machine, unique_name, wait_for
from machine.units import configure

PWNED = "/tmp/PWNED"
EVIL = "/tmp/evil"
# supervisorctl imports what its configuration names: this runs "cmd" in a shell.
PLUGIN = f"""[supervisorctl]
serverurl=unix:///nonesuch
[ctlplugin:x]
supervisor.ctl_factory = pydoc:pipepager
cmd = id > {PWNED}
"""
PROGRAM = "[program:x]\ncommand=/bin/true\n"


@pytest.fixture(scope="module")
def booted(suite: str, deb: Path) -> Iterator[Machine]:
    """A machine with wctl and Debian's Supervisor, which does not run."""
    with Machine.boot(unique_name(f"false-{suite}"), f"{suite}/supervisor") as machine:
        provision.install_wctl(machine, deb)
        machine.run(["systemctl", "disable", "--now", "supervisor"])
        yield machine


@pytest.fixture
def target(booted: Machine) -> Machine:
    """The machine, with one program of wctl, and a directory of nobody's."""
    provision.reset(booted)
    booted.run(f"rm -rf {PWNED} {EVIL} /srv/root; mkdir /srv/root")
    booted.run(f"install -d -o nobody {EVIL}")
    configure(booted, "[program:x]\ncommand=sleep 1000\n")
    booted.run("wctl update")
    booted.write(f"{EVIL}/supervisorctl", f"#!/bin/sh\nid >{PWNED}\n", mode=0o755)
    booted.run(f"chown nobody {EVIL}/supervisorctl")
    return booted


@contextmanager
def running(machine: Machine, argv0: str, file: str, user: str | None = "nobody") -> Iterator[int]:
    """Runs a process that calls itself ``argv0``, with ``-c file``; yields its process ID."""
    program = f'echo "$$" >{EVIL}/pid; exec -a {argv0} python3 {EVIL}/s.py -c {file}'
    hidden = "import ctypes, time\nctypes.CDLL(None).prctl(4, 0)  # PR_SET_DUMPABLE\n"
    machine.write(f"{EVIL}/s.py", f"{hidden}print(flush=True)\ntime.sleep(1000)\n")
    machine.run(f"touch {EVIL}/ready {EVIL}/pid; chown nobody {EVIL}/ready {EVIL}/pid")
    process = machine.popen(["bash", "-c", f"{program} >{EVIL}/ready"], user=user)
    wait_for(lambda: bool(machine.read(f"{EVIL}/ready")), 10, "the process")
    yield int(machine.read(f"{EVIL}/pid"))
    machine.stop(process)
    machine.run(f"rm {EVIL}/ready {EVIL}/pid")


def examine(machine: Machine, pid: int, why: str) -> None:
    """Asserts that doctor neither asks the process nor waits for it, and says so."""
    result = machine.run("wctl doctor", check=False, timeout=30)
    assert not machine.exists(PWNED)
    assert result.err == f"wctl: supervisord, pid {pid}: not asked: {why}\n"
    assert (result.code, result.out) == (0, "no findings\n")


def test_supervisorctl_beside_a_false_supervisord_is_not_run(target: Machine) -> None:
    """A supervisorctl in the directory that a process names is not run."""
    target.write(f"{EVIL}/supervisord.conf", PROGRAM, owner="nobody:nogroup")
    for argv0 in (f"{EVIL}/supervisord", "./supervisord", "supervisord"):
        with running(target, argv0, f"{EVIL}/supervisord.conf") as pid:
            examine(target, pid, "it belongs to nobody")


def test_configuration_of_a_false_supervisord_is_not_loaded(target: Machine) -> None:
    """The genuine supervisorctl would run code that the configuration names."""
    target.write(f"{EVIL}/supervisord.conf", PROGRAM + PLUGIN, owner="nobody:nogroup")
    target.run(f"supervisorctl -c {EVIL}/supervisord.conf status", check=False)
    assert target.exists(PWNED), "the attack does not work any more"
    target.run(["rm", PWNED])
    with running(target, "supervisord", f"{EVIL}/supervisord.conf") as pid:
        examine(target, pid, "it belongs to nobody")


def test_fifo_as_configuration_does_not_hang_doctor(target: Machine) -> None:
    """doctor opens no configuration that a user's process names."""
    target.run(["mkfifo", f"{EVIL}/fifo"], user="nobody")
    with running(target, f"{EVIL}/supervisord", f"{EVIL}/fifo") as pid:
        examine(target, pid, "it belongs to nobody")


@pytest.mark.parametrize("own", ["file", "directory"])
def test_supervisord_of_root_with_configuration_of_others(target: Machine, own: str) -> None:
    """Of root's supervisord, too, supervisorctl reads only what root alone can change."""
    main = "/srv/root/supervisord.conf"
    whose = f"user nobody can change {EVIL}"
    if own == "file":
        target.write(main, PROGRAM + PLUGIN, owner="nobody:nogroup")
        whose = f"user nobody can change {main}"
    elif own == "directory":
        main = f"{EVIL}/supervisord.conf"
        target.write(main, PROGRAM + PLUGIN)
    with running(target, "/usr/bin/supervisord", main, user=None) as pid:
        examine(target, pid, whose)


def test_supervisorctl_of_others_in_path(target: Machine) -> None:
    """Root's link in PATH to a user's supervisorctl makes neither doctor nor a takeover run it."""
    main = "/srv/root/supervisord.conf"
    target.write(main, PROGRAM)
    target.run(["ln", "-s", f"{EVIL}/supervisorctl", "/usr/local/bin/supervisorctl"])
    try:
        with running(target, "/usr/bin/supervisord", main, user=None) as pid:
            examine(target, pid, f"user nobody can change {EVIL}")
        target.write(main, PROGRAM.replace(":x", ":y"))
        taken = target.run(f"wctl import --takeover {main}", check=False)
    finally:
        target.run("rm /usr/local/bin/supervisorctl")
    assert taken.code == 4
    assert f"user nobody can change {EVIL}" in taken.err
    assert not target.exists(PWNED)


def test_included_files_of_others_are_only_parsed(target: Machine) -> None:
    """An application may have its programs in its own directory, but no code for root's client."""
    main = "/srv/root/supervisord.conf"
    target.write(main, f"[include]\nfiles={EVIL}/*.conf\n")
    target.write(f"{EVIL}/x.conf", PROGRAM + PLUGIN, owner="nobody:nogroup")
    with running(target, "/usr/bin/supervisord", main, user=None):
        result = target.run("wctl doctor", check=False, timeout=60)
        assert "supervisord does not answer" in result.out and result.err == ""
        result = target.run(f"wctl import --takeover {main}", check=False)
        assert result.code != 0
    assert not target.exists(PWNED)


def test_takeover_does_not_load_a_users_configuration(target: Machine) -> None:
    """Root may import a user's file, which is only parsed; a takeover would run its code."""
    target.write(
        f"{EVIL}/supervisord.conf", PROGRAM.replace(":x", ":y") + PLUGIN, owner="nobody:nogroup"
    )
    result = target.run(f"wctl import --takeover {EVIL}/supervisord.conf", check=False)
    assert not target.exists(PWNED)
    assert result.code == 4
    assert f"user nobody can change {EVIL}" in result.err


LISTENER = """import socket
s = socket.socket(socket.AF_UNIX)
s.bind("/tmp/supervisor.sock")
s.listen()
print(flush=True)
while True:
    data = s.accept()[0].recv(1000)
    if data:
        open("/tmp/PWNED", "wb").write(data)
"""


def test_listener_in_supervisords_place(target: Machine) -> None:
    """Who listens in /tmp while supervisord is down gets no password, and holds nobody up."""
    main = "/srv/root/supervisord.conf"
    server = "[unix_http_server]\nfile=/tmp/supervisor.sock\n"
    client = "[supervisorctl]\nserverurl=unix:///tmp/supervisor.sock\nusername=u\npassword=p\n"
    target.write(main, server + client + PROGRAM.replace(":x", ":y"))
    target.write(f"{EVIL}/listen.py", LISTENER)
    target.run(f"install -o nobody /dev/null {EVIL}/ready")
    run = f"exec python3 {EVIL}/listen.py >{EVIL}/ready"
    process = target.popen(["sh", "-c", run], user="nobody")
    wait_for(lambda: bool(target.read(f"{EVIL}/ready")), 10, "the listener")
    taken = target.run(f"wctl import --takeover {main}", check=False)
    target.stop(process)
    target.run("rm /tmp/supervisor.sock")
    assert taken.code == 4
    said = "user nobody listens at /tmp/supervisor.sock, so wctl sends nothing there"
    assert f"{said}; no program was moved\n" in taken.err
    assert not target.exists(PWNED)
