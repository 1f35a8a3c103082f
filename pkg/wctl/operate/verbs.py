"""The rules of starting, stopping, restarting and signalling instances, for every caller.

Before a start, wctl makes systemd forget that the instance failed, and marks the targets of its
program and group as active. After the last instance has stopped, wctl marks them as inactive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from wctl.install.installed import Instance
from wctl.operate import states
from wctl.operate.inventory import Inventory
from wctl.operate.jobs import Ended, Event, Said, Verb, run
from wctl.operate.selection import Selection
from wctl.operate.states import RUNNING_STATES, Process, State
from wctl.systemd import unit_name
from wctl.systemd.bus import NOT_PERMITTED, CallError
from wctl.systemd.manager import Manager

Member = tuple[str, str]
"""The names of a program and its group: an instance belongs to the targets of both."""

NOT_RUNNING = "not running"
_NO_PROCESS = {  # the names of errors (org.freedesktop.systemd1(5)): the worker has just ended
    "org.freedesktop.systemd1.NoSuchProcess",
    "org.freedesktop.systemd1.NoSuchUnit",
    "System.Error.ESRCH",
}


@dataclass(frozen=True)
class Rule:
    """In which states an operation does something to an instance; what is wrong with the others."""

    states: frozenset[State]
    otherwise: str


# As in supervisor.rpcinterface; but a stop, if it was interrupted, can be asked for once more.
START = Rule(frozenset(State) - RUNNING_STATES, "already started")
STOP = Rule(RUNNING_STATES | {State.STOPPING}, NOT_RUNNING)
RESTART = Rule(frozenset(State), "")
ROLLING = Rule(RUNNING_STATES, NOT_RUNNING)
SIGNAL = Rule(frozenset({State.STARTING, State.RUNNING, State.STOPPING}), NOT_RUNNING)


@dataclass(frozen=True)
class Request:
    """What an operation does of what the user has asked for.

    ``refused`` has a name and a reason for each instance that the user has named, and to which the
    operation does nothing. Of a set, such as "all" or a group, it leaves out such instances
    silently, as Supervisor does.
    """

    chosen: tuple[Process, ...]
    refused: tuple[tuple[str, str], ...]
    empty: tuple[str, ...]  # the programs that the user has named, and that are scaled to 0


def request(manager: Manager, rule: Rule, selection: Selection) -> Request:
    """Return what an operation with ``rule`` does to the instances of ``selection``."""
    # To every rule, STOPPED and EXITED are the same, so the journal need not tell them apart.
    found = states.processes(manager, list(selection.instances), past=False)
    named = selection.named
    return Request(
        tuple(process for process in found if process.state in rule.states),
        tuple(
            (process.shown, rule.otherwise)
            for process in found
            if process.unit in named and process.state not in rule.states
        ),
        tuple(program.shown for program in selection.empty if program.name in named),
    )


def start(
    manager: Manager, inventory: Inventory, instances: Sequence[Instance], *, wait: bool = True
) -> Iterator[Event]:
    """Start instances that do not run, and yield an event as each becomes READY.

    With RemainAfterExit=, the unit of a worker that has ended is active: systemd would find nothing
    to start.
    """
    units = _prepared(manager, inventory, instances)
    over = [unit for unit in units if inventory.unit(unit).sub == "exited"]
    yield from run(manager, Verb.START, [unit for unit in units if unit not in over], wait=wait)
    yield from run(manager, Verb.RESTART, over, wait=wait)


def restart(
    manager: Manager, inventory: Inventory, instances: Sequence[Instance], *, wait: bool = True
) -> Iterator[Event]:
    """Restart instances, start any that are down, and yield an event as each becomes READY."""
    units = _prepared(manager, inventory, instances)
    yield from run(manager, Verb.RESTART, units, wait=wait)


def rolling(
    manager: Manager, inventory: Inventory, instances: Sequence[Instance], batch: int
) -> Iterator[Event]:
    """Restart at most ``batch`` instances at a time; stop after a batch with a failure."""
    units = _prepared(manager, inventory, instances)
    for first in range(0, len(units), batch):
        failed = False
        for event in run(manager, Verb.RESTART, units[first : first + batch]):
            yield event
            failed = failed or (isinstance(event, Ended) and not event.ok)
        if failed:
            left = units[first + batch :]
            if left:
                names = ", ".join(unit_name.shown(unit_name.short(unit)) for unit in left)
                yield Said(
                    "rolling restart", f"stopped at the first failure; not restarted: {names}"
                )
            return


def stop(
    manager: Manager, inventory: Inventory, instances: Sequence[Instance], *, wait: bool = True
) -> Iterator[Event]:
    """Stop instances, and yield an event as each ends."""
    yield from run(manager, Verb.STOP, [instance.unit for instance in instances], wait=wait)
    release(manager, inventory, _members(instances))


def signal(manager: Manager, unit: str, number: int) -> bool:
    """Send signal ``number`` to the worker of an instance; return False if no worker runs."""
    try:
        manager.kill(unit, number)
    except CallError as error:
        if error.name not in _NO_PROCESS:
            raise
        return False
    return True


def prepare(
    manager: Manager, inventory: Inventory, units: Iterable[str], members: Iterable[Member]
) -> None:
    """Prepare a start of ``units``: clear their failures, and mark their targets as active."""
    # systemd refuses to start a unit that it has given up, until StartLimitIntervalSec= is over.
    manager.reset_failed([unit for unit in units if inventory.unit(unit).active == "failed"])
    hold(manager, members)


def hold(manager: Manager, members: Iterable[Member]) -> None:
    """Mark the targets of programs and groups as active, because some of their instances run.

    An active target passes its own stop on to its members, and keeps them loaded: systemd forgets
    how a unit ended once it has unloaded the unit.
    """
    for name in _names(members):
        manager.activate(f"{name}.target")


def release(manager: Manager, inventory: Inventory, members: Iterable[Member]) -> None:
    """Mark each target as inactive if none of its instances runs any more.

    Otherwise "systemctl start NAME.target" would do nothing, because the target is active already.
    """
    names = set(_names(members))
    programs = [program for program in inventory.installed if names & {program.name, program.group}]
    units = manager.units([f"{program.name}@*.service" for program in programs]) if programs else []
    alive = {unit.program for unit in units if unit.alive}
    busy = {program.name for program in programs if program.name in alive}
    busy |= {program.group for program in programs if program.name in alive}
    try:
        manager.deactivate([f"{name}.target" for name in sorted(names - busy)])
    except CallError as error:
        # Who may stop the instances, but not their target, has stopped them all the same.
        if error.name not in NOT_PERMITTED:
            raise


def _prepared(manager: Manager, inventory: Inventory, instances: Sequence[Instance]) -> list[str]:
    """Return the units of instances that are about to be started, after prepare()."""
    units = [instance.unit for instance in instances]
    prepare(manager, inventory, units, _members(instances))
    return units


def _members(instances: Iterable[Instance]) -> set[Member]:
    return {(instance.program, instance.group) for instance in instances}


def _names(members: Iterable[Member]) -> list[str]:
    return sorted({name for member in members for name in member})
