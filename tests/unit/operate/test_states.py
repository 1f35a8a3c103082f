"""states: Supervisor's word for systemd's states of a unit, and for how the unit ended."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from wctl.install.installed import Instance
from wctl.operate.past_ends import PastEnd
from wctl.operate.states import Process, State, processes, state_of, uptime
from wctl.systemd.manager import Unit

# Every SubState of a service, from systemd 249 to 262, by ActiveState ("systemctl --state=help").
SUB_STATES = {
    State.STARTING: [
        ("activating", sub) for sub in ("condition", "start-pre", "start", "start-post")
    ],
    State.RUNNING: [
        ("active", "running"),
        ("active", "mounting"),
        *(
            ("reloading", sub)
            for sub in ("reload", "reload-signal", "reload-notify", "reload-post")
        ),
        ("refreshing", "refresh-extensions"),
    ],
    State.EXITED: [("active", "exited")],
    State.STOPPING: [
        ("deactivating", sub)
        for sub in (
            "stop", "stop-watchdog", "stop-sigterm", "stop-sigkill", "stop-post",
            "final-watchdog", "final-sigterm", "final-sigkill",
        )
    ],
    State.STOPPED: [("inactive", "dead"), ("maintenance", "cleaning")],
    State.UNKNOWN: [("something", "new")],
}  # fmt: skip


def of(active: str, sub: str, **properties: Any) -> State:
    """Returns the state of a unit with these properties."""
    return state_of(Unit("w@00.service", "loaded", active, sub), properties)


@pytest.mark.parametrize(
    ("active", "sub", "expected"),
    [(active, sub, state) for state, pairs in SUB_STATES.items() for active, sub in pairs],
)
def test_every_sub_state(active: str, sub: str, expected: State) -> None:
    """Each of systemd's states has one of Supervisor's."""
    assert of(active, sub) is expected


RAN = {  # a worker that became RUNNING at 100 and ended at 200, in microseconds
    "ExecMainCode": 1,
    "ExecMainStatus": 0,
    "ExecMainStartTimestampMonotonic": 95,
    "ExecMainExitTimestampMonotonic": 200,
    "InactiveExitTimestampMonotonic": 90,
    "ActiveExitTimestampMonotonic": 201,
}


@pytest.mark.parametrize(
    ("active", "changed", "expected"),
    [
        ("inactive", {}, State.EXITED),
        ("failed", {"ExecMainStatus": 3}, State.EXITED),
        ("failed", {"ExecMainCode": 2, "ExecMainStatus": 11}, State.EXITED),
        # a stop: the unit leaves "active" first
        ("inactive", {"ActiveExitTimestampMonotonic": 150}, State.STOPPED),
        ("failed", {"ActiveExitTimestampMonotonic": 150, "ExecMainStatus": 9}, State.STOPPED),
        # stopped while it waited for its restart
        ("inactive", {"InactiveExitTimestampMonotonic": 300}, State.STOPPED),
        # stopped before it was ready
        ("inactive", {"ActiveExitTimestampMonotonic": 0}, State.STOPPED),
        # the wrapper gave up
        (
            "failed",
            {"ExecMainCode": 2, "ExecMainStatus": signal.SIGRTMIN + 29},
            State.FATAL,
        ),
        # an exit code of the same number is the worker's own
        ("failed", {"ExecMainStatus": signal.SIGRTMIN + 29}, State.EXITED),
        # systemd gave up before our code ran
        (
            "failed",
            {
                "ActiveExitTimestampMonotonic": 0,
                "NRestarts": 60,
                "StartLimitBurst": 60,
                "StartLimitIntervalUSec": 30_000_000,
            },
            State.FATAL,
        ),
        # systemd could not run it, and does not try again
        ("failed", {"ActiveExitTimestampMonotonic": 0, "ExecMainStatus": 217}, State.FATAL),
        ("failed", {"ExecMainExitTimestampMonotonic": 0, "Result": "resources"}, State.FATAL),
        # after READY such an exit code is the worker's own
        ("failed", {"ExecMainStatus": 217}, State.EXITED),
    ],
)
def test_how_it_ended(active: str, changed: dict[str, Any], expected: State) -> None:
    """wctl tells apart a worker that ended by itself, one that was stopped, and one given up."""
    assert of(active, "dead", **{**RAN, **changed}) is expected


def test_status_text_tells_back_off_from_a_start() -> None:
    """While the wrapper waits before the next try, the unit is activating; STATUS= says BACKOFF."""
    assert of("activating", "start", StatusText="BACKOFF: failed start 1 of 4") is State.BACKOFF
    assert of("activating", "start", StatusText="") is State.STARTING


RESTARTED = {
    **RAN,
    "Restart": "always",
    "RestartForceExitStatus": ([], []),
    "RestartPreventExitStatus": ([], [63]),
    "Result": "success",
}
# systemd runs a worker again after RestartSec=, in some versions after a moment of being down.
BETWEEN_RUNS = [
    ("activating", "auto-restart"),
    ("activating", "auto-restart-queued"),
    ("inactive", "dead-before-auto-restart"),
    ("failed", "failed-before-auto-restart"),
    # systemd kills what the worker has left behind, such as our notifier
    ("deactivating", "stop-sigterm"),
    ("deactivating", "final-sigkill"),
]


@pytest.mark.parametrize(("active", "sub"), BETWEEN_RUNS)
@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        # it was RUNNING, and exited by itself, crashed, or was stopped for its age
        ({}, State.STARTING),
        ({"ExecMainStatus": 3, "Result": "exit-code"}, State.STARTING),
        ({"ActiveExitTimestampMonotonic": 150, "Result": "timeout"}, State.STARTING),
        # an earlier process was RUNNING, the last one was not
        ({"ExecMainStartTimestampMonotonic": 202, "Result": "protocol"}, State.BACKOFF),
        ({"ActiveExitTimestampMonotonic": 0, "Result": "exit-code"}, State.BACKOFF),
        # systemd could not create a process after the last one
        ({"Result": "resources"}, State.BACKOFF),
    ],
)
def test_between_two_runs(active: str, sub: str, changed: dict[str, Any], expected: State) -> None:
    """A worker that was RUNNING is about to start again; only a failed start is BACKOFF."""
    assert of(active, sub, **{**RESTARTED, **changed}) is expected


@pytest.mark.parametrize(
    ("job", "changed"),
    [
        ("stop", {}),
        ("restart", {}),
        ("", {"MainPID": 7}),
        ("", {"Restart": "no"}),
        ("", {"Restart": "on-failure"}),
        ("", {"ExecMainCode": 2, "ExecMainStatus": 63}),
    ],
)
def test_a_unit_that_really_stops_is_stopping(job: str, changed: dict[str, Any]) -> None:
    """A unit that somebody stops, whose worker lives, or that is not to run again is STOPPING."""
    unit = Unit("w@00.service", "loaded", "deactivating", "stop-sigterm", job)
    assert state_of(unit, {**RESTARTED, **changed}) is State.STOPPING


@pytest.mark.parametrize(
    ("changed", "due"),
    [
        ({"Restart": "always"}, True),
        ({"Restart": "always", "Result": "exec-condition"}, False),
        ({"Restart": "no", "Result": "exit-code"}, False),
        ({"Restart": "on-failure"}, False),
        ({"Restart": "on-failure", "Result": "protocol"}, True),
        ({"Restart": "on-failure", "RestartForceExitStatus": ([0], [])}, True),
        ({"Restart": "on-failure", "RestartForceExitStatus": ([], [0])}, False),
        (
            {
                "Restart": "on-failure",
                "RestartForceExitStatus": ([], [15]),
                "ExecMainCode": 2,
                "ExecMainStatus": 15,
            },
            True,
        ),
        ({"Restart": "always", "RestartPreventExitStatus": ([0], [])}, False),
        ({"Restart": "on-success"}, True),
        ({"Restart": "on-success", "Result": "signal"}, False),
        ({"Restart": "on-abnormal", "Result": "exit-code"}, False),
        ({"Restart": "on-abnormal", "Result": "timeout"}, True),
        ({"Restart": "on-abnormal", "Result": "protocol"}, True),
        ({"Restart": "on-abnormal"}, False),
        ({"Restart": "on-abort", "Result": "core-dump"}, True),
        ({"Restart": "on-watchdog", "Result": "watchdog"}, True),
    ],
)
def test_which_ends_systemd_restarts_after(changed: dict[str, Any], due: bool) -> None:
    """A worker that is not restarted is EXITED; one that would be was stopped meanwhile.

    With RestartMode=direct, no time of the unit tells that it was stopped during RestartSec=.
    """
    expected = State.STOPPED if due else State.EXITED
    assert of("inactive", "dead", **{**RESTARTED, **changed}) is expected


LIMITED = {"NRestarts": 60, "StartLimitBurst": 60, "StartLimitIntervalUSec": 30_000_000}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        # an old worker that ignored the stop signal, and was killed
        ({"ActiveExitTimestampMonotonic": 150, "Result": "timeout"}, State.STOPPED),
        ({"ActiveExitTimestampMonotonic": 0, "Result": "timeout"}, State.STOPPED),
        # it was RUNNING, and its next start was one too many
        ({"InactiveExitTimestampMonotonic": 300, "Result": "exit-code"}, State.FATAL),
        ({"Result": "exit-code"}, State.FATAL),
        ({"Result": "exit-code", "Restart": "no"}, State.EXITED),
        ({"ActiveExitTimestampMonotonic": 0, "Result": "exit-code"}, State.FATAL),
    ],
)
def test_many_restarts(changed: dict[str, Any], expected: State) -> None:
    """systemd's count of restarts grows with healthy ones, so it alone does not prove a limit."""
    found = {**RESTARTED, **LIMITED, "ExecMainStatus": 1, **changed}
    assert of("failed", "failed", **found) is expected


