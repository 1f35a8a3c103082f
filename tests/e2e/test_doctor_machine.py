"""wctl doctor, where an administrator or the machine does something beside wctl."""

from __future__ import annotations

import json
from typing import Any

import pytest

from e2e.doctoring import examine, only, paste
from machine import provision
from machine.driver import Machine, unique_name, wait_for
from machine.units import configure, show, states

SOCKETS = "systemd-journald.socket systemd-journald-dev-log.socket systemd-journald-audit.socket"
SLEEPER = "[program:x]\ncommand=sleep 1000\nuser=www-data\n"


@pytest.fixture
def running(machine: Machine) -> Machine:
    """The machine, where one worker runs."""
    configure(machine, SLEEPER)
    machine.run("wctl update")
    assert examine(machine) == []
    return machine


def test_masked_instance(running: Machine) -> None:
    """A start cannot help a masked instance, so the remedy is another one."""
    running.run("wctl stop x@00; systemctl mask x@00.service")
    found = [finding for finding in examine(running) if finding["code"] == "masked"]
    assert found[0]["instances"] == ["x@00"]
    paste(running, found[0])
    paste(running, only(examine(running), "stopped"))
    assert examine(running) == []


def test_masked_template(running: Machine) -> None:
    """A mask of the template hides no worker, and is not taken for somebody else's unit."""
    running.run("mv /etc/systemd/system/x@.service /srv/; systemctl mask x@.service")
    assert states(running) == {"x@00": "RUNNING"}
    result = running.run("wctl update", check=False)
    assert result.code == 1
    assert "the unit x@.service is masked; run: systemctl unmask x@.service" in result.err
    found = [finding for finding in examine(running) if finding["code"] == "masked"]
    assert found[0]["instances"] == ["x@00"]
    paste(running, found[0])
    assert examine(running) == []
    assert states(running) == {"x@00": "RUNNING"}


@pytest.mark.parametrize(
    "line", ["Type=exec", "NotifyAccess=main", "ExecStart=\nExecStart=/bin/sleep 1", "Restart=no"]
)
def test_drop_in_that_overrides_wctl(running: Machine, line: str) -> None:
    """A drop-in that takes away what wctl relies on is a finding; others are not."""
    path = "/etc/systemd/system/x@.service.d/mine.conf"
    running.write(path, f"[Service]\nNice=5\n{line}\n")
    running.run("systemctl daemon-reload")
    found = only(examine(running), "drop-in-overrides")
    assert found["evidence"][0].startswith(f"{path}: {line.partition('=')[0]}=")
    running.write("/root/edit", '#!/bin/sh\nexec sed -i "/^[ETNR][a-zA-Z]*=[^5]*$/d" "$1"\n', 0o755)
    paste(running, found, EDITOR="/root/edit")
    assert examine(running) == []
    assert show(running, "x@00", "Nice") == {"Nice": "5"}


def test_frozen_instance(suite: str, deb: object) -> None:
    """A frozen worker is RUNNING for systemd, and does nothing; thawing heals it."""
    with Machine.boot(unique_name(f"frozen-{suite}"), suite, cgroups="v2") as machine:
        provision.install_wctl(machine, deb)  # type: ignore[arg-type]
        machine.run("rm -f /etc/wctl/conf.d/*")
        configure(machine, SLEEPER)
        machine.run("wctl update")
        # From version 256 on, systemd says "frozen-by-parent" of what is in a frozen slice.
        for frozen in ("x@00", "system-x.slice", "system-x.slice x@00"):
            machine.run(f"systemctl freeze {frozen}", check=" " not in frozen)
            paste(machine, only(examine(machine), "frozen"))
            assert examine(machine) == []


def test_journald_that_is_down(running: Machine) -> None:
    """Where journald does not run, output is lost or goes to files; the remedy starts journald."""
    try:
        running.run(f"systemctl stop systemd-journald.service {SOCKETS}", check=False)
        found = only(examine(running), "journald-down")
        assert found["evidence"][1] == "programs that log to the journal: x"
        paste(running, found)
        wait_for(lambda: not examine(running), 20, "journald")
        running.run(f"systemctl mask --now systemd-journald.service {SOCKETS}", check=False)
        paste(running, only(examine(running), "journald-down"))
        wait_for(lambda: not examine(running), 20, "journald, unmasked")
    finally:
        running.run(f"systemctl unmask systemd-journald.service {SOCKETS}", check=False)
        running.run(f"systemctl start systemd-journald.service {SOCKETS}", check=False)


def test_journald_that_stores_nothing(running: Machine) -> None:
    """With Storage=none every line is lost, and the remedy shows where that is set."""
    path = "/etc/systemd/journald.conf.d/none.conf"
    try:
        running.write(path, "[Journal]\nStorage=none\n")
        found = only(examine(running), "journald-stores-nothing")
        assert "Storage=none" in running.run(["bash", "-c", found["remedy"]]).out
        running.write(path, "[Journal]\nStorage=volatile\n")
        assert examine(running) == []
    finally:
        running.run(["rm", path])


