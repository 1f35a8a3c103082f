"""Stops: who gets which signal, when SIGKILL follows, and that no process survives."""

from __future__ import annotations

import pytest

from e2e.wrapper.fleet import Fleet
from machine.driver import LATE, wait_for
from machine.units import processes

# Notes the signals that it gets; with "stubborn" it lives on. Its child notes its own signals.
WORKER = """
trap 'note $1.TERM; [ "$2" ] || exit 0' TERM
trap 'note $1.USR1; [ "$2" ] || exit 0' USR1
(trap 'note $1.child.TERM; exit' TERM; while :; do sleep 0.1; done) &
setsid sleep 1000 &
note $1
while :; do sleep 0.1; done
"""
# A worker behind a shell, which takes its time to end. It leaves a child behind.
SLOW = """
trap 'note $1.TERM; sleep 2; note $1.done; exit 0' TERM
trap 'note $1.INT; exit 0' INT
(trap 'note $1.child.TERM; exit' TERM; while :; do sleep 0.1; done) &
note $1
while :; do sleep 0.1; done
"""
MODES = {"handed": (), "resident": ("log=both",)}


@pytest.fixture(scope="module")
def workers(fleet: Fleet) -> Fleet:
    """Workers of every kind, in hand-off and in residence, all RUNNING."""
    worker, slow = fleet.script("worker", WORKER), fleet.script("slow", SLOW)
    for mode, extra in MODES.items():
        for name, arguments, options in (
            ("polite", "", ["stopwaitsecs=120"]),
            ("stubborn", "stubborn", ["stopwaitsecs=1"]),
            ("atonce", "stubborn", ["stopwaitsecs=0"]),
            ("twice", "stubborn", ["stopwaitsecs=3"]),
            ("killed", "", ["killasgroup=true"]),
            ("usr1", "", ["stopsignal=USR1"]),
            ("group", "", ["stopasgroup=true"]),
            ("starting", "", ["startsecs=600", "startretries=5", "stopwaitsecs=120"]),
            (
                "retrying",
                "",
                ["startsecs=600", "startretries=5", "stopwaitsecs=120", "autorestart=false"],
            ),
        ):
            program = f"{name}-{mode}"
            fleet.add(
                program, f"command={worker} {program} {arguments}", "autorestart=true",
                *options, *extra,
            )  # fmt: skip
        for name, script, wait, by in (
            ("behind", slow, 120, "TERM"),
            ("behind-int", slow, 120, "INT"),
            ("behind-deaf", worker, 1, "TERM"),
        ):
            program = f"{name}-{mode}"
            text = f"{script} {program} stubborn; true"
            fleet.add(
                program, f"command=/bin/sh -c '{text}'", "autorestart=true", f"stopwaitsecs={wait}",
                f"stopsignal={by}", *extra,
            )  # fmt: skip
    fleet.run()
    fleet.await_states(
        {u: "STARTING" if u[:5] in ("start", "retry") else "RUNNING" for u in fleet.units}
    )
    noted = set(fleet.programs)
    wait_for(lambda: noted <= set(fleet.runs()), 20, "all traps to be set")
    return fleet


def stop(fleet: Fleet, program: str) -> float:
    """Stops a unit; returns how many seconds the stop took, by systemd's clock."""
    unit = f"{program}@00"
    before = fleet.time(unit, "ExecMainStart")
    assert before
    group = processes(fleet.machine, f"{unit}.service")
    asked = float(fleet.machine.read("/proc/uptime").split()[0])
    fleet.systemctl("stop", unit)
    alive = ["ps", "-o", "pid=,args=", "-p", ",".join(map(str, group))]
    # In a container with cgroup version 1, systemd has killed what is left, but does not wait for
    # it (unit_kill_context(): cgroup notifications are unreliable there).
    wait_for(lambda: not fleet.machine.run(alive, check=False).out, 20, "the end of all processes")
    began = fleet.time(unit, "ActiveExit") if fleet.time(unit, "ActiveEnter") else asked
    return fleet.time(unit, "InactiveEnter") - began


@pytest.mark.parametrize("mode", MODES)
def test_the_stop_signal_is_for_the_worker_alone(workers: Fleet, mode: str) -> None:
    """The worker gets SIGTERM once, its children do not; they are killed after the worker."""
    assert stop(workers, f"polite-{mode}") < 120  # it was not killed
    runs = workers.runs()
    assert len(runs[f"polite-{mode}.TERM"]) == 1
    assert f"polite-{mode}.child.TERM" not in runs


@pytest.mark.parametrize("mode", MODES)
def test_a_worker_behind_a_shell_has_its_time(workers: Fleet, mode: str) -> None:
    """The shell ends first; then its worker gets the signal once, then what that leaves behind.

    So it is when the shell dies by itself; systemd restarts it when all others have ended.
    """
    program = f"behind-{mode}"
    unit = f"{program}@00"
    before = workers.one(unit, "InvocationID")
    main = int(workers.one(unit, "MainPID")["MainPID"])
    workers.machine.run(f"kill -KILL $(cat /proc/{main}/task/{main}/children)")
    workers.await_next(unit, before)
    wait_for(lambda: len(workers.runs()[program]) == 2, 20, "its trap")
    stop(workers, program)
    runs = workers.runs()
    first, second = runs[f"{program}.done"]
    assert [len(runs[f"{program}.{what}"]) for what in ("TERM", "child.TERM")] == [2, 2]
    assert first <= runs[f"{program}.child.TERM"][0] <= runs[program][1]
    assert second <= runs[f"{program}.child.TERM"][1]
    assert workers.one(unit, "Result")["Result"] == "success"


