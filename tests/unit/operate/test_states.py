"""states: Supervisor's word for systemd's states of a unit, and for how the unit ended."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from wctl.install.installed import Instance
from wctl.operate.states import State, processes, state_of, uptime
from wctl.systemd.manager import Unit

# Every SubState of a service, from systemd 249 to 262, by ActiveState ("systemctl --state=help").
SUB_STATES = {
    State.STARTING: [
        ("activating", sub) for sub in ("condition", "start-pre", "start", "start-post")
    ],
    State.BACKOFF: [("activating", "auto-restart"), ("activating", "auto-restart-queued")],
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


class Bus:
    """Stands in for the manager: one unit that systemd could not run."""

    def __init__(self, status: int) -> None:
        self._found = {**RAN, "ActiveExitTimestampMonotonic": 0, "ExecMainStatus": status}

    def units(self, _patterns: list[str]) -> list[Unit]:
        return [Unit("w@00.service", "loaded", "failed", "failed")]

    def properties(self, wanted: list[tuple[str, Any]]) -> dict[str, dict[str, Any]]:
        return {unit: self._found for unit, _ in wanted}


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (200, "its directory cannot be entered"),
        (203, "its command cannot be executed"),
        (217, "its user is missing"),
    ],
)
def test_why_systemd_cannot_run_it(status: int, why: str) -> None:
    """An exit code of systemd's own says no more than it means: 203 is any failed exec."""
    bus: Any = Bus(status)
    (found,) = processes(bus, [Instance("w", "w", "w@00.service")])
    assert found.description == f"systemd cannot run it: {why}"


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