class Bus:
    """Stands in for the manager: one unit, with these properties."""

    user = True  # its runtime directory is that of the test

    def __init__(self, active: str, sub: str, found: dict[str, Any]) -> None:
        self._unit = Unit("w@00.service", "loaded", active, sub)
        self._found = found

    def units(self, _patterns: list[str]) -> list[Unit]:
        return [self._unit]

    def properties(
        self, wanted: list[tuple[str, Any]], *, stopped: bool = False
    ) -> dict[str, dict[str, Any]]:
        return {
            unit: {name: self._found[name] for name in names if name in self._found}
            for unit, names in wanted
        }


def shown(active: str, sub: str, **properties: Any) -> Process:
    """Returns what wctl shows of a unit with these properties."""
    bus: Any = Bus(active, sub, properties)
    (found,) = processes(bus, [Instance("w", "w", "w@00.service")])
    return found


@pytest.mark.parametrize(
    ("active", "sub", "text", "state", "pid"),
    [
        ("active", "running", "", State.RUNNING, 7),
        ("activating", "start", "", State.STARTING, 7),
        ("deactivating", "stop-sigterm", "", State.STOPPING, 7),
        ("activating", "start", "BACKOFF: failed start 1 of 4", State.BACKOFF, 0),
        ("active", "exited", "", State.EXITED, 0),
        ("inactive", "dead", "", State.STOPPED, 0),
    ],
)
def test_pid_is_that_of_the_worker(
    active: str, sub: str, text: str, state: State, pid: int
) -> None:
    """While the wrapper waits before the next try, it is the main process, and there is no worker.

    A worker that is down may have a PID of the past.
    """
    found = shown(active, sub, MainPID=7, StatusText=text)
    assert (found.state, found.pid) == (state, pid)


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        # it was between two runs when systemd listed it, and is not any more
        ([("auto-restart", "start", 7), ("start", "start", 7)], State.STARTING),
        ([("auto-restart", "start", 7), ("auto-restart", "auto-restart", 0)], State.BACKOFF),
        # the worker has ended since
        ([("running", "running", 0), ("auto-restart", "auto-restart", 0)], State.BACKOFF),
        ([("running", "running", 0), ("running", "running", 8)], State.RUNNING),
        # it never stands still
        ([("auto-restart", "start", 7)] * 9, State.BACKOFF),
    ],
)
def test_a_unit_that_changes_is_looked_at_again(
    moments: list[tuple[str, str, int]], expected: State
) -> None:
    """systemd answers question after question, and its units go on between two answers."""
    left = iter(moments)

    class Moving(Bus):
        def units(self, _patterns: list[str]) -> list[Unit]:
            listed, sub, pid = next(left)
            self._found.update(SubState=sub, MainPID=pid)
            active = "active" if listed == "running" else "activating"
            return [Unit("w@00.service", "loaded", active, listed)]

    bus: Any = Moving("", "", {"ExecMainStartTimestampMonotonic": 5})
    (found,) = processes(bus, [Instance("w", "w", "w@00.service")])
    assert found.state is expected


