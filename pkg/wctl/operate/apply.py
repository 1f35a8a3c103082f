"""From a plan to the machine: what "wctl update" does, in an order that survives being killed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from wctl.config.model import Config, Program
from wctl.install import pending
from wctl.install.changes import Plan, delete, write
from wctl.install.installed import Installed, Instance, Layout
from wctl.install.pending import Intent
from wctl.operate import verbs
from wctl.operate.inventory import Inventory
from wctl.operate.jobs import Event, Said, alive
from wctl.operate.scaling import rescale
from wctl.systemd.manager import Manager


def with_unfinished(plan: Plan, config: Config, layout: Layout) -> Plan:
    """Return ``plan`` with what an update that was killed had still to do."""
    left = pending.read(layout)
    added = _merged(config, left.added, plan.added)
    return replace(
        plan,
        added=added,
        changed=tuple(p for p in _merged(config, left.changed, plan.changed) if p not in added),
        rescaled=tuple(p for p in _merged(config, left.rescaled, plan.rescaled) if p not in added),
    )


def _merged(
    config: Config, names: tuple[str, ...], programs: tuple[Program, ...]
) -> tuple[Program, ...]:
    return tuple(p for p in config.programs if p.name in names or p in programs)


def update(
    manager: Manager,
    inventory: Inventory,
    layout: Layout,
    plan: Plan,
    config: Config,
    *,
    wait: bool = True,
) -> Iterator[Event]:
    """Make the machine what ``plan`` says: files, one reload, links, and only then workers."""
    noted = _intent(plan, inventory, pending.read(layout))
    if noted:
        pending.write(layout, noted)
    for gone in plan.removed:
        yield from _remove(manager, inventory, gone)
    write(plan)
    manager.disable([path.name for path in plan.deletes if path.suffix == ".target"])
    delete(plan)
    if plan.writes or plan.deletes or noted:
        manager.reload()
    _enable(manager, plan, config)
    yield from _told(plan)
    yield from _restart(manager, inventory, plan, wait=wait)
    yield from _start_added(manager, inventory, plan, wait=wait)
    for program in plan.rescaled:
        yield Said(program.name, f"updated process group, numprocs is {program.numprocs}")
        new = [unit for unit in map(program.instance, program.numbers) if unit in noted.new]
        yield from rescale(manager, inventory, program.name, program.numbers, new, wait=wait)
    if noted:
        pending.clear(layout)


def _intent(plan: Plan, inventory: Inventory, left: Intent) -> Intent:
    """Return what is to be done, with the instances that no scale has made and nobody stopped."""
    known = {program.name: inventory.numbers(program) for program in inventory.programs}
    new = {
        program.instance(number)
        for program in plan.rescaled
        for number in program.numbers
        if number not in known.get(program.name, ())
    }
    return Intent(
        added=tuple(p.name for p in plan.added),
        changed=tuple(p.name for p in plan.changed),
        rescaled=tuple(p.name for p in plan.rescaled),
        new=tuple(sorted(new.union(left.new))),
    )


def _enable(manager: Manager, plan: Plan, config: Config) -> None:
    """Link the instances of new programs to their targets, and targets to the boot."""
    changed = {write.path.name for write in plan.writes}
    touched = [
        program
        for program in config.programs
        if program in plan.added or changed & {f"{program.name}@.service", f"{program.name}.target"}
    ]
    booting = {program.group for program in config.programs if program.autostart}
    groups = [f"{group.name}.target" for group in config.groups if group.name in booting]
    links = [each.instance(number) for each in plan.added for number in each.numbers]
    on = [f"{each.name}.target" for each in touched if each.autostart] + groups
    off = [f"{each.name}.target" for each in touched if not each.autostart]
    manager.enable([*links, *on])
    manager.disable(off)
    if links or on or off:
        manager.reload()


def _told(plan: Plan) -> Iterator[Event]:
    """Name the programs whose files changed in nothing that a worker has to be restarted for."""
    names = {write.subject for write in plan.writes}
    busy = {program.name for program in (*plan.added, *plan.changed, *plan.rescaled)}
    for name in sorted(names - busy):
        yield Said(name, "updated, nothing to restart")


def _restart(manager: Manager, inventory: Inventory, plan: Plan, *, wait: bool) -> Iterator[Event]:
    for program in plan.changed:
        yield Said(program.name, "updated process group")
        yield from verbs.restart(manager, inventory, _alive(manager, program), wait=wait)


def _start_added(
    manager: Manager, inventory: Inventory, plan: Plan, *, wait: bool
) -> Iterator[Event]:
    for program in plan.added:
        yield Said(program.name, "added process group")
    instances = [
        Instance(program.name, program.group, program.instance(number))
        for program in plan.added
        if program.autostart
        for number in program.numbers
    ]
    yield from verbs.start(manager, inventory, instances, wait=wait)


def _alive(manager: Manager, program: Program | Installed) -> list[Instance]:
    units = alive(manager, program.name)
    return [Instance(program.name, program.group, unit) for unit in units]


def _remove(manager: Manager, inventory: Inventory, program: Installed) -> Iterator[Event]:
    instances = _alive(manager, program)
    yield from verbs.stop(manager, inventory, instances)
    if not instances:
        verbs.release(manager, inventory, [(program.name, program.group)])
    units = [program.instance(number) for number in inventory.numbers(program)]
    manager.disable([*units, f"{program.name}.target"])
    manager.reset_failed(units)
    yield Said(program.name, "removed process group")
