"""Starts, stops, scaling: jobs asked of systemd, and their ends waited for.

Nothing here prints. Each operation yields what happens as it happens, and can be run again after
it was interrupted: what it has done by then is in systemd, or in files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from typing import Union

from wctl.install.files import make_durable
from wctl.install.installed import Installed
from wctl.operate.inventory import Inventory
from wctl.operate.lock import exclusive
from wctl.systemd.manager import JOBS_AT_ONCE, Manager

# ActiveState of a unit that has been READY; and of one that is on its way, or waits for a try.
_UP = ("active", "reloading", "refreshing")
_ALIVE = (*_UP, "activating")
_TICK = 1.0  # seconds between two signs of life while jobs run


class Verb(str, Enum):
    """What happens to a unit."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"


@dataclass(frozen=True)
class Begun:
    """Jobs have been asked for."""

    verb: Verb
    units: tuple[str, ...]


@dataclass(frozen=True)
class Ended:
    """One job has ended. ``result`` is systemd's: done, failed, timeout, canceled …"""

    verb: Verb
    unit: str
    result: str

    @property
    def ok(self) -> bool:
        """Whether the unit is as it was asked to be."""
        return self.result == "done"


@dataclass(frozen=True)
class Waiting:
    """Nothing has happened for a second; these units' jobs go on."""

    verb: Verb
    units: tuple[str, ...]


@dataclass(frozen=True)
class Said:
    """Something to tell that is not a job: ``what`` happened to ``name``."""

    name: str
    what: str


Event = Union[Begun, Waiting, Ended, Said]


class Jobs:
    """Jobs of one verb that systemd is asked for, no more at a time than it can keep track of."""

    def __init__(self, manager: Manager, verb: Verb, units: Sequence[str]) -> None:
        """Ask for the first of them, which mostly is all."""
        self._manager = manager
        self._verb = verb
        self._units = tuple(units)
        self._left = list(units)  # to ask for
        self._waiting: dict[str, str] = {}  # unit by job
        self._refused: dict[str, str] = {}  # why, by unit
        self._begun = not units
        self._ask()

    def asked(self) -> Iterator[Event]:
        """Yield what happens until systemd has been asked for all of them."""
        while self._left:
            yield from self._next()
            self._ask()

    def ended(self) -> Iterator[Event]:
        """Yield the ends of those that are left, as they come."""
        yield from self.begun()
        while self._waiting:
            yield from self._next()

    def begun(self) -> Iterator[Event]:
        """Yield that they have been asked for, and which of them systemd refused."""
        if not self._begun:
            self._begun = True
            yield Begun(self._verb, self._units)
        while self._refused:
            yield Ended(self._verb, *self._refused.popitem())

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
        """Wait for the next job's end, no longer than a tick."""
        yield from self.begun()
        if not self._waiting:
            return
        ended = self._manager.wait(self._waiting, timeout=_TICK)
        if ended is None:
            yield Waiting(self._verb, tuple(self._waiting.values()))
        else:
            yield Ended(self._verb, self._waiting.pop(ended[0]), ended[1])


def run(
    manager: Manager, verb: Verb, units: Sequence[str], *, wait: bool = True
) -> Iterator[Event]:
    """Start, stop or restart ``units``, and yield each as it ends."""
    jobs = Jobs(manager, verb, units)
    yield from jobs.asked()
    yield from jobs.ended() if wait else jobs.begun()


def rolling(manager: Manager, units: Sequence[str], batch: int) -> Iterator[Event]:
    """Restart ``units``, at most ``batch`` at a time; stop at the first that is not ready again."""
    for first in range(0, len(units), batch):
        failed = False
        for event in run(manager, Verb.RESTART, units[first : first + batch]):
            yield event
            failed = failed or (isinstance(event, Ended) and not event.ok)
        if failed:
            left = units[first + batch :]
            if left:
                names = ", ".join(unit[: -len(".service")] for unit in left)
                yield Said("stopped at the first failure", f"not restarted: {names}")
            return


def hold(manager: Manager, members: Iterable[tuple[str, str]]) -> None:
    """Mark the targets of these (program, group) as active: some of their instances run.

    An active target hands its stop on to its members, and keeps them loaded: systemd forgets how
    an unloaded unit has ended.
    """
    for name in sorted({name for pair in members for name in pair}):
        manager.activate(f"{name}.target", True)


def release(manager: Manager, inventory: Inventory, members: Iterable[tuple[str, str]]) -> None:
    """Mark the targets as inactive that no running instance is left of.

    Else "systemctl start NAME.target" would do nothing: for systemd it has been started.
    """
    for name in sorted({name for pair in members for name in pair}):
        programs = [each.name for each in inventory.programs if name in (each.name, each.group)]
        if not any(_units(manager, program, _ALIVE) for program in programs):
            manager.activate(f"{name}.target", False)


