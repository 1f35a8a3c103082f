"""jobs: how many jobs wctl asks systemd for at a time, and the events that it reports."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pytest

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
