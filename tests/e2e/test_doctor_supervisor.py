"""wctl doctor on a machine where Debian's Supervisor has the same programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from machine import provision
from machine.driver import Machine, unique_name, wait_for
from machine.units import configure, states

WORKERS = "[program:worker]\ncommand=sleep 1000\nnumprocs=2\nprocess_name=%(process_num)02d\n"
OTHER = "[program:other]\ncommand=sleep 1000\n"
SUPERVISORD = "/usr/bin/supervisord"
ALONE = """[supervisord]
logfile=/srv/supervisord.log
pidfile=/srv/supervisord.pid
[unix_http_server]
file=/srv/supervisor.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix:///srv/supervisor.sock
"""


@pytest.fixture(scope="module")
def booted(suite: str, deb: Path) -> Iterator[Machine]:
    """A machine with wctl, and with Debian's Supervisor, which its package enables."""
    with Machine.boot(unique_name(f"beside-{suite}"), f"{suite}/supervisor") as machine:
        provision.install_wctl(machine, deb)
        yield machine


@pytest.fixture
def supervised(booted: Machine) -> Machine:
    """The machine: Supervisor runs two workers, wctl runs none."""
    provision.reset(booted)
    booted.run("systemctl stop supervisor; rm -f /etc/supervisor/conf.d/*; rm -rf /srv/*")
    booted.write("/etc/supervisor/conf.d/worker.conf", WORKERS)
    booted.run(["systemctl", "enable", "--now", "supervisor"])
    wait_for(lambda: alive(booted) == 2, 15, "Supervisor's workers")
    return booted


def alive(machine: Machine) -> int:
    """Returns how many processes Supervisor runs."""
    return machine.run("supervisorctl status", check=False).out.count(" RUNNING ")


def examine(machine: Machine, **environment: str) -> list[dict[str, Any]]:
    """Returns doctor's findings; asserts that its exit code agrees."""
    result = machine.run(["wctl", "doctor", "--json"], check=False, env=environment)
    assert result.err == ""
    findings: list[dict[str, Any]] = json.loads(result.out)
    assert result.code == (1 if findings else 0)
    return findings


def only(machine: Machine) -> dict[str, Any]:
    """Returns the one finding: a Supervisor also has the workers."""
    (finding,) = examine(machine)
    assert (finding["code"], finding["program"]) == ("supervisor-too", "worker")
    return finding


def test_supervisor_left_enabled_after_a_takeover(supervised: Machine) -> None:
    """If it is started after a takeover, it starts the workers again; the remedy ends that."""
    machine = supervised
    machine.run(["wctl", "import", "--takeover"])
    assert examine(machine) == []
    machine.run("systemctl enable --now supervisor && until supervisorctl stop all; do :; done")
    assert alive(machine) == 0
    finding = only(machine)
    assert finding["what"].startswith("Supervisor also starts it at the next boot")
    assert finding["evidence"][1] == "/etc/supervisor/conf.d/worker.conf:1 has [program:worker]"
    assert finding["remedy"] == "systemctl disable --now supervisor"
    machine.run(["systemctl", "stop", "supervisor"])
    assert only(machine)["remedy"] == "systemctl disable --now supervisor"
    machine.run(["bash", "-c", finding["remedy"]])
    assert examine(machine) == []
    assert set(states(machine).values()) == {"RUNNING"}


def test_both_run_the_same_program(supervised: Machine) -> None:
    """If both run a program, doctor names Supervisor's processes, and the remedy ends them."""
    machine = supervised
    machine.run(["systemctl", "disable", "supervisor"])
    configure(machine, WORKERS)
    machine.run(["wctl", "update"])
    finding = only(machine)
    assert finding["what"] == "Supervisor also runs it, so both consume"
    assert finding["evidence"][0].endswith("supervisor.service, runs worker:00, worker:01")
    assert finding["remedy"] == "systemctl disable --now supervisor"
    # A Supervisor that hangs is as bad, and does not hold up doctor.
    machine.run(["systemctl", "kill", "--signal=STOP", "supervisor"])
    assert "supervisord does not answer" in only(machine)["what"]
    machine.run(["systemctl", "kill", "--signal=CONT", "supervisor"])
    machine.run(["bash", "-c", finding["remedy"]])
    assert examine(machine) == []


def test_half_of_the_programs_have_moved(supervised: Machine) -> None:
    """If Supervisor has other programs, the remedy removes the section and keeps Supervisor."""
    machine = supervised
    machine.write("/etc/supervisor/conf.d/other.conf", OTHER)
    machine.run(["supervisorctl", "update"])
    configure(machine, WORKERS)
    machine.run(["wctl", "update"])
    finding = only(machine)
    assert finding["evidence"][-1] == "only Supervisor has other"
    assert "disable" not in finding["remedy"]
    # The user follows the remedy and removes the section.
    machine.write("/root/edit", '#!/bin/sh\ntest "$1" = +1 && rm "$2"\n', mode=0o755)
    machine.run(["bash", "-c", finding["remedy"]], env={"EDITOR": "/root/edit"})
    assert alive(machine) == 1
    assert examine(machine) == []


def test_supervisor_of_no_unit(supervised: Machine) -> None:
    """doctor finds a supervisord that is in no unit by its process; the remedy shuts it down."""
    machine = supervised
    machine.run(["systemctl", "disable", "--now", "supervisor"])
    machine.write("/srv/it.conf", ALONE + WORKERS)
    configure(machine, WORKERS)
    machine.run(["wctl", "update"])
    assert examine(machine) == []
    machine.run(f"cd /srv && {SUPERVISORD} -c it.conf")
    wait_for(lambda: "worker:00" in str(examine(machine)), 10, "its workers")
    finding = only(machine)
    assert finding["remedy"] == "/usr/bin/supervisorctl -c /srv/it.conf shutdown"
    machine.run(["bash", "-c", finding["remedy"]])
    wait_for(lambda: not examine(machine), 15, "it to be gone")


def test_supervisor_with_other_programs_is_no_finding(supervised: Machine) -> None:
    """Programs that only Supervisor has, or that Supervisor does not autostart, are no finding."""
    machine = supervised
    configure(machine, WORKERS.replace("worker", "mine"))
    machine.run(["wctl", "update"])
    assert examine(machine) == []
    machine.write("/etc/supervisor/conf.d/mine.conf", OTHER.replace("other", "mine"))
    machine.run("echo autostart=false >> /etc/supervisor/conf.d/mine.conf; supervisorctl update")
    assert examine(machine) == []
