"""wctl import: a machine moves from Debian's own Supervisor, with Symfony workers under load."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from machine import provision
from machine.driver import Machine, unique_name, wait_for
from machine.units import pids, processes, states

LOG = "/srv/app/var/run.log"
OUTPUT = "/srv/app/var/log"
WORKERS = f"""; What consumes the queue.
[program:worker]
command = php %(here)s/bin/console messenger:consume async --sleep=0.1 --memory-limit=128M -vv
process_name = %(program_name)s_%(process_num)02d
numprocs = 3
directory = %(here)s
user = www-data
environment = APP_RUN_LOG="{LOG}"
autorestart = true
stdout_logfile = {OUTPUT}/worker-%(process_num)02d.log
stderr_logfile = {OUTPUT}/worker-%(process_num)02d-error.log
stderr_logfile_backups = 3
stopwaitsecs = 20
stdout_events_enabled = true ; for a listener
"""
# What supervisord's service sets, and no file of Supervisor's names.
DROP_IN = """[Unit]
After=remote-fs.target
[Service]
Environment=APP_REGION=north "APP_SECRET=with spaces, a % and a \\" quote"
"""
OTHERS = """[program:clock]
command = sh -c 'test "$SUPERVISOR_SERVER_URL" -o -e /run/good && exec sleep 1000'
startretries = 0
priority = 1

[program:idle]
command = sleep 1000
autostart = false

[group:others]
programs = clock, idle
"""


@pytest.fixture(scope="module")
def booted(suite: str, deb: Path) -> Iterator[Machine]:
    """A machine with wctl and Debian's Supervisor."""
    with Machine.boot(unique_name(f"import-{suite}"), f"{suite}/supervisor") as machine:
        provision.install_wctl(machine, deb)
        provision.install_app(machine)
        include = "s|^files = .*|files = conf.d/*.conf /srv/app/*.conf|"
        limits = r"s|^\[supervisord\]|&\nminfds=3000\nminprocs=200|"
        sed = ["sed", "-i", "-e", include, "-e", limits]
        machine.run([*sed, "/etc/supervisor/supervisord.conf"])
        machine.write("/etc/systemd/system/supervisor.service.d/region.conf", DROP_IN)
        machine.run("systemctl daemon-reload")
        yield machine


@pytest.fixture
def supervised(booted: Machine) -> Machine:
    """The machine: supervisord runs three Symfony workers, wctl runs none."""
    provision.reset(booted)
    booted.run("systemctl stop supervisor; rm -f /etc/supervisor/conf.d/* /usr/local/sbin/control")
    booted.run(f"rm -rf /etc/systemd/system/.wctl-update /run/good {LOG} {OUTPUT}")
    booted.run(f"install -d -o www-data {OUTPUT}")
    booted.write("/srv/app/workers.conf", WORKERS, mode=0o640)
    booted.run("systemctl enable --now supervisor")
    wait_for(lambda: alive(booted) == 3, 15, "Supervisor's workers")
    return booted


def alive(machine: Machine) -> int:
    """Returns how many processes Supervisor runs."""
    return status(machine).count(" RUNNING ")


def status(machine: Machine) -> str:
    """Returns what Supervisor says about its processes."""
    return machine.run("supervisorctl status", check=False).out


def rights(machine: Machine, pid: object) -> str:
    """Returns what a process may do: its limits of files and processes, and its sandbox."""
    limits = machine.run(f"grep -E 'Max (open files|processes)' /proc/{pid}/limits").out
    return limits + machine.run(f"grep -E '^(NoNewPrivs|Seccomp|CapBnd):' /proc/{pid}/status").out


def variables(machine: Machine, pid: object) -> dict[str, str]:
    """Returns what a process has of supervisord's own environment."""
    rows = machine.run(f"tr '\\0' '\\n' </proc/{pid}/environ").out.splitlines()
    found = dict(row.split("=", 1) for row in rows)
    return {name: found[name] for name in ("APP_REGION", "APP_SECRET") if name in found}


def inodes(machine: Machine) -> dict[str, str]:
    """Returns the inodes of the log files, by name."""
    rows = machine.run(f"cd {OUTPUT} && stat -c '%n %i' *").out.splitlines()
    return dict(row.split() for row in rows)


