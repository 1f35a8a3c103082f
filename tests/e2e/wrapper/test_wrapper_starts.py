"""When a start has succeeded, when it has failed, and what comes next."""

from __future__ import annotations

from functools import partial

import pytest

from e2e.wrapper.fleet import Fleet
from machine.driver import LATE, wait_for

SLEEP = "command=/bin/sleep 1000"
LATER = ("restarted@00", "stopped@00")  # the tests that need them start them


@pytest.fixture(scope="module")
def started(fleet: Fleet) -> Fleet:
    """All programs of this module, started together."""
    count = fleet.script("count", "note $1; [ $runs -gt ${2:-0} ] || exit ${3:-1}\nexec sleep 1000")
    fleet.add("ready2", SLEEP, "startsecs=2")
    fleet.add("ready0", SLEEP, "startsecs=0")
    fleet.add("brief", "command=/bin/sleep 0.3", "startsecs=0", "systemd.Service.Restart=no")
    fleet.add("fails", f"command={count} fails 99", "startretries=3")
    fleet.add("zeroed", f"command={count} zeroed 2", "startretries=4")
    fleet.add("exits0", f"command={count} exits0 99 0", "startretries=1", "autorestart=false")
    planned = fleet.script("planned", "note $1; sleep 2")
    fleet.add("planned", f"command={planned} planned", "autorestart=true")
    fleet.add("nouser", SLEEP, "autorestart=true", "systemd.Service.User=nobody-of-that-name")
    gone = "systemd.Service.User=nobody-of-that-name"
    fleet.add("nouser-zero", SLEEP, "startsecs=0", "autorestart=true", gone)
    fleet.add("nouser-once", SLEEP, "autorestart=false", gone)
    fleet.add("nofile-zero", SLEEP, "startsecs=0", "environment_file=/nonesuch")
    fleet.add("nofile-once", SLEEP, "autorestart=false", "environment_file=/nonesuch")
    fleet.add("quick", "command=/bin/true", "startsecs=0", "autorestart=true")
    fleet.add("missing", "command=/nonesuch/worker --x", "startretries=0")
    fleet.add("nodirectory", SLEEP, "directory=/nonesuch", "startretries=0")
    fleet.add("restarted", f"command={count} restarted 99", "startretries=9")
    twice = fleet.script("twice", "note $1; [ $runs -gt 2 ] || exec sleep 1000; exit 1")
    fleet.add(
        "rested", f"command={twice} rested", "autorestart=true", "systemd.Service.RestartSec=3s"
    )
    fleet.add("stopped", f"command={count} stopped 99", "startretries=9", "autorestart=false")
    fleet.install()
    fleet.start(unit for unit in fleet.units if unit not in LATER)
    return fleet


@pytest.mark.core
def test_ready_after_startsecs_and_not_before(started: Fleet) -> None:
    """A worker is READY startsecs after the start of the wrapper, not before."""
    started.await_states({"ready2@00": "RUNNING"})
    lived = started.time("ready2@00", "ActiveEnter") - started.time("ready2@00", "ExecMainStart")
    assert 2.0 <= lived < 2.0 + LATE


def test_startsecs_0_is_ready_at_once(started: Fleet) -> None:
    """With startsecs=0 a worker is READY once it has been executed, however short its life."""
    started.await_states({"ready0@00": "RUNNING", "brief@00": "EXITED"})
    assert started.time("brief@00", "ActiveEnter") >= started.time("brief@00", "ExecMainStart") > 0


@pytest.mark.core
def test_delays_grow_and_then_it_is_given_up(started: Fleet) -> None:
    """startretries=3: four starts, 1, 2 and 3 s apart; then FATAL, with the reason."""
    started.await_states({"fails@00": "FATAL"})
    runs = started.runs()["fails"]
    assert len(runs) == 4
    gaps = [later - earlier for earlier, later in zip(runs, runs[1:])]
    for seconds, gap in enumerate(gaps, start=1):
        assert seconds <= gap + 0.02 < seconds + LATE  # /proc/uptime has hundredths
    status = started.machine.run(["wctl", "status", "fails@00"], check=False).out
    assert "gave up after 4 failed starts in a row" in status
    shown = started.one("fails@00", "ActiveState", "ActiveEnterTimestampMonotonic", "NRestarts")
    assert shown == {
        "ActiveState": "failed", "ActiveEnterTimestampMonotonic": "0", "NRestarts": "4",
    }  # fmt: skip