def test_journal_that_cannot_be_read(running: Machine) -> None:
    """Without the journal nobody knows of crashes: not a user without the right, not even root."""
    told = running.run("wctl doctor --json", user="nobody", check=False)
    found = only(json.loads(told.out), "journal-unreadable")
    assert told.code == 1
    assert "only root and the groups adm and systemd-journal" in found["evidence"][0]
    assert running.run(found["remedy"]).out == "no findings\n"
    assert "last exit: unknown" in running.run("wctl status -l", user="nobody").out
    path = "/usr/local/bin/journalctl"
    running.write(path, "#!/bin/sh\necho sick >&2; exit 1\n", mode=0o755)
    try:
        found = only(examine(running), "journal-unreadable")
        assert found["evidence"] == ["journalctl: sick"]
        assert "sick" in running.run(["bash", "-c", found["remedy"]], check=False).err
        assert "last exit: unknown" in running.run("wctl status -l").out
    finally:
        running.run(["rm", path])
    assert examine(running) == []


def test_log_file_that_cannot_be_written(machine: Machine) -> None:
    """Lines that the wrapper drops are a finding, until it writes again."""
    machine.run("rm -rf /srv/logs; install -d -o www-data /srv/logs /srv/logs/w.log")
    script = "while :; do echo line; sleep 0.1; done"
    configure(
        machine,
        f"[program:w]\ncommand=sh -c '{script}'\nuser=www-data\n"
        "stdout_logfile=/srv/logs/w.log\nredirect_stderr=true\n",
    )
    machine.run("wctl update")
    wait_for(lambda: examine(machine), 20, "the note")
    found = only(examine(machine), "log-file-fails")
    assert found["evidence"] == [
        "noted: /srv/logs/w.log: Is a directory: lines are dropped from the file; the journal has"
        " them"
    ]
    assert "only the journal has them" in found["what"]
    assert found["instances"] == ["w@00"]
    assert "/srv/logs" in machine.run(["bash", "-c", found["remedy"]]).out
    machine.run("rmdir /srv/logs/w.log")
    wait_for(lambda: not examine(machine), 20, "the wrapper to write again")


def growing(machine: Machine) -> dict[str, Any]:
    """Runs a worker whose log file something keeps from being rotated; returns the finding."""
    script = "while echo 1234567890; do sleep 0.01; done"
    configure(
        machine,
        f"[program:w]\ncommand=sh -c '{script}'\nstdout_logfile=/srv/logs/w.log\nlog=file\n"
        "stdout_logfile_maxbytes=1KB\nstdout_logfile_backups=1\nredirect_stderr=true\n",
    )
    machine.run("wctl update")
    wait_for(lambda: examine(machine), 20, "the note")
    return only(examine(machine), "log-file-grows")


def test_log_file_that_grows(machine: Machine) -> None:
    """What is in the way of a rotation is named, until the wrapper has rotated."""
    machine.run("rm -rf /srv/logs; mkdir -p /srv/logs/w.log.1")
    found = growing(machine)
    assert found["instances"] == ["w@00"]
    assert "w.log.1: Is a directory" in found["evidence"][0]
    shown = machine.run(["bash", "-c", found["remedy"]]).out
    assert "/srv/logs/w.log.1" in shown and "/srv/logs/w.log\n" in shown
    machine.run("rmdir /srv/logs/w.log.1; wctl restart w")
    assert examine(machine) == []


def test_log_file_that_another_process_locks(machine: Machine) -> None:
    """The remedy for a log file that another process has locked shows which process that is."""
    machine.run("rm -rf /srv/logs; mkdir /srv/logs; touch /srv/logs/w.log")
    locking = machine.popen("exec flock /srv/logs/w.log sh -c 'echo; exec sleep 1000'")
    assert locking.stdout is not None
    locking.stdout.readline()
    shown = machine.run(["bash", "-c", growing(machine)["remedy"]]).out
    assert "flock" in shown and "worker" not in shown and "/srv/logs/w.log" in shown
    machine.stop(locking)
    machine.run("wctl restart w")
    assert examine(machine) == []


def test_count_that_cannot_be_written(machine: Machine) -> None:
    """Without a count of failed starts there is no back-off, and doctor says why."""
    configure(machine, "[program:w]\ncommand=/bin/false\nuser=www-data\nstartretries=50\n")
    machine.run("wctl update --no-wait", check=False)
    wait_for(lambda: states(machine)["w@00"] == "BACKOFF", 20, "BACKOFF")
    counter = "/run/wctl/w@00.service/failed-starts"
    machine.run(f"rm {counter}; mkdir -p {counter}/x", user="www-data")
    wait_for(
        lambda: "starts-not-counted" in [finding["code"] for finding in examine(machine)],
        20,
        "the wrapper's note",
    )
    # What was noted of an earlier life is no finding of this one.
    machine.run("wctl stop w; wctl remove w")
    # systemd before 257 keeps it over a stop during the RestartSec= pause, with what we put there.
    machine.run("rm -rf /run/wctl/w@00.service")
    configure(machine, "[program:w]\ncommand=sleep 1000\nuser=www-data\n")
    machine.run("wctl update")
    assert examine(machine) == []