def test_takeover_under_load_loses_no_message(supervised: Machine) -> None:
    """Each message is handled once; Supervisor's workers stop when wctl's are ready, not before."""
    machine = supervised
    theirs = machine.run("supervisorctl pid worker:worker_00").out.strip()
    before, inherited = rights(machine, theirs), variables(machine, theirs)
    machine.run(f"echo old >{OUTPUT}/worker-00-error.log.2")
    files = inodes(machine)
    foretold = machine.run("wctl import --takeover --dry-run").out
    assert f"worker: www-data would own {OUTPUT}/worker-00.log" in foretold
    assert "worker: would be taken over, 3 Supervisor processes stopped\n" in foretold
    assert "supervisor.service: would be stopped and disabled\n" in foretold
    machine.run("php bin/console app:dispatch slow=60:400", user="www-data", cwd="/srv/app")
    taken = machine.run("wctl import --takeover")
    assert f"worker: www-data now owns {OUTPUT}/worker-00.log" in taken.out
    assert "APP_REGION, APP_SECRET of supervisord's environment: carried over" in taken.out
    assert "region.conf: sets After for Supervisor's service; the workers of wctl" in taken.out
    assert "[log-file-closed]" not in taken.out
    assert "with spaces" not in taken.out + taken.err
    assert "Moved 1 of 1 program of Supervisor\n" in taken.out
    assert "worker: worker:worker_00 to worker:worker_02 become worker@00 to worker@02" in taken.out
    assert "worker: taken over; stopped 3 Supervisor processes\n" in taken.out
    assert "Supervisor runs nothing now" in taken.out
    assert states(machine) == {f"worker@0{number}": "RUNNING" for number in range(3)}
    # On a slow machine, Supervisor's workers may have left nothing for wctl's.
    machine.run("php bin/console app:dispatch slow=60:30", user="www-data", cwd="/srv/app")
    wait_for(lambda: machine.read(LOG).count("\n") >= 430, 30, "all messages")
    handled = Counter(line.split()[2] for line in machine.read(LOG).splitlines())
    assert Counter(handled.values()) == {1: 370, 2: 30}  # numbers 1 to 30 were dispatched twice
    busy = {int(line.split()[1]) for line in machine.read(LOG).splitlines()}
    ours = [busy & {*processes(machine, f"worker@0{number}")} for number in range(3)]
    assert [len(found) for found in ours] == [1, 1, 1]
    worker = ours[0].pop()

    written = machine.read("/etc/wctl/conf.d/workers.conf")
    assert "; What consumes the queue.\n" in written
    assert "\n; stdout_events_enabled = true ; for a listener\n" in written
    assert "\ndirectory = /srv/app\n" in written
    assert machine.run("stat -c %a /etc/wctl/conf.d/workers.conf").out == "640\n"
    assert machine.run("wctl check --strict").out == "1 program, 0 errors, 0 warnings\n"
    assert "taken over from Supervisor" in machine.run("wctl maintail worker").out
    assert rights(machine, worker) == before
    assert len(inherited) == 2
    assert variables(machine, worker) == inherited
    assert machine.run("stat -c '%a %U' /etc/wctl/supervisord.env").out == "600 root\n"

    assert inodes(machine) == files
    assert set(machine.run(f"stat -c %U {OUTPUT}/*").out.split()) == {"www-data"}
    size = f"cat {OUTPUT}/worker-*.log | wc -c"
    now = machine.run(size).out
    machine.run("php bin/console app:dispatch print:3", user="www-data", cwd="/srv/app")
    wait_for(lambda: machine.run(size).out != now, 15, "output in the same files")

    workers = pids(machine)
    again = machine.run("wctl import --takeover").out
    assert "All these programs are under systemd already, and no Supervisor is left\n" in again
    assert pids(machine) == workers

    machine.reboot()
    wait_for(lambda: len(pids(machine)) == 3, 15, "the workers after a reboot")
    assert machine.run("systemctl is-active supervisor", check=False).out == "inactive\n"