NOON = time.mktime((1971, 2, 5, 12, 0, 0, 0, 0, -1))


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize(
    ("past", "state", "text"),
    [
        (PastEnd(NOON, exited=False), State.STOPPED, "Feb 05 12:00 PM"),
        (PastEnd(NOON, exited=True), State.EXITED, "Feb 05 12:00 PM"),
        (None, State.STOPPED, "Not started"),
    ],
)
def test_ends_that_systemd_has_forgotten(
    loaded: bool,
    past: PastEnd | None,
    state: State,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If systemd knows of no end of a unit, because it was not loaded all the time, others may."""
    known = {} if past is None else {"w@00.service": past}
    monkeypatch.setattr("wctl.operate.past_ends.past_ends", lambda *_a, **_o: known)
    bus: Any = Bus("inactive", "dead", {"InactiveEnterTimestamp": 0})
    if not loaded:
        monkeypatch.setattr(bus, "units", lambda _patterns: [])
    (found,) = processes(bus, [Instance("w", "w", "w@00.service")])
    assert (found.state, found.description, found.pid) == (state, text, 0)


@pytest.mark.parametrize("active", ["active", "reloading", "refreshing"])
def test_a_worker_that_reloads_shows_its_uptime(
    active: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RUNNING looks the same while the worker reloads its configuration."""
    monkeypatch.setattr(time, "clock_gettime_ns", lambda _clock: 3_700_000_000_000)
    found = shown(active, "x", MainPID=7, ExecMainStartTimestampMonotonic=39_000_000)
    assert (found.state, found.description) == (State.RUNNING, "pid 7, uptime 1:01:01")


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (200, "its directory cannot be entered"),
        (203, "its command cannot be executed"),
        (216, "its group is missing or cannot be set"),
        (217, "its user is missing or cannot be set"),
        (233, "its runtime directory cannot be set up"),
        (1, "see 'systemctl --user status w@00'"),
    ],
)
def test_why_systemd_cannot_run_it(status: int, why: str) -> None:
    """An exit code of systemd's own says no more than it means: 203 is any failed exec."""
    found = {**RAN, **LIMITED, "ActiveExitTimestampMonotonic": 0, "ExecMainStatus": status}
    assert shown("failed", "failed", **found).description == f"systemd cannot run it: {why}"


