"""The main job: Symfony workers from an INI file, run by systemd, operated by wctl."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Callable

import pytest

from machine import provision
from machine.driver import LATE, Machine, wait_for
from machine.units import configure, cursor, pids, processes, seconds, show, states

pytestmark = pytest.mark.core

CONSOLE = "php /srv/app/bin/console"


@pytest.fixture
def quick(machine: Machine, example: str) -> str:
    """The example, but READY after one second, for tests that are not about startsecs."""
    path = "/etc/wctl/conf.d/messenger-worker.conf"
    machine.run(["sed", "-i", "s/startsecs = 5/startsecs = 1/", path])
    machine.run(["wctl", "update"])
    return example


def dispatch(machine: Machine, jobs: str) -> None:
    """Puts messages into the queue."""
    machine.run(f"{CONSOLE} app:dispatch {jobs}", user="www-data", cwd="/srv/app")


def waiting(machine: Machine) -> int:
    """Returns how many messages wait in the queue."""
    stats = f"{CONSOLE} app:stats async --format=json"
    found = re.search(r'"async":(\d+)', machine.run(stats, user="www-data", cwd="/srv/app").out)
    assert found
    return int(found[1])


def test_check_and_update_start_nothing_of_the_example(machine: Machine, example: str) -> None:
    """The shipped example has no findings; with autostart=false, an update starts nothing."""
    check = machine.run(["wctl", "check"])
    assert (check.out, check.err) == ("1 program, 0 errors, 0 warnings\n", "")
    assert machine.run(["wctl", "update"]).out == f"{example}: added process group\n"
    assert states(machine) == {f"{example}@00": "STOPPED"}


def test_unit_works_without_wctl_update(machine: Machine, example: str) -> None:
    """The packaged unit starts with systemctl alone, READY after startsecs=5 and not before."""
    machine.run(["systemctl", "start", f"{example}@00"])
    lived = seconds(machine, f"{example}@00", "ExecMainStart", "ActiveEnter")
    assert 5.0 <= lived < 5.0 + LATE
    assert states(machine) == {f"{example}@00": "RUNNING"}


def test_is_starting_until_startsecs(machine: Machine, example: str) -> None:
    """Before startsecs is over, wctl status says STARTING."""
    machine.run(["systemctl", "start", "--no-block", f"{example}@00"])
    wait_for(
        lambda: show(machine, f"{example}@00", "MainPID")["MainPID"] != "0", 10, "a main process"
    )
    assert states(machine) == {f"{example}@00": "STARTING"}
    wait_for(lambda: states(machine) == {f"{example}@00": "RUNNING"}, 10, "RUNNING")


def test_hand_off_leaves_nothing_but_the_worker(machine: Machine, quick: str) -> None:
    """After READY the unit's cgroup holds php alone, and php is the main process."""
    machine.run(["wctl", "start", f"{quick}@00"])
    unit = f"{quick}@00"
    main = int(show(machine, unit, "MainPID")["MainPID"])
    wait_for(lambda: processes(machine, unit) == [main], 5, "the notifier to be gone")
    assert machine.read(f"/proc/{main}/comm") == "php\n"


def test_streams_have_their_own_priorities(machine: Machine, quick: str) -> None:
    """stdout reaches the journal at info, stderr at notice, both with the unit's name."""
    machine.run(["wctl", "start", f"{quick}@00"])
    dispatch(machine, "print")
    read = f"journalctl -b -u {quick}@00 -o cat PRIORITY=%d --grep 'job 1: std'"

    def lines(priority: int) -> str:
        return machine.run(read % priority, check=False).out

    wait_for(lambda: lines(6) and lines(5), 10, "both lines in the journal")
    assert (lines(6), lines(5)) == ("job 1: stdout\n", "job 1: stderr\n")


def test_scale_touches_only_the_difference(machine: Machine, quick: str) -> None:
    """scale 3 waits until the new workers are READY; the first keeps its PID, also at scale 1."""
    machine.run(["wctl", "start", f"{quick}@00"])
    before = pids(machine)
    machine.run(["wctl", "scale", "3"])
    after = pids(machine)
    names = [f"{quick}@{number:02d}" for number in range(3)]
    assert states(machine) == dict.fromkeys(names, "RUNNING")
    assert after[names[0]] == before[names[0]]
    machine.run(["wctl", "scale", "1"])
    assert pids(machine) == before