def scale(
    manager: Manager, inventory: Inventory, program: Installed, count: int, *, wait: bool = True
) -> Iterator[Event]:
    """Have ``count`` instances of ``program``: enabled and running; touch only the difference.

    Enablement comes first: whatever interrupts us, the next boot, or the next call, goes by the
    new number. The lock is held until systemd has been asked for all, not until all are ready.
    """
    waits = Said(program.name, "waiting for another wctl")
    said: list[Event] = []
    with ExitStack() as afterwards:
        with exclusive(user=manager.user, waiting=lambda: said.append(waits)):
            change = _resize(manager, inventory, program, range_of(program, count))
            # Of one that is still starting, another start is the wait for that.
            up = {each for each in change.all if inventory.active(each) in _UP}
            missing = [each for each in change.wanted if each not in up]
            # A reload takes systemd longer the more is loaded, and it does nothing else meanwhile,
            # a start in its first milliseconds included. So nobody waits for it where few are
            # started; before very many it is short, afterwards it would be long.
            if change.stale and len(missing) <= max(len(up), JOBS_AT_ONCE):
                afterwards.callback(manager.begin_reload)
            elif change.stale:
                manager.reload()
            if count:
                hold(manager, [(program.name, program.group)])
            starts = Jobs(manager, Verb.START, missing)
            alive = [each for each in change.surplus if inventory.active(each) in _ALIVE]
            stops = Jobs(manager, Verb.STOP, alive)
            yield from said
            yield from starts.asked()
            yield from stops.asked()
        for jobs in (starts, stops):
            yield from jobs.ended() if wait else jobs.begun()
        if not count:
            release(manager, inventory, [(program.name, program.group)])


@dataclass(frozen=True)
class Change:
    """The units of a program that is resized: those wanted, and the rest, highest number first."""

    wanted: tuple[str, ...]
    surplus: tuple[str, ...]
    stale: bool  # whether systemd has to be reloaded to know which are enabled

    @property
    def all(self) -> tuple[str, ...]:
        """Every unit of the program that was, or is to be."""
        return self.wanted + self.surplus


def range_of(program: Installed, count: int) -> range:
    """Return the numbers of ``count`` instances."""
    return range(program.numprocs_start, program.numprocs_start + count)


def _resize(manager: Manager, inventory: Inventory, program: Installed, numbers: range) -> Change:
    """Enable the instances of these numbers and no others, in one batch."""
    inventory.refresh()
    name = program.name
    program = inventory.program(name)
    before = set(inventory.numbers(program)) | set(program.enabled)
    missing = [program.instance(number) for number in numbers if number not in program.enabled]
    dropped = [program.instance(number) for number in program.enabled if number not in numbers]
    manager.enable(missing)
    manager.disable(dropped)
    if missing or dropped:
        # These links are the only record of the number that was asked for.
        for directory in (inventory.layout.units / f"{name}.target.wants", inventory.layout.units):
            make_durable(directory)
    wanted = tuple(program.instance(number) for number in numbers)
    return Change(
        wanted=wanted,
        surplus=tuple(program.instance(n) for n in sorted(before - set(numbers), reverse=True)),
        stale=_known(manager, program) != set(wanted),
    )


def _known(manager: Manager, program: Installed) -> set[str]:
    """Return the instances that systemd would start with their target.

    It reads the links only when it is reloaded, which somebody may have been killed before.
    """
    target = f"{program.name}.target"
    wants = manager.properties([(target, ("Wants",))])[target]["Wants"]
    return {unit for unit in wants if program.number(unit) is not None}


def rescale(
    manager: Manager,
    inventory: Inventory,
    name: str,
    numbers: range,
    new: Sequence[str],
    *,
    wait: bool,
) -> Iterator[Event]:
    """Follow a changed numprocs: start the ``new`` ones, never one that was stopped by hand."""
    inventory.refresh()
    change = _resize(manager, inventory, inventory.program(name), numbers)
    if change.stale:
        manager.reload()
    active = _units(manager, name, _ALIVE)
    yield from run(manager, Verb.START, [unit for unit in new if unit not in active], wait=wait)
    surplus = [unit for unit in change.surplus if unit in active]
    yield from run(manager, Verb.STOP, surplus, wait=wait)


def ready(manager: Manager, program: str) -> list[str]:
    """Return the units of ``program`` that are READY."""
    return sorted(_units(manager, program, _UP))


def running(manager: Manager, program: str) -> list[str]:
    """Return the units of ``program`` that are up, or on their way."""
    return sorted(_units(manager, program, _ALIVE))


def _units(manager: Manager, program: str, states: tuple[str, ...]) -> set[str]:
    return {unit.name for unit in manager.units([f"{program}@*.service"]) if unit.active in states}
