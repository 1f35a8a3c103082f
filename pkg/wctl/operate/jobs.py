"""Start, stop and restart jobs: ask systemd for them, and wait until they end.

Nothing here prints. Each operation yields events as they happen. The user can run an interrupted
operation again, because systemd, or a file, holds everything that it has done so far.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from signal import SIGKILL
from typing import Any, Union

from wctl.operate import forced_stops
from wctl.systemd import unit_name
from wctl.systemd.bus import CallError
from wctl.systemd.log import note
from wctl.systemd.manager import JOBS_AT_ONCE, Manager, Unit
from wctl.systemd.quantities import known
from wctl.trust import accounts

_FEW = 10  # instances that a note names
_TICK = 1.0  # seconds between two signs of life while jobs run
# A process of a unit may put off systemd's limits for ever (EXTEND_TIMEOUT_USEC=, sd_notify(3)). We
# do not wait for ever: how long after the limit a unit that stops is killed, and how long after it
# we give up. The waits between tries of a failing start also put off the limit.
_KILL, _GIVE_UP, _GIVE_UP_START = 5.0, 15.0, 90.0  # seconds
_LIMITS = (
    "ActiveState",
    "SubState",
    "StateChangeTimestampMonotonic",
    "TimeoutStartUSec",
    "TimeoutStopUSec",
)


class Verb(str, Enum):
    """The kind of a job: what systemd does with a unit."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"


@dataclass(frozen=True)
class Begun:
    """wctl has asked systemd for jobs."""

    verb: Verb
    units: tuple[str, ...]
    # Seconds since the epoch; what was logged before is not about these jobs.
    since: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class Ended:
    """One job has ended.

    ``result`` is systemd's (done, failed, timeout, canceled …), or why systemd refused the job.
    ``killed`` tells after how many seconds systemd killed a worker that did not stop by itself.
    """

    verb: Verb
    unit: str
    result: str
    killed: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the job has succeeded."""
        return self.result == "done"


@dataclass(frozen=True)
class Waiting:
    """No job has ended for a second; the jobs of ``units`` still run."""

    verb: Verb
    units: tuple[str, ...]


@dataclass(frozen=True)
class Said:
    """A message that is not about a job: ``what`` happened to ``name``."""

    name: str
    what: str


Event = Union[Begun, Waiting, Ended, Said]


class Jobs:
    """Jobs of one verb; systemd gets no more of them at a time than it can keep track of."""

    def __init__(self, manager: Manager, verb: Verb, units: Sequence[str]) -> None:
        """Ask systemd for the first jobs, which are usually all of them."""
        self._manager = manager
        self._verb = verb
        self._units = tuple(units)
        self._left = list(units)  # not asked for yet
        self._waiting: dict[str, str] = {}  # unit by job
        self._refused: dict[str, str] = {}  # systemd's reason by unit
        self._begun = not units
        self._since = time.time()
        self._start = time.monotonic()
        self._next_look = self._start + _KILL
        self._note()
        self._ask()

    def asked(self) -> Iterator[Event]:
        """Yield events until systemd has been asked for all jobs."""
        while self._left:
            yield from self._next()
            self._ask()

    def ended(self) -> Iterator[Event]:
        """Yield events until all jobs have ended."""
        yield from self.begun()
        while self._waiting:
            yield from self._next()

    def begun(self) -> Iterator[Event]:
        """Yield Begun, once, and an Ended for each job that systemd refused."""
        if not self._begun:
            self._begun = True
            yield Begun(self._verb, self._units, self._since)
        while self._refused:
            yield Ended(self._verb, *self._refused.popitem())

    def _note(self) -> None:
        """Note in the journal who has asked for the jobs: systemd does not know."""
        by_program: dict[str, list[str]] = {}
        for unit in self._units:
            program, _, number = unit_name.short(unit).rpartition("@")
            if program:  # not of a socket unit
                by_program.setdefault(program, []).append(number)
        for program, numbers in by_program.items():
            few = len(numbers) <= _FEW
            which = ", ".join(numbers) if few else f"{len(numbers)} instances"
            asked = f"{self._verb.value} of {which}, asked for by {accounts.at_work()}"
            if not note(program, asked):
                return

    def _ask(self) -> None:
        manager = self._manager
        ask = {Verb.START: manager.start, Verb.STOP: manager.stop, Verb.RESTART: manager.restart}
        units = self._left[: JOBS_AT_ONCE - len(self._waiting)]
        if units:
            del self._left[: len(units)]
            jobs, refused = ask[self._verb](units)
            self._waiting.update((job, unit) for unit, job in jobs.items())
            self._refused.update(refused)

    def _next(self) -> Iterator[Event]:
        """Wait until a job ends, but no longer than a tick."""
        yield from self.begun()
        if not self._waiting:
            return
        ended = self._manager.wait(self._waiting, timeout=_TICK)
        if ended is not None:
            unit, result = self._waiting.pop(ended[0]), ended[1]
            yield Ended(self._verb, unit, result, self._killed(unit, result))
            return
        yield Waiting(self._verb, tuple(self._waiting.values()))
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _KILL
            yield from self._overdue()

    def _killed(self, unit: str, result: str) -> float | None:
        lasted = time.monotonic() - self._start
        if self._verb is Verb.STOP:
            return forced_stops.of_stop(self._manager, unit, lasted)
        if self._verb is Verb.RESTART and result == "done":
            return forced_stops.of_restart(self._manager, unit, self._since, lasted)
        return None

    def _overdue(self) -> Iterator[Event]:
        """Kill units that do not stop in time; yield an Ended for those that we do not wait for."""
        found = self._manager.properties((unit, _LIMITS) for unit in self._waiting.values())
        now = time.monotonic() * 1e6
        for job, unit in tuple(self._waiting.items()):
            late = _late(found[unit], now)
            stopping = found[unit]["ActiveState"] == "deactivating"
            if late > (_GIVE_UP if stopping else _GIVE_UP_START):
                del self._waiting[job]
                yield Ended(self._verb, unit, "timeout")
            elif stopping and late > _KILL:
                with suppress(CallError):  # it has ended meanwhile
                    self._manager.kill(unit, SIGKILL, "all")


def _late(found: Mapping[str, Any], now: float) -> float:
    """Return for how many seconds a unit has been in a step longer than systemd's limit allows.

    ``now`` is in microseconds of CLOCK_MONOTONIC. A unit that waits for another one is not late.
    """
    if found["ActiveState"] == "deactivating":
        limit = known(found["TimeoutStopUSec"])
    elif found["SubState"] in ("start-pre", "start", "start-post"):
        limit = known(found["TimeoutStartUSec"])
    else:
        limit = None
    return 0.0 if limit is None else (now - found["StateChangeTimestampMonotonic"] - limit) / 1e6


def run(
    manager: Manager, verb: Verb, units: Sequence[str], *, wait: bool = True
) -> Iterator[Event]:
    """Start, stop or restart ``units``, and yield an event as each job ends."""
    jobs = Jobs(manager, verb, units)
    yield from jobs.asked()
    yield from jobs.ended() if wait else jobs.begun()


def units_of(manager: Manager, program: str) -> list[Unit]:
    """Return the loaded units of ``program``, as they are now."""
    return sorted(manager.units([f"{program}@*.service"]), key=lambda unit: unit.name)
