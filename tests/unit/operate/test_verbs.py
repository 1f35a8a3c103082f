"""verbs: what wctl does before each start and after each stop, for every caller."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from wctl.install.installed import Instance, Layout
from wctl.operate import jobs, states, verbs
from wctl.operate.inventory import Inventory
from wctl.operate.jobs import Ended, Event, Said
from wctl.operate.selection import Choice, Selection, select
from wctl.operate.states import Process, State
from wctl.systemd.bus import CallError
from wctl.systemd.manager import Unit
from wctl.units.marker import MARK

W0, W1 = (Instance("w", "g", f"w@{number:02d}.service") for number in range(2))


class Bus:
    """Stands in for the manager: notes the requests in their order."""

    def __init__(self, fails: str = "", **active: str) -> None:
        self.active = {f"w@0{name[1]}.service": state for name, state in active.items()}
        self.fails = fails
        self.result = "success"
        self.run = 0, 0, 0  # microseconds: when its process began, when it left active, and ended
        self.asked: list[tuple[object, ...]] = []
        self._ends: list[str] = []

    def properties(self, wanted: Iterable[tuple[str, Iterable[str]]]) -> dict[str, Any]:
        values = {"Result": self.result, "TimeoutStopUSec": 15_000_000}
        for name, moment in zip(("ExecMainStart", "ActiveExit", "ExecMainExit"), self.run):
            values[f"{name}TimestampMonotonic"] = moment
        return {unit: {name: values[name] for name in names} for unit, names in wanted}

    def units(self, patterns: Sequence[str]) -> list[Unit]:
        return [Unit(name, "loaded", state, "") for name, state in self.active.items()]

    def _jobs(self, verb: str, units: Sequence[str], then: str) -> tuple[dict[str, str], Any]:
        self.asked.append((verb, *units))
        self.active.update(dict.fromkeys(units, then))
        self._ends += units
        return {unit: unit for unit in units}, {}

    def start(self, units: Sequence[str]) -> tuple[dict[str, str], Any]:
        return self._jobs("start", units, "active")

    def restart(self, units: Sequence[str]) -> tuple[dict[str, str], Any]:
        return self._jobs("restart", units, "active")

    def stop(self, units: Sequence[str]) -> tuple[dict[str, str], Any]:
        return self._jobs("stop", units, "inactive")

    def wait(self, jobs: Collection[str], timeout: float) -> tuple[str, str]:
        unit = self._ends.pop(0)
        return unit, "failed" if unit == self.fails else "done"

    def reset_failed(self, units: Iterable[str]) -> None:
        self.asked.append(("reset", *units))

    def activate(self, target: str) -> None:
        self.asked.append(("hold", target))

    def deactivate(self, targets: Sequence[str]) -> None:
        self.asked += [("release", target) for target in targets]

    def kill(self, unit: str, number: int) -> None:
        self.asked.append(("kill", unit, number))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """The program w in the group g, and another program in that group."""
    for name in ("w", "other"):
        text = f"# {MARK} from x.conf.\n[Unit]\nX-Wctl-Group=g\n"
        (tmp_path / f"{name}@.service").write_text(text)
    return Layout(False, tmp_path, (), tmp_path, tmp_path / "env")


Verb = Callable[..., Iterator[Event]]


def asked(bus: Bus, layout: Layout, verb: Verb, *instances: Instance) -> list[tuple[object, ...]]:
    """Returns the requests to systemd."""
    manager: Any = bus
    more = {"batch": 1} if verb is verbs.rolling else {}
    list(verb(manager, Inventory(layout, manager), instances, **more))
    return bus.asked


HELD = [("hold", "g.target"), ("hold", "w.target")]


@pytest.mark.parametrize("verb", [verbs.start, verbs.restart])
def test_starts_forget_failures_and_hold_the_targets(layout: Layout, verb: Verb) -> None:
    """Each verb that starts resets failed instances, and only these, and activates the targets."""
    bus = Bus(_0="failed", _1="inactive")
    expected = [("reset", W0.unit), *HELD, (verb.__name__, W0.unit, W1.unit)]
    assert asked(bus, layout, verb, W0, W1) == expected


def test_rolling_goes_by_batches_and_stops_at_the_first_failure(layout: Layout) -> None:
    """wctl names the instances that it has not restarted."""
    manager: Any = Bus(fails=W0.unit, _0="active", _1="active")
    events = list(verbs.rolling(manager, Inventory(layout, manager), [W0, W1], 1))
    assert manager.asked == [("reset",), *HELD, ("restart", W0.unit)]
    ended, said = events[1:]
    assert isinstance(ended, Ended) and not ended.ok
    assert said == Said("rolling restart", "stopped at the first failure; not restarted: w@01")


def test_stop_releases_the_targets_of_the_last_instance(layout: Layout) -> None:
    """wctl marks the targets as inactive when the last instance has stopped, and not before."""
    bus = Bus(_0="active", _1="active")
    assert asked(bus, layout, verbs.stop, W0) == [("stop", W0.unit)]
    bus.asked.clear()
    expected = [("stop", W1.unit), ("release", "g.target"), ("release", "w.target")]
    assert asked(bus, layout, verbs.stop, W1) == expected


# ---- what is done of what the user asks for ------------------------------------------------------

UNDONE = {
    "start": {State.STARTING, State.RUNNING, State.BACKOFF},
    "stop": {State.STOPPED, State.EXITED, State.FATAL, State.UNKNOWN},
    "restart": set[State](),
    "rolling": {State.STOPPED, State.STOPPING, State.EXITED, State.FATAL, State.UNKNOWN},
    "signal": {State.STOPPED, State.BACKOFF, State.EXITED, State.FATAL, State.UNKNOWN},
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("verb", UNDONE)
@pytest.mark.parametrize("many", [False, True], ids=["named", "of-a-set"])
def test_what_is_done_in_which_state(
    monkeypatch: pytest.MonkeyPatch, verb: str, state: State, many: bool
) -> None:
    """An instance that the user has named is refused aloud; one of "all" or a group, silently."""
    process = Process("w", "g", W0.unit, state, "")
    monkeypatch.setattr(states, "processes", lambda *_a, **_o: [process])
    rule = getattr(verbs, verb.upper())
    manager: Any = None
    found = verbs.request(manager, rule, Selection((Choice((W0,), many),)))
    undone = state in UNDONE[verb]
    assert found.chosen == (() if undone else (process,))
    word = "already started" if verb == "start" else "not running"
    assert found.refused == ((("w@00", word),) if undone and not many else ())


def test_a_program_that_is_scaled_to_0_is_told(layout: Layout) -> None:
    """A user who names it hears of it; as one of a set it is left out."""
    manager: Any = Bus()
    inventory = Inventory(layout, manager)
    requests = {
        word: verbs.request(manager, verbs.START, select(inventory, [word]))
        for word in ("w", "g", "g:*", "all", "w*")
    }
    assert all(not (found.chosen or found.refused) for found in requests.values())
    assert [word for word, found in requests.items() if found.empty] == ["w"]
    assert requests["w"].empty == ("w",)


@pytest.mark.parametrize("name", ["NoSuchProcess", "NoSuchUnit"])
def test_a_worker_that_has_just_ended_gets_no_signal(name: str) -> None:
    """systemd says that there is no process; other refusals are errors."""
    manager: Any = Bus()
    assert verbs.signal(manager, W0.unit, 10)
    assert manager.asked == [("kill", W0.unit, 10)]
    refuse(manager, f"org.freedesktop.systemd1.{name}")
    assert not verbs.signal(manager, W0.unit, 10)
    refuse(manager, "org.freedesktop.DBus.Error.AccessDenied")
    with pytest.raises(CallError):
        verbs.signal(manager, W0.unit, 10)


def refuse(manager: Any, error: str) -> None:
    def kill(_unit: str, _number: int) -> None:
        raise CallError(error, "no")

    manager.kill = kill


# ---- stops that were not graceful ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "run", "killed"),
    [
        ("success", (1_000, 2_000, 3_000), None),
        ("timeout", (1_000, 2_000, 15_002_000), 15.0),
        ("timeout", (1_000, 2_000, 6_002_000), None),  # too old, but it ended in time
        ("timeout", (2_000, 1_000, 90_000_000), None),  # it was not ready, and waited
    ],
)
def test_a_stop_tells_whether_systemd_had_to_kill(
    layout: Layout, result: str, run: tuple[int, int, int], killed: float | None
) -> None:
    """Only a worker that did not end within stopwaitsecs was killed; Result= alone says less."""
    manager: Any = Bus(_0="active")
    manager.result, manager.run = result, run
    ended = list(verbs.stop(manager, Inventory(layout, manager), [W0]))[-1]
    assert ended == Ended(jobs.Verb.STOP, W0.unit, "done", killed)


def test_a_request_does_not_ask_the_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal may take seconds, and a stopped worker may be started however it has ended."""

    def fail(*_arguments: object, **_options: object) -> None:
        raise AssertionError("past_ends")

    monkeypatch.setattr("wctl.operate.past_ends.past_ends", fail)
    manager: Any = Bus()
    manager.user = True
    found = verbs.request(manager, verbs.START, Selection((Choice((W0,), False),)))
    assert [process.unit for process in found.chosen] == [W0.unit]
