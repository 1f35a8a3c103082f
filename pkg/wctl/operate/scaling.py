"""The number of a program's instances: scaling enables and starts, or disables and stops."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from wctl.install.files import make_durable
from wctl.install.installed import Installed
from wctl.operate.inventory import Inventory
from wctl.operate.jobs import Event, Jobs, Verb, run, units_of
from wctl.operate.lock import exclusive
from wctl.operate.verbs import prepare, release
from wctl.systemd.manager import JOBS_AT_ONCE, Manager


def scale(
    manager: Manager,
    inventory: Inventory,
    program: Installed,
    count: int,
    *,
    wait: bool = True,
    waiting: Callable[[], None] = lambda: None,
) -> Iterator[Event]:
    """Enable and run exactly ``count`` instances of ``program``; touch only the difference.

    Enabling comes first: if we are interrupted, the next boot and the next call go by the new
    number. We hold the lock until we have asked systemd for all jobs, not until all are done. We
    call ``waiting`` first if another wctl holds it.
    """
    with ExitStack() as afterwards:
        with exclusive(user=manager.user, waiting=waiting):
            change = _resize(manager, inventory, program, range_of(program, count))
            # Starting an instance that is already starting just waits for it.
            up = {unit for unit in change.all if inventory.unit(unit).up}
            missing = [unit for unit in change.wanted if unit not in up]
            # While systemd reloads it does nothing else, not even the rest of a start that has just
            # begun, and a reload takes longer the more units are loaded. So for a few new instances
            # we reload afterwards and do not wait; for many we reload first, while few are loaded.
            if change.stale and len(missing) <= max(len(up), JOBS_AT_ONCE):
                afterwards.callback(manager.begin_reload)
            elif change.stale:
                manager.reload()
            if count:
                prepare(manager, inventory, missing, [(program.name, program.group)])
            starts = Jobs(manager, Verb.START, missing)
            running = [unit for unit in change.surplus if not inventory.unit(unit).down]
            stops = Jobs(manager, Verb.STOP, running)
            yield from starts.asked()
            yield from stops.asked()
        for jobs in (starts, stops):
            yield from jobs.ended() if wait else jobs.begun()
        if not count:
            release(manager, inventory, [(program.name, program.group)])


@dataclass(frozen=True)
class Change:
    """The units of a resized program: the wanted ones, and the surplus, highest number first."""

    wanted: tuple[str, ...]
    surplus: tuple[str, ...]
    stale: bool  # whether systemd must reload to learn which are enabled

    @property
    def all(self) -> tuple[str, ...]:
        """Every unit of the program, wanted or surplus."""
        return self.wanted + self.surplus


def range_of(program: Installed, count: int) -> range:
    """Return the numbers of the first ``count`` instances of ``program``."""
    return range(program.numprocs_start, program.numprocs_start + count)


def _resize(manager: Manager, inventory: Inventory, program: Installed, numbers: range) -> Change:
    """Enable the instances with these numbers, and disable all others, in one batch."""
    inventory.refresh()
    name = program.name
    program = inventory.program(name)
    before = set(inventory.numbers(program)) | set(program.enabled)
    missing = [program.instance(number) for number in numbers if number not in program.enabled]
    dropped = [program.instance(number) for number in program.enabled if number not in numbers]
    manager.enable(missing)
    manager.disable(dropped)
    if missing or dropped:
        # These links are the only record of the number that the user asked for.
        for directory in (inventory.layout.units / f"{name}.target.wants", inventory.layout.units):
            make_durable(directory)
    wanted = tuple(program.instance(number) for number in numbers)
    return Change(
        wanted=wanted,
        surplus=tuple(
            program.instance(number) for number in sorted(before - set(numbers), reverse=True)
        ),
        stale=_known(manager, program) != set(wanted),
    )


def _known(manager: Manager, program: Installed) -> set[str]:
    """Return the instances that systemd would start with their target.

    systemd reads the links only when it reloads. A wctl that was killed may have made links, but
    not reloaded.
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
    """Follow a changed numprocs: start the ``new`` units, never a unit that the user stopped."""
    inventory.refresh()
    change = _resize(manager, inventory, inventory.program(name), numbers)
    if change.stale:
        manager.reload()
    loaded = {unit.name: unit for unit in units_of(manager, name)}
    missing = [unit for unit in new if not (unit in loaded and loaded[unit].up)]
    if missing:
        prepare(manager, inventory, missing, [(name, inventory.program(name).group)])
    yield from run(manager, Verb.START, missing, wait=wait)
    surplus = [unit for unit in change.surplus if unit in loaded and not loaded[unit].down]
    yield from run(manager, Verb.STOP, surplus, wait=wait)
    if not numbers:
        release(manager, inventory, [(name, inventory.program(name).group)])