def test_takeover_goes_back_where_a_start_fails(supervised: Machine) -> None:
    """If a start fails, Supervisor's processes go on, and wctl leaves nothing behind.

    wctl does not try later programs.
    """
    machine = supervised
    machine.write("/etc/supervisor/conf.d/others.conf", OTHERS)
    machine.run("supervisorctl update")
    wait_for(lambda: alive(machine) == 4, 15, "the clock")
    before = machine.run("supervisorctl status", check=False).out.split()
    failed = machine.run("wctl import --takeover", check=False)
    assert failed.code == 1
    assert "clock: not taken over; Supervisor runs it as before" in failed.err
    assert states(machine) == {}
    assert machine.run("ls /etc/systemd/system").out.count("clock") == 0
    after = machine.run("supervisorctl status", check=False).out.split()
    assert [word for word in after if word.isdecimal()] == [w for w in before if w.isdecimal()]

    # A program that must not run twice: wctl stops the old one first, and restores it on failure.
    failed = machine.run("wctl import --takeover --stop-first", check=False)
    assert failed.code == 1
    assert alive(machine) == 4
    assert states(machine) == {}
    machine.write("/run/good", "")
    taken = machine.run("wctl import --takeover --stop-first").out.splitlines()
    said = [line for line in taken if line.startswith(("clock:", "idle:", "worker:"))]
    assert [line for line in said if " owns " not in line][-3:] == [
        "clock: taken over; stopped 1 Supervisor process",
        "idle: installed; not started, as in Supervisor: idle@00 (STOPPED)",
        "worker: taken over; stopped 3 Supervisor processes",
    ]
    assert states(machine)["idle@00"] == "STOPPED"
    assert machine.run("systemctl is-enabled supervisor", check=False).out == "disabled\n"

    # And back, with a program that Supervisor cannot start: systemd goes on with that one alone.
    workers = pids(machine)
    foretold = machine.run("wctl import --back --dry-run").out.splitlines()
    assert all(" would be " in line for line in foretold[:-1]) and len(foretold) > 3
    assert foretold[-1] == "Nothing was changed (--dry-run)."
    machine.run("sed -i 's/test/exit 1; test/' /etc/supervisor/conf.d/others.conf")
    failed = machine.run("wctl import --back", check=False)
    assert failed.code == 1
    assert "clock: not moved back: " in failed.err
    assert "Moved 2 of 3 programs back\n" in failed.out
    assert pids(machine) == {"clock@00": workers["clock@00"]}
    assert alive(machine) == 3
    machine.run("sed -i 's/exit 1; test/test/' /etc/supervisor/conf.d/others.conf")
    refused = machine.run("wctl import --back", check=False)
    assert "clock: supervisord runs it otherwise than " in refused.err
    machine.run("supervisorctl update others")
    assert "Moved 1 of 1 program back\n" in machine.run("wctl import --back").out
    assert "wctl has no program of" in machine.run("wctl import --back").out
    assert (alive(machine), states(machine)) == (4, {})
    machine.run("wctl update", check=False)
    machine.reboot()
    wait_for(lambda: alive(machine) == 4, 15, "Supervisor's processes after a reboot")
    assert states(machine) == {}


def test_takeover_that_cannot_stop_supervisors_processes(supervised: Machine) -> None:
    """If Supervisor does not stop its processes, wctl leaves nothing behind, as for a start."""
    machine = supervised
    refusing = 'case $* in *stop*) echo "no stop"; exit 1 ;; esac; exec supervisorctl "$@"'
    machine.write("/usr/local/sbin/control", f"#!/bin/sh\n{refusing}\n", mode=0o755)
    takeover = "wctl import --takeover --stop-first --supervisorctl=/usr/local/sbin/control"
    failed = machine.run(takeover, check=False)
    assert failed.code == 4
    assert "supervisorctl stop: no stop; systemd has not started worker" in failed.err
    assert not re.search("worker|wctl", machine.run("ls -A /etc/systemd/system").out)
    assert (alive(machine), states(machine)) == (3, {})
    # Errors in other files of wctl's own are no obstacle.
    machine.write("/etc/wctl/conf.d/old.conf", "[program:old]\ncommand=a\nautostart=maybe\n")
    machine.write("/etc/wctl/conf.d/older.conf", "what\n[program:older]\n")
    # What is no program stays with Supervisor, and so does its service.
    listener = "[eventlistener:ear]\ncommand = sleep 1000\nevents = TICK_3600\n"
    machine.write("/etc/supervisor/conf.d/ear.conf", listener)
    machine.run("supervisorctl update ear")
    taken = machine.run("wctl import --takeover --stop-first").out
    assert "worker: taken over; stopped 3 Supervisor processes\n" in taken
    assert "Moved 1 of 1 program of Supervisor\nSupervisor keeps ear (RUNNING), so" in taken
    assert machine.run("systemctl is-enabled supervisor").out == "enabled\n"
    assert status(machine).split()[:2] == ["ear", "RUNNING"]


