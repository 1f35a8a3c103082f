"""jobs: how many jobs wctl asks systemd for at a time, and the events that it reports."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import pytest

from wctl.operate import jobs
from wctl.operate.jobs import Begun, Ended, Event, Verb, Waiting, run
from wctl.systemd.manager import JOBS_AT_ONCE


class Bus:
    """Stands in for the manager: its oldest job ends next."""

    def __init__(self, refuses: str = "", slow: bool = False) -> None:
        self.refuses = refuses
        self.asked: list[str] = []
        self.pending: list[str] = []
        self.most = 0
        self._slow = slow

    def start(self, units: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
        self.asked += units
        refused = {unit: "masked" for unit in units if unit == self.refuses}
        jobs = {unit: f"/job/{unit}" for unit in units if unit not in refused}
        self.pending += jobs.values()
        self.most = max(self.most, len(self.pending))
        return jobs, refused

    stop = restart = start

    def wait(self, jobs: Collection[str], timeout: float) -> tuple[str, str] | None:
        assert timeout > 0
        assert set(jobs) == set(self.pending)
        if self._slow:
            self._slow = False
            return None
        return self.pending.pop(0), "done"


def told(bus: Bus, units: Sequence[str], *, wait: bool = True) -> list[Event]:
    """Returns the events of a start of these units."""
    return list(run(bus, Verb.START, units, wait=wait))  # type: ignore[arg-type] # what is used


@pytest.mark.parametrize("count", [1, JOBS_AT_ONCE, JOBS_AT_ONCE + 1, 5 * JOBS_AT_ONCE])
def test_all_are_asked_for_and_never_too_many_at_a_time(count: int) -> None:
    """systemd never has more than JOBS_AT_ONCE jobs of ours, and all units get theirs."""
    bus = Bus()
    units = tuple(f"w@{number:02d}.service" for number in range(count))
    expected = [Begun(Verb.START, units), *(Ended(Verb.START, unit, "done") for unit in units)]
    assert told(bus, units) == expected
    assert (tuple(bus.asked), bus.most) == (units, min(count, JOBS_AT_ONCE))


def test_nothing_happens_to_no_units() -> None:
    """Without units there are no events."""
    assert told(Bus(), ()) == []


def test_without_waiting_it_ends_as_soon_as_all_are_asked_for() -> None:
    """Without waiting, only the jobs end that make room for the last."""
    bus = Bus()
    units = tuple(f"w@{number:02d}.service" for number in range(JOBS_AT_ONCE + 10))
    assert len(told(bus, units, wait=False)) == 1 + 10
    assert (len(bus.asked), len(bus.pending)) == (len(units), JOBS_AT_ONCE)


@pytest.mark.parametrize("wait", [True, False])
def test_what_systemd_refuses_has_ended(wait: bool) -> None:
    """A refused job has ended, with systemd's reason as its result."""
    bus = Bus(refuses="b")
    assert told(bus, ("a", "b"), wait=wait)[:2] == [
        Begun(Verb.START, ("a", "b")),
        Ended(Verb.START, "b", "masked"),
    ]


def test_a_tick_without_news_names_what_is_waited_for() -> None:
    """If no job ends within a tick, the event names the units whose jobs still run."""
    events = told(Bus(slow=True), ("a", "b"))
    assert events[1] == Waiting(Verb.START, ("a", "b"))


# ---- limits that a worker puts off ---------------------------------------------------------------


class Stuck(Bus):
    """Stands in for the manager: a unit is in a step for long, and does not end by itself."""

    def __init__(self, active: str, sub: str, seconds: float, *, dies: bool = True) -> None:
        super().__init__()
        self.killed: list[tuple[str, int, str]] = []
        self._dies = dies
        self._seconds = seconds
        self._found = {
            "ActiveState": active,
            "SubState": sub,
            "TimeoutStartUSec": 30_000_000,
            "TimeoutStopUSec": 10_000_000,
        }
        self.ticks = 0

    def properties(self, wanted: Iterable[tuple[str, Sequence[str]]]) -> dict[str, dict[str, Any]]:
        since = int((time.monotonic() - self._seconds) * 1e6)
        return {unit: {**self._found, "StateChangeTimestampMonotonic": since} for unit, _ in wanted}

    def kill(self, unit: str, signal: int, whom: str) -> None:
        self.killed.append((unit, signal, whom))

    def wait(self, jobs: Collection[str], timeout: float) -> tuple[str, str] | None:
        self.ticks += 1
        if (self.killed and self._dies) or self.ticks > 3:
            return self.pending.pop(0), "done"
        return None


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets wctl look at limits at each tick."""
    monkeypatch.setattr(jobs, "_KILL", 0.0)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("stuck", "killed", "result"),
    [
        (Stuck("deactivating", "stop-sigterm", 12), True, "done"),
        (Stuck("deactivating", "stop-sigterm", 9), False, "done"),  # within its limit
        (Stuck("deactivating", "stop-sigkill", 30, dies=False), False, "timeout"),
        (Stuck("activating", "start", 29), False, "done"),
        (Stuck("activating", "start", 90), False, "done"),  # waits before its next try, perhaps
        (Stuck("activating", "start", 130), False, "timeout"),
        (Stuck("activating", "auto-restart", 1000), False, "done"),
        (Stuck("active", "running", 1000), False, "done"),  # its stop waits for another unit's
    ],
)
def test_a_limit_that_is_put_off(stuck: Stuck, killed: bool, result: str) -> None:
    """A unit that does not stop in time is killed; none is waited for without an end."""
    *_, last = told(stuck, ("w",))
    assert last == Ended(Verb.START, "w", result)
    assert stuck.killed == ([("w", 9, "all")] if killed else [])