def test_three_workers_consume_the_queue(machine: Machine, quick: str) -> None:
    """A hundred messages are consumed, and the journal of the instances shows it."""
    machine.run(["wctl", "scale", "3"])
    begun = cursor(machine)
    dispatch(machine, "ok:100")
    wait_for(lambda: waiting(machine) == 0, 30, "an empty queue")
    machine.run(["journalctl", "--sync"])
    handled = machine.run(
        f"journalctl --after-cursor='{begun}' -u '{quick}@*' -o short"
        " | grep -o '[^ ]*: .*handled by .*JobHandler'"
    )
    names = Counter(line.partition("[")[0] for line in handled.out.splitlines())
    assert sum(names.values()) == 100
    # An instance may have slept all the time: it looks once in a second (--sleep=1).
    ((busiest, _),) = names.most_common(1)
    assert busiest in [f"{quick}@0{number}" for number in range(3)]
    tail = machine.run(["wctl", "tail", busiest]).out
    assert len(tail.splitlines()) == 20


def test_killed_worker_is_back(machine: Machine, quick: str) -> None:
    """A worker killed by SIGKILL is started again by systemd, as another process."""
    machine.run(["wctl", "start", f"{quick}@00"])
    before = pids(machine)
    machine.run(["wctl", "signal", "KILL", f"{quick}@00"])
    wait_for(lambda: set(pids(machine).values()) - set(before.values()), 5, "a new process")
    wait_for(lambda: states(machine) == {f"{quick}@00": "RUNNING"}, 10, "RUNNING")


def test_worker_that_cannot_start_is_fatal(machine: Machine) -> None:
    """The worker is in BACKOFF with its number of tries, then FATAL with the reason, for good."""
    configure(machine, "[program:broken]\ncommand=/bin/false\nstartretries=2\n")
    update = machine.run(["wctl", "update"], check=False)
    assert update.code == 1
    assert "broken@00: ERROR (abnormal termination)" in update.out
    wait_for(lambda: states(machine) == {"broken@00": "BACKOFF"}, 5, "BACKOFF")
    wait_for(lambda: states(machine) == {"broken@00": "FATAL"}, 15, "FATAL")
    status = machine.run(["wctl", "status"], check=False)
    assert status.code == 3
    assert "gave up after 3 failed starts in a row" in status.out
    assert show(machine, "broken@00", "NRestarts", "ActiveState") == {
        "NRestarts": "3",
        "ActiveState": "failed",
    }


def test_scale_shows_why_an_instance_does_not_start(machine: Machine) -> None:
    """scale fails with the last lines of the worker that did not start."""
    configure(
        machine,
        "[program:picky]\ncommand=sh -c 'test %(process_num)02d = 00 && exec sleep 1000;"
        " echo no database; exit 3'\nprocess_name=%(process_num)d\nnumprocs=1\n",
    )
    machine.run(["wctl", "update"])
    scale = machine.run(["wctl", "scale", "2"], check=False)
    assert scale.code == 1
    assert "picky@01: ERROR (abnormal termination)" in scale.out
    assert "no database" in scale.err
    assert states(machine)["picky@00"] == "RUNNING"


def test_what_runs_after_a_boot(new_machine: Callable[[str], Machine], deb: Path) -> None:
    """After a reboot the scaled instances run, and the programs of groups with autostart alone.

    What was disabled by hand stays down, and what was enabled runs. So it is after a power cut; if
    it comes in the middle of a scale, the boot completes the scale.
    """
    machine = new_machine("reboot")
    provision.install_wctl(machine, deb)
    by_hand = "[program:{0}]\ncommand=sleep 1000\nautostart=false\n".format
    configure(
        machine,
        "[program:sleeper]\ncommand=sleep 1000\n"
        "[program:boot]\ncommand=sleep 1000\n"
        f"{by_hand('hand')}[group:mixed]\nprograms=boot,hand\n"
        f"{by_hand('silent')}[group:quiet]\nprograms=silent\n"
        f"{by_hand('woken')}[program:kept]\ncommand=sleep 1000\n"
        "[program:down]\ncommand=sleep 1000\n[group:half]\nprograms=kept,down\n",
    )
    machine.run(["wctl", "update"])
    machine.run(["wctl", "scale", "sleeper", "3"])
    machine.run(["wctl", "start", "mixed:*", "quiet:*"])
    machine.run("wctl disable down; wctl enable --now woken")
    names = [f"sleeper@{number:02d}" for number in range(3)] + ["boot@00", "kept@00", "woken@00"]
    assert set(states(machine).values()) == {"RUNNING"}
    machine.reboot()
    expected = {
        **dict.fromkeys(names, "RUNNING"),
        **dict.fromkeys(["hand@00", "silent@00", "down@00"], "STOPPED"),
    }
    wait_for(lambda: states(machine) == expected, 15, "those to run again that start at boot")

    # The power is cut while systemd starts two more: the next boot starts all five.
    scale = machine.popen(["wctl", "scale", "sleeper", "5"])
    starting = ["STARTING", "RUNNING"]
    wait_for(lambda: states(machine).get("sleeper@04") in starting, 15, "the start of the fifth")
    machine.power_cut()
    scale.communicate(timeout=60)
    five = dict.fromkeys([f"sleeper@{number:02d}" for number in range(5)], "RUNNING")
    wait_for(lambda: {**expected, **five} == states(machine), 15, "all five to run")
    assert machine.run(["wctl", "update"]).out == "No config updates to processes\n"