def test_import_refuses_to_overwrite(supervised: Machine) -> None:
    """wctl overwrites a file that differs only with --force; a dry run writes nothing.

    If the check finds an error in the copies, wctl writes nothing, either.
    """
    machine = supervised
    machine.write("/etc/supervisor/conf.d/tty.conf", "[program:getty]\ncommand = sleep 1000\n")
    for dry_run in ("", "--dry-run"):
        wrong = machine.run(f"wctl import {dry_run}", check=False)
        assert wrong.code == 1
        assert "/etc/wctl/conf.d/tty.conf:2: [program:getty]" in wrong.err
        assert wrong.err.endswith("wctl: 1 error in the configuration; nothing was written\n")
        assert "[command-not-found]" not in wrong.err
        assert machine.run("ls /etc/wctl/conf.d").out == ""
    machine.run("rm /etc/supervisor/conf.d/tty.conf")
    dry = machine.run("wctl import --dry-run")
    assert dry.out.endswith("Nothing was written (--dry-run).\n")
    assert not machine.exists("/etc/wctl/conf.d/workers.conf")
    machine.run("wctl import --quiet")
    machine.run("echo '; mine' >> /etc/wctl/conf.d/workers.conf")
    refused = machine.run("wctl import", check=False)
    assert refused.code == 1
    assert "/etc/wctl/conf.d/workers.conf: already exists with different content" in refused.err
    # What differs from what Supervisor runs is not started in its place.
    machine.run("sed -i s/numprocs.=.3/numprocs=2/ /etc/wctl/conf.d/workers.conf")
    refused = machine.run("wctl import --takeover", check=False)
    assert refused.code == 1
    places = "/srv/app/workers.conf:5, /etc/wctl/conf.d/workers.conf:"
    assert f"worker: numprocs differs: {places}" in refused.err
    machine.run("wctl import --force")
    assert "; mine" not in machine.read("/etc/wctl/conf.d/workers.conf")
    machine.run("sed -i s/sleep=0.1/sleep=0.2/ /srv/app/workers.conf")
    refused = machine.run("wctl import --takeover --force", check=False)
    assert refused.code == 1
    said = "worker: supervisord runs it otherwise than /srv/app/workers.conf:2 says now\n"
    assert refused.err.startswith(said)
    assert (alive(machine), states(machine)) == (3, {})


def test_takeover_that_was_killed_can_be_run_again(supervised: Machine) -> None:
    """A killed takeover leaves Supervisor's workers alone; another takeover completes it."""
    machine = supervised
    taking = machine.popen("exec wctl import --takeover")
    wait_for(lambda: states(machine).get("worker@02") == "STARTING", 10, "the workers to start")
    machine.stop(taking)
    assert alive(machine) == 3
    assert "stopped 3 Supervisor processes" in machine.run("wctl import --takeover").out
    assert states(machine) == {f"worker@0{number}": "RUNNING" for number in range(3)}
    machine.run("systemctl enable supervisor")  # somebody wants it, and it does not run
    gone = machine.run("wctl import --takeover", check=False)
    assert gone.code == 4
    said = "supervisord does not answer: /var/run/supervisor.sock: No such file or directory"
    assert gone.err.startswith(f"wctl: {said}; no program was moved\n")

    # A killed --back is completed by the next one.
    going = machine.popen("exec wctl import --back")
    wait_for(lambda: alive(machine) == 3 or "STARTING" in status(machine), 30, "Supervisor")
    machine.stop(going)
    back = machine.run("wctl import --back").out
    assert "worker: moved back; Supervisor runs 3 processes\n" in back
    assert (alive(machine), states(machine)) == (3, {})

    # With --stop-first, nobody runs the workers when wctl is killed, and nobody has forgotten them.
    killing = 'supervisorctl "$@"; code=$?; case $* in *stop*) kill -9 $PPID ;; esac; exit $code'
    machine.write("/usr/local/sbin/control", f"#!/bin/sh\n{killing}\n", mode=0o755)
    takeover = "wctl import --takeover --stop-first --supervisorctl=/usr/local/sbin/control"
    assert machine.run(takeover, check=False).code in (-9, 137)
    assert (alive(machine), pids(machine)) == (0, {})
    taken = machine.run("wctl import --takeover").out
    assert "worker: taken over; an earlier takeover has stopped Supervisor's processes\n" in taken
    assert states(machine) == {f"worker@0{number}": "RUNNING" for number in range(3)}