def test_an_environment_file_that_is_missing_is_named(tmp_path: Path) -> None:
    """If systemd could not create a process, the cause may be a file that it has to read."""
    (tmp_path / "there").touch()
    general = "see 'systemctl --user status w@00'"
    for files, why in (
        ([], general),
        ([("there", False), ("optional", True), ("gone*", False)], general),
        ([("there/gone", False)], f"its environment file {tmp_path}/there/gone is missing"),
        (
            [("optional", True), ("a\x1b", False)],
            f"its environment file {tmp_path}/a is missing",
        ),
    ):
        paths = [(f"{tmp_path}/{name}", optional) for name, optional in files]
        found = {**RAN, "Result": "resources", "EnvironmentFiles": paths}
        assert shown("failed", "failed", **found).description == f"systemd cannot run it: {why}"


@pytest.mark.parametrize("counted", [False, True])
def test_exit_codes_of_a_worker_are_its_own(
    counted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker may exit with a code of systemd's before it is ready: the wrapper has counted it.

    However many restarts there were before, systemd tries again, so it has hit no limit.
    """
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    if counted:
        (tmp_path / "wctl/w@00.service").mkdir(parents=True)
        (tmp_path / "wctl/w@00.service/failed-starts").write_text("1")
    found = {**RESTARTED, **LIMITED, "ActiveExitTimestampMonotonic": 0, "ExecMainStatus": 217}
    between = shown("activating", "auto-restart", **found)
    systemds = "systemd cannot run it: its user is missing or cannot be set"
    own = "Exited too quickly (process log may have details)"
    assert (between.state, between.description) == (State.BACKOFF, own if counted else systemds)
    other = shown("activating", "auto-restart", **{**found, "ExecMainStatus": 1})
    assert other.description == own


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0:00:00"),
        (59, "0:00:59"),
        (3_661, "1:01:01"),
        (86_400, "1 day, 0:00:00"),
        (200_000, "2 days, 7:33:20"),
        (-5, "0:00:00"),
    ],
)
def test_uptime(seconds: int, expected: str) -> None:
    """Uptime is written as supervisorctl writes it."""
    assert uptime(seconds) == expected


def test_a_unit_that_remains_has_the_time_of_its_workers_end() -> None:
    """With RemainAfterExit= the unit is active still, so it has not become inactive."""
    ended = 1_600_000_000
    found = shown("active", "exited", ExecMainExitTimestamp=ended * 1_000_000)
    assert found.state is State.EXITED
    assert found.description == time.strftime("%b %d %I:%M %p", time.localtime(ended))


@pytest.mark.parametrize("active", ["inactive", "failed"])
@pytest.mark.parametrize(
    ("job", "expected"),
    [("start", State.STARTING), ("restart", State.STARTING), ("stop", State.STOPPED)],
)
def test_a_start_that_waits_is_starting(active: str, job: str, expected: State) -> None:
    """systemd has a job that waits for another unit's (After=); Supervisor has no such wait."""
    unit = Unit("w@00.service", "loaded", active, "dead", job)
    assert state_of(unit, {}) is expected
