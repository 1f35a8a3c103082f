"""What it means to start, stop, restart and signal instances: the rules, for all who do it.

Whoever starts an instance first makes systemd forget that it has failed, and marks the targets
that hold it together as active; whoever stops the last one marks them as inactive again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from wctl.install.installed import Instance
from wctl.operate.inventory import Inventory
from wctl.operate.jobs import Ended, Event, Said, Verb, alive, run
from wctl.operate.states import RUNNING_STATES, Process
from wctl.systemd import unit_name
from wctl.systemd.manager import Manager

Member = tuple[str, str]
"""A program and its group, whose targets hold an instance together."""


def start(
    manager: Manager, inventory: Inventory, instances: Sequence[Instance], *, wait: bool = True
) -> Iterator[Event]:
    """Start instances that are down, and yield each as it becomes ready."""
    units = [instance.unit for instance in instances]
    prepare(manager, inventory, units, _members(instances))
    yield from run(manager, Verb.START, units, wait=wait)


def restart(
    manager: Manager, inventory: Inventory, instances: Sequence[Instance], *, wait: bool = True
) -> Iterator[Event]:
    """Restart instances, start those that are down, and yield each as it becomes ready."""
    units = [instance.unit for instance in instances]
    prepare(manager, inventory, units, _members(instances))
    yield from run(manager, Verb.RESTART, units, wait=wait)


def rolling(
    manager: Manager, inventory: Inventory, instances: Sequence[Instance], batch: int
) -> Iterator[Event]:
    """Restart at most ``batch`` instances at a time; stop at the first that is not ready again."""
    units = [instance.unit for instance in instances]
    prepare(manager, inventory, units, _members(instances))
    for first in range(0, len(units), batch):
        failed = False
        for event in run(manager, Verb.RESTART, units[first : first + batch]):
            yield event
            failed = failed or (isinstance(event, Ended) and not event.ok)
        if failed:
            left = units[first + batch :]
            if left:
                names = ", ".join(map(unit_name.short, left))
                yield Said("stopped at the first failure", f"not restarted: {names}")
            return


def stop(
    manager: Manager, inventory: Inventory, instances: Sequence[Instance], *, wait: bool = True
) -> Iterator[Event]:
    """Stop instances, and yield each as it ends."""
    yield from run(manager, Verb.STOP, [instance.unit for instance in instances], wait=wait)
    release(manager, inventory, _members(instances))


def signal(manager: Manager, process: Process, number: int) -> bool:
    """Send a signal to the worker of an instance; return whether it was there to get it."""
    if process.state not in RUNNING_STATES:
        return False
    manager.kill(process.unit, number)
    return True


def prepare(
    manager: Manager, inventory: Inventory, units: Iterable[str], members: Iterable[Member]
) -> None:
    """Do what comes before every start of ``units``: nothing from before them is in the way."""
    # systemd refuses to start what it has itself given up, until StartLimitIntervalSec= is over.
    manager.reset_failed([unit for unit in units if inventory.active(unit) == "failed"])
    hold(manager, members)


def hold(manager: Manager, members: Iterable[Member]) -> None:
    """Mark the targets of programs and groups as active: some of their instances run.

    An active target hands its stop on to its members, and keeps them loaded: systemd forgets how
    an unloaded unit has ended.
    """
    for name in _names(members):
        manager.activate(f"{name}.target", True)


def release(manager: Manager, inventory: Inventory, members: Iterable[Member]) -> None:
    """Mark the targets as inactive that no running instance is left of.

    Else "systemctl start NAME.target" would do nothing: for systemd it has been started.
    """
    for name in _names(members):
        programs = [each.name for each in inventory.programs if name in (each.name, each.group)]
        if not any(alive(manager, program) for program in programs):
            manager.activate(f"{name}.target", False)


def _members(instances: Iterable[Instance]) -> set[Member]:
    return {(instance.program, instance.group) for instance in instances}


def _names(members: Iterable[Member]) -> list[str]:
    return sorted({name for member in members for name in member})