def test_a_start_by_hand_begins_at_zero(started: Fleet) -> None:
    """After FATAL, a start by hand has as many tries as the first start, from one second up."""
    started.await_states({"exits0@00": "FATAL"})
    before = len(started.runs()["exits0"])
    started.start(["exits0@00"])
    wait_for(lambda: len(started.runs()["exits0"]) == before + 2, 20, "two more starts")
    started.await_states({"exits0@00": "FATAL"})
    assert (before, len(started.runs()["exits0"])) == (2, 4)


def test_an_exit_0_before_ready_is_a_failed_start(started: Fleet) -> None:
    """An exit with 0 before READY is tried again and given up, also with autorestart=false."""
    started.await_states({"exits0@00": "FATAL"})
    assert "gave up after 2 failed starts in a row" in started.journal("exits0@00")


def test_running_zeroes_the_counter(started: Fleet) -> None:
    """A worker that is RUNNING at its third try waits for one second after its next crash."""
    unit = "zeroed@00"
    started.await_states({unit: "RUNNING"})
    assert not started.machine.exists(f"/run/wctl/{unit}.service/failed-starts")
    before = started.runs()["zeroed"]
    assert len(before) == 3
    started.machine.run(["wctl", "signal", "KILL", unit])
    wait_for(lambda: len(started.runs()["zeroed"]) == 4, 20, "a new start")
    started.await_states({unit: "RUNNING"})
    assert "failed start 3" not in started.journal(unit)


def test_a_crash_now_and_then_is_never_fatal(started: Fleet) -> None:
    """systemd always restarts a worker that crashes from RUNNING, however often."""
    unit = "zeroed@00"
    for _ in range(6):
        started.await_states({unit: "RUNNING"})
        before = started.one(unit, "InvocationID")
        started.machine.run(["wctl", "signal", "SEGV", unit])
        started.await_next(unit, before)
    started.await_states({unit: "RUNNING"})


def test_planned_exits_wait_for_no_back_off(started: Fleet) -> None:
    """After a worker that was READY has ended, only RestartSec= passes until the next start."""
    unit = "planned@00"
    for _ in range(5):
        started.await_next(unit, started.one(unit, "InvocationID"))
        started.await_property(unit, "ActiveState", "active")
    assert started.one(unit, "RestartUSec") == {"RestartUSec": "100ms"}
    assert "next try" not in started.journal(unit)


def test_what_fails_before_the_wrapper_runs_is_given_up(started: Fleet) -> None:
    """The start limit gives up a unit whose user is missing.

    Such a start fails in systemd, before the wrapper can count it.
    """
    started.await_states({"nouser@00": "FATAL"}, 60)
    assert "Start request repeated too quickly" in started.journal("nouser@00")
    assert started.one("nouser@00", "NRestarts", "ActiveState")["ActiveState"] == "failed"


@pytest.mark.parametrize(
    ("unit", "state", "why"),
    [
        ("nouser@00", "FATAL", "its user is missing or cannot be set"),
        ("nouser-once@00", "FATAL", "its user is missing or cannot be set"),
        ("nouser-zero@00", "BACKOFF", "its user is missing or cannot be set"),
        ("nofile-once@00", "FATAL", "its environment file /nonesuch is missing"),
        ("nofile-zero@00", "BACKOFF", "its environment file /nonesuch is missing"),
    ],
)
def test_status_says_why_systemd_cannot_run_it(
    started: Fleet, unit: str, state: str, why: str
) -> None:
    """status says FATAL, or BACKOFF if systemd tries again, and in both cases the reason."""
    expected = f"{state} systemd cannot run it: {why}"

    def said() -> bool:
        shown = started.machine.run(["wctl", "status", unit], check=False).out
        # Between two tries there is a moment in which the next one is under way.
        return " ".join(shown.split()[1:]) == expected

    wait_for(said, 60, expected)


def test_planned_exits_of_a_quick_worker_have_no_limit(started: Fleet) -> None:
    """A worker that is READY at once and exits with 0 at once is restarted for ever.

    Its starts are as frequent as starts that fail in systemd: no limit can tell them apart.
    """
    wait_for(lambda: int(started.one("quick@00", "NRestarts")["NRestarts"]) > 70, 60, "70 restarts")
    shown = started.one("quick@00", "ActiveState")
    assert shown["ActiveState"] in ("active", "activating", "deactivating")
    assert "next try" not in started.journal("quick@00")