NO_PROGRAM = "[program:x]\ncommand=/bin/true\n"


@pytest.mark.parametrize(
    ("configuration", "command", "code", "message"),
    [
        (
            "",
            "wctl check -c /nonesuch.conf",
            1,
            "/nonesuch.conf: cannot read this configuration file: No such file",
        ),
        (None, "wctl check", 1, "wctl: /etc/wctl: no configuration, expected wctl.conf or conf.d"),
        (
            "x = 1\n",
            "wctl check",
            1,
            "/etc/wctl/conf.d/test.conf:1: 'x = 1' stands before the first [sec",
        ),
        (
            "[program:x]\ncommand=/bin/true\nautostrat=false\n",
            "wctl check --strict",
            1,
            "/etc/wctl/conf.d/test.conf:3: [program:x] autostrat: warning: unknown key,"
            " did you mean autostart? [unknown-key]",
        ),
        (
            "[program:x]\ncommand=/bin/true\nnumprocs=many\n",
            "wctl update",
            1,
            "/etc/wctl/conf.d/test.conf:3: [program:x] numprocs: 'many': expected a whole number",
        ),
        (NO_PROGRAM, "wctl start nonesuch", 4, "wctl: nonesuch: no such process"),
        (NO_PROGRAM, "wctl scale lots", 2, "'lots' is not a number of instances"),
        (NO_PROGRAM, "wctl frobnicate", 2, "no such command 'frobnicate'"),
        (
            NO_PROGRAM,
            "runuser -u nobody -- wctl update",
            4,
            "run wctl as root (sudo), or with --user for your own units",
        ),
    ],
)
def test_bad_input_has_one_clear_line(
    machine: Machine, configuration: str | None, command: str, code: int, message: str
) -> None:
    """Each mistake has one line and its exit code, without a traceback; wctl writes nothing."""
    if configuration is not None:
        configure(machine, configuration)
    result = machine.run(command, check=False)
    shown = result.out + result.err
    assert (result.code, message in shown, "Traceback" in shown) == (code, True, False), shown
    assert not machine.exists("/etc/systemd/system/x@.service")


def test_misspelt_instance_fails_with_the_right_name(machine: Machine, example: str) -> None:
    """systemctl start messenger-worker@0 fails, and the journal names messenger-worker@00."""
    assert machine.run(["systemctl", "start", f"{example}@0"], check=False).code != 0
    said = machine.run(["journalctl", "-b", "-u", f"{example}@0", "-o", "cat"]).out
    assert f"try {example}@00" in said
    assert show(machine, f"{example}@0", "NRestarts") == {"NRestarts": "0"}


def test_no_systemd_is_one_clear_line(machine: Machine) -> None:
    """Where PID 1 is not systemd, wctl says so; check, render and run work, as its hint says."""
    configure(machine, NO_PROGRAM)
    hide = "unshare --mount sh -c 'umount -l /run/systemd 2>&-; mount -t tmpfs none /run/systemd;"
    status = machine.run(f"{hide} wctl status'", check=False)
    assert (status.code, status.err.splitlines()) == (
        4,
        [
            "wctl: systemd does not run this machine (PID 1 is not systemd)",
            "      'wctl check', 'wctl render' and 'wctl run' work without it",
        ],
    )
    assert machine.run(f"{hide} wctl check'").err == ""
    assert machine.run(f"{hide} wctl run x'").err == ""
    assert machine.run(f"{hide} wctl render'").out.startswith("# x@.service\n")