@pytest.mark.parametrize("mode", MODES)
def test_a_worker_behind_a_shell_that_waits_is_asked(workers: Fleet, mode: str) -> None:
    """After SIGINT, a shell waits for its command. So the command gets SIGINT, too, and once."""
    program = f"behind-int-{mode}"
    assert stop(workers, program) < 120
    assert len(workers.runs()[f"{program}.INT"]) == 1
    assert workers.one(f"{program}@00", "Result")["Result"] == "success"


@pytest.mark.parametrize("mode", MODES)
def test_a_worker_behind_a_shell_that_ignores_the_signal_is_killed(
    workers: Fleet, mode: str
) -> None:
    """The time to stop is that of the unit, counted from the stop."""
    program = f"behind-deaf-{mode}"
    assert 1.0 <= stop(workers, program) < 1 + LATE
    assert len(workers.runs()[f"{program}.TERM"]) == 1


@pytest.mark.parametrize("mode", MODES)
def test_stopasgroup_signals_the_children_too(workers: Fleet, mode: str) -> None:
    """With stopasgroup the worker gets SIGTERM once, and so does its child."""
    stop(workers, f"group-{mode}")
    runs = workers.runs()
    assert len(runs[f"group-{mode}.TERM"]) == 1
    assert len(runs[f"group-{mode}.child.TERM"]) == 1


@pytest.mark.parametrize("mode", MODES)
def test_a_worker_that_ignores_it_is_killed(workers: Fleet, mode: str) -> None:
    """With stopwaitsecs=1, SIGKILL comes a second after the stop signal, not before."""
    assert 1.0 <= stop(workers, f"stubborn-{mode}") < 1 + LATE
    assert len(workers.runs()[f"stubborn-{mode}.TERM"]) == 1
    # A user has stopped it, so it is STOPPED, though a SIGKILL ended it.
    assert workers.states()[f"stubborn-{mode}@00"] in ("STOPPED", "EXITED")


@pytest.mark.parametrize("mode", MODES)
def test_killasgroup_kills_the_children_and_does_not_ask_them(workers: Fleet, mode: str) -> None:
    """The worker gets the stop signal; the processes that it leaves behind get SIGKILL."""
    stop(workers, f"killed-{mode}")
    runs = workers.runs()
    assert len(runs[f"killed-{mode}.TERM"]) == 1
    assert f"killed-{mode}.child.TERM" not in runs


@pytest.mark.parametrize("mode", MODES)
def test_stopwaitsecs_0_kills_at_once(workers: Fleet, mode: str) -> None:
    """With stopwaitsecs=0, SIGKILL comes at once, as in Supervisor; systemd's 0 means no limit."""
    assert stop(workers, f"atonce-{mode}") < LATE


@pytest.mark.parametrize("mode", MODES)
def test_the_signal_is_the_configured_one(workers: Fleet, mode: str) -> None:
    """With stopsignal=USR1, the worker gets SIGUSR1 and no SIGTERM."""
    stop(workers, f"usr1-{mode}")
    runs = workers.runs()
    assert (f"usr1-{mode}.USR1" in runs, f"usr1-{mode}.TERM" in runs) == (True, False)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["starting", "retrying"])
def test_a_stop_during_a_start_is_no_failed_start(workers: Fleet, kind: str, mode: str) -> None:
    """A worker that is stopped before READY ends, and is not tried again."""
    program = f"{kind}-{mode}"
    assert stop(workers, program) < 120
    assert workers.states()[f"{program}@00"] == "STOPPED"
    assert len(workers.runs()[program]) == 1
    assert "next try" not in workers.journal(f"{program}@00")


@pytest.mark.parametrize("mode", MODES)
def test_a_signal_to_a_worker_of_a_group_is_not_swallowed(workers: Fleet, mode: str) -> None:
    """`wctl signal TERM` reaches a worker whose stop signal would go to its whole group."""
    program = f"group-{mode}"
    before = workers.runs()
    workers.systemctl("restart", f"{program}@00")  # an earlier test may have stopped it
    wait_for(lambda: len(workers.runs()[program]) > len(before[program]), 20, "its traps")
    workers.machine.run(["wctl", "signal", "TERM", f"{program}@00"])
    term = f"{program}.TERM"
    wait_for(lambda: len(workers.runs()[term]) > len(before.get(term, [])), 20, "the signal")


@pytest.mark.parametrize("mode", MODES)
def test_a_signal_to_the_whole_unit_does_not_take_ready_away(workers: Fleet, mode: str) -> None:
    """`systemctl kill` during a start also reaches the notifier, which goes on."""
    program = f"notifier-{mode}"
    unit = f"{program}@00"
    script = workers.script("deaf", "trap '' USR2; note $1; while :; do sleep 0.1; done")
    workers.add(program, f"command={script} {program}", "startsecs=3", *MODES[mode])
    workers.install()
    workers.start([unit])
    wait_for(lambda: program in workers.runs(), 20, "its trap")
    workers.systemctl("kill", "--signal=USR2", unit)
    workers.await_states({unit: "RUNNING"}, 15)


@pytest.mark.parametrize("mode", MODES)
def test_a_stop_during_a_stop_changes_nothing(workers: Fleet, mode: str) -> None:
    """A second stop neither signals again nor prolongs the wait: one SIGTERM, then 3 s."""
    program = f"twice-{mode}"
    workers.systemctl("stop", "--no-block", f"{program}@00")
    wait_for(lambda: f"{program}.TERM" in workers.runs(), 20, "the first signal")
    assert 3.0 <= stop(workers, program) < 3 + LATE
    assert len(workers.runs()[f"{program}.TERM"]) == 1