def test_the_start_limit_is_out_of_reach_of_a_worker(started: Fleet) -> None:
    """The start limit allows twice as many starts in its interval as a worker can ever have."""
    shown = started.one("planned@00", "StartLimitIntervalUSec", "StartLimitBurst")
    assert shown == {"StartLimitIntervalUSec": "30s", "StartLimitBurst": "60"}


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        ("missing@00", "cannot start: No such file or directory: /nonesuch/worker"),
        ("nodirectory@00", "cannot start: No such file or directory: /nonesuch"),
    ],
)
def test_what_cannot_be_run_is_a_failed_start(started: Fleet, unit: str, said: str) -> None:
    """One clear line, no traceback, and FATAL after the configured tries."""
    started.await_states({unit: "FATAL"})
    journal = started.journal(unit)
    assert (said in journal, "Traceback" in journal) == (True, False), journal


@pytest.mark.core
def test_a_restart_in_backoff_begins_at_zero(started: Fleet) -> None:
    """A worker restarted by hand before its third try waits for one second again."""
    unit = "restarted@00"
    started.start([unit])
    for verb in (["systemctl", "restart", "--no-block"], ["wctl", "restart", "--no-wait"]):
        wait_for(lambda: "failed start 2" in started.one(unit, "StatusText")["StatusText"], 30, "2")
        started.machine.run([*verb, unit])
        wait_for(lambda: "failed start 1" in started.one(unit, "StatusText")["StatusText"], 30, "1")


@pytest.mark.core
def test_a_restart_within_restartsec_begins_at_zero(started: Fleet) -> None:
    """A restart by hand during RestartSec= also resets the count."""
    unit = "restarted@00"
    drop_in = f"/run/systemd/system/{unit}.service.d/slow.conf"
    started.machine.write(drop_in, "[Service]\nRestartSec=3s\n")
    started.systemctl("daemon-reload")
    started.systemctl("restart", "--no-block", unit)
    wait_for(lambda: "failed start 2" in started.one(unit, "StatusText")["StatusText"], 30, "2")
    started.await_property(unit, "SubState", "auto-restart")
    started.systemctl("restart", "--no-block", unit)
    # The wrapper has counted this start, and no earlier one.
    counter = f"/run/wctl/{unit}.service/failed-starts"
    wait_for(lambda: started.machine.read(counter).split()[0] == "1", 20, "a count of one")
    started.machine.run(["rm", drop_in])
    started.systemctl("daemon-reload")


@pytest.mark.core
def test_a_start_after_a_stop_within_restartsec_begins_at_zero(started: Fleet) -> None:
    """A stop right after the first failed start resets the count.

    This is so even if systemd had restarted the worker before.
    """
    unit = "rested@00"

    def started_times(runs: int) -> bool:
        return len(started.runs()["rested"]) == runs

    for runs in (2, 3):
        started.await_states({unit: "RUNNING"})
        started.machine.run(["wctl", "signal", "KILL", unit])
        wait_for(partial(started_times, runs), 20, f"start {runs}")
    started.await_property(unit, "SubState", "auto-restart")
    started.systemctl("stop", unit)
    assert started.states()[unit] == "STOPPED"
    stopped = started.time(unit, "InactiveEnter")
    wait_for(
        lambda: float(started.machine.read("/proc/uptime").split()[0]) > stopped + 1.2, 20, "time"
    )
    started.start([unit])
    wait_for(lambda: len(started.runs()["rested"]) == 4, 20, "start 4")
    assert "next try" not in started.journal(unit)


def _waits(started: Fleet, unit: str) -> bool:
    """Tells whether the wrapper waits for its next try; not systemd, for RestartSec=."""
    return started.show("StatusText", units=[unit])[unit]["StatusText"].startswith("BACKOFF")


@pytest.mark.core
def test_stopped_in_backoff_is_stopped(started: Fleet) -> None:
    """A stop during back-off ends the wait, with the resident wrapper and without."""
    for unit in LATER:
        started.start([unit])
        # A stop during RestartSec= would leave the directory behind, before systemd 257.
        wait_for(partial(_waits, started, unit), 20, "back-off")
        started.systemctl("stop", unit)
        assert started.states()[unit] == "STOPPED"
        assert not started.machine.exists(f"/run/wctl/{unit}.service")


def test_instances_of_another_spelling_do_not_start(started: Fleet) -> None:
    """The wrapper refuses ready2@2, names the right spelling, and is not started again."""
    result = started.machine.run(["systemctl", "start", "ready2@2"], check=False)
    assert result.code != 0
    assert "try ready2@02" in started.journal("ready2@2")
    assert started.one("ready2@2", "NRestarts") == {"NRestarts": "0"}
