"""What "wctl update" does to carry out a plan, in an order that survives a kill."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from wctl.config.model import Config, Program
from wctl.errors import WctlError
from wctl.install import pending
from wctl.install.changes import Plan, delete, subject_of, write
from wctl.install.installed import Installed, Instance, Layout, enabled_numbers, programs
from wctl.install.pending import Intent
from wctl.operate import limits, verbs
from wctl.operate.boot import groups_at_boot
from wctl.operate.inventory import Inventory
from wctl.operate.jobs import Ended, Event, Said, units_of
from wctl.operate.scaling import rescale
from wctl.systemd import unit_name
from wctl.systemd.manager import Manager, Unit
from wctl.units.marker import own_text


def with_unfinished(plan: Plan, config: Config, layout: Layout) -> Plan:
    """Return ``plan`` with the work that updates which were killed have left undone."""
    left = pending.read(layout)
    # A program whose removal was interrupted, and which is configured again, is added again.
    added = _merged(config, (*left.added, *left.removed), plan.added)
    new = {program.name for program in added}

    def merged(names: tuple[str, ...], programs: tuple[Program, ...]) -> tuple[Program, ...]:
        found = _merged(config, names, programs)
        return tuple(program for program in found if program.name not in new)

    return replace(
        plan,
        added=added,
        changed=merged(left.changed, plan.changed),
        rescaled=merged(left.rescaled, plan.rescaled),
        touched=_merged(config, (*left.touched, *left.removed), plan.touched),
        reopened=merged(left.reopened, plan.reopened),
        limited=merged(left.limited, plan.limited),
        rewritten=_merged(config, left.rewritten, plan.rewritten),
        replaced=tuple(
            program for program in added if program in plan.replaced or program.name in left.changed
        ),
    )


def _merged(
    config: Config, names: tuple[str, ...], programs: tuple[Program, ...]
) -> tuple[Program, ...]:
    chosen = {*names, *(program.name for program in programs)}
    return tuple(program for program in config.programs if program.name in chosen)


def update(
    manager: Manager,
    inventory: Inventory,
    layout: Layout,
    plan: Plan,
    *,
    wait: bool = True,
    rolling: bool = False,
) -> Iterator[Event]:
    """Carry out ``plan``, and yield an event for each step.

    Stop and remove the removed programs; write files, reload systemd and enable units; and only
    then restart and start workers. If a ``rolling`` restart stops at a failure, the next update of
    the program goes on with it.

    Raises:
        WctlError: a file cannot be written or deleted, or systemd has a foreign unit of that name.
    """
    for why in taken(manager, layout, plan).values():
        raise WctlError(why)
    left = pending.read(layout)
    intent = _intent(plan, inventory, left)
    pending.begin(layout, intent)
    yield from _remove(manager, inventory, plan.removed)
    write(plan)
    manager.disable([path.name for path in plan.deletes if path.suffix == ".target"])
    delete(plan)
    if plan.writes or plan.deletes or intent:
        manager.reload()
    _enable(manager, layout, plan, left)
    yield from _told(plan)
    yield from _limit(manager, layout, plan)
    unfinished = yield from _restart(manager, inventory, plan, wait=wait, rolling=rolling)
    yield from _start_added(manager, inventory, plan, wait=wait)
    for program in plan.rescaled:
        if program.name in unfinished:
            continue  # more instances of what does not start would not start either
        yield Said(program.name, f"updated process group, numprocs is {program.numprocs}")
        new = [unit for unit in map(program.instance, program.numbers) if unit in intent.new]
        yield from rescale(manager, inventory, program.name, program.numbers, new, wait=wait)
    pending.end(layout, intent.without(unfinished))


def taken(manager: Manager, layout: Layout, plan: Plan) -> dict[str, str]:
    """Return why programs and groups cannot have their names, by name.

    Their units would hide, or be hidden by, units of somebody else. check sees unit files in the
    directories of administrators and packages. systemd also knows the units in /run/systemd,
    transient ones (systemd-run(1)) included.
    """
    new = {file.path.name for file in plan.writes if file.before is None and not file.secret}
    if not new:
        return {}
    # check reserves the name of a plain service for each program, and so do we.
    names = {word for name in new for word in (name.replace("@.", "@00."), name.replace("@.", "."))}
    names |= {unit.name for unit in manager.units([name.replace("@.", "@*.") for name in new])}
    found = manager.properties([(name, ("FragmentPath",)) for name in sorted(names)])
    why: dict[str, str] = {}
    for name, properties in found.items():
        path = Path(properties["FragmentPath"])
        # systemd keeps in memory what wctl has just removed from its own directory.
        if path.name and path.parent != layout.units and path.exists() and own_text(path) is None:
            problem = f"{path}: systemd has this unit, and wctl did not write it; give the program"
            why[subject_of(Path(name))] = f"{problem} another name, or remove that unit"
    return why


def _intent(plan: Plan, inventory: Inventory, left: Intent) -> Intent:
    """Return the intent of ``plan``, with the instances that are new.

    An instance that "wctl scale" has enabled is not new. If it is down, the user has stopped it.
    """
    known = {program.name: inventory.numbers(program) for program in inventory.programs}
    new = {
        program.instance(number)
        for program in plan.rescaled
        for number in program.numbers
        if number not in known.get(program.name, ())
    }
    intent = Intent(
        added=tuple(program.name for program in plan.added),
        changed=tuple(program.name for program in (*plan.changed, *plan.replaced)),
        rescaled=tuple(program.name for program in plan.rescaled),
        touched=tuple(program.name for program in plan.touched),
        removed=tuple(program.name for program in plan.removed),
        reopened=tuple(program.name for program in plan.reopened),
        limited=tuple(program.name for program in plan.limited),
        rewritten=tuple(program.name for program in plan.rewritten),
    )
    return replace(intent, new=tuple(sorted(new.union(left.of(intent.programs).new))))


def _enable(manager: Manager, layout: Layout, plan: Plan, left: Intent) -> None:
    """Enable the instances of new programs, and set which targets start at boot."""
    links = [program.instance(number) for program in plan.added for number in program.numbers]
    at_boot = {program.name: program.autostart for program in plan.touched}
    at_boot.update(_groups_at_boot(layout, plan, left, at_boot))
    on = [f"{name}.target" for name in at_boot if at_boot[name]]
    off = [f"{name}.target" for name in at_boot if not at_boot[name]]
    manager.enable([*links, *on])
    manager.disable(off)
    if links or on or off:
        manager.reload()


def _groups_at_boot(
    layout: Layout, plan: Plan, left: Intent, at_boot: Mapping[str, bool]
) -> dict[str, bool]:
    """Return whether the targets of the groups that ``plan`` concerns start at boot.

    The programs are those that are installed: an update leaves some of a group as they are. Of
    those in ``at_boot``, it says what is to be. An update that was killed, and has ``left`` work,
    may have written which program left a group.
    """
    installed = programs(layout)
    concerned = {program.group for program in (*plan.touched, *plan.rewritten)}
    concerned |= {program.group for program in plan.removed}
    concerned |= {file.subject for file in plan.writes if file.path.suffix == ".target"}
    groups = concerned.union(program.group for program in installed)
    places = (layout.units, *layout.vendor)
    starting = groups_at_boot(installed, at_boot)
    return {
        name: name in starting
        for name in sorted(groups.difference(program.name for program in installed))
        if name in concerned or (left and name not in starting)
        if any(own_text(place / f"{name}.target") for place in places)
    }


def _told(plan: Plan) -> Iterator[Event]:
    """Report the programs and groups whose files changed, but in no way that needs a restart."""
    new_groups = plan.new_groups
    for name in plan.adjusted:
        yield Said(name, "added group" if name in new_groups else "updated, nothing to restart")
    gone = {program.name for program in plan.removed}
    for path in plan.deletes:
        if subject_of(path) not in gone:
            yield Said(path.name, "removed")


def _limit(manager: Manager, layout: Layout, plan: Plan) -> Iterator[Event]:
    """Give running workers their new limits; report those that do not get them."""
    changed = {program.name for program in plan.changed}
    units = [
        unit.name
        for program in plan.limited
        if program.name not in changed
        for unit in units_of(manager, program.name)
        if unit.alive
    ]
    if units:
        failed = limits.apply(manager, layout, units)
        manager.reload()
        for unit, why in failed.items():
            yield Said(unit_name.short(unit), f"keeps its limits until it is restarted: {why}")


def _restart(
    manager: Manager, inventory: Inventory, plan: Plan, *, wait: bool, rolling: bool
) -> Generator[Event, None, set[str]]:
    """Restart the workers of changed programs; return the programs that are not restarted yet."""
    unfinished: set[str] = set()
    for program in (*plan.changed, *plan.replaced):
        units = units_of(manager, program.name)
        lacking = _lacking(manager, units)
        chosen = [unit for unit in units if unit.alive or unit.name in lacking]
        if program in plan.replaced and not chosen:
            continue
        yield Said(program.name, "updated process group")
        if program in plan.reopened:
            # All of its workers have the old socket.
            chosen = [*_open_socket(manager, program), *chosen]
        elif rolling:
            events = verbs.rolling(manager, inventory, _instances(program, chosen), 1)
            if (yield from _is_cut_short(events)):
                unfinished.add(program.name)
            continue
        yield from verbs.restart(manager, inventory, _instances(program, chosen), wait=wait)
    return unfinished


def _is_cut_short(events: Iterable[Event]) -> Generator[Event, None, bool]:
    """Yield the events of a rolling restart; return whether an instance has not started."""
    failed = False
    for event in events:
        failed = failed or (isinstance(event, Ended) and not event.ok)
        yield event
    return failed


def _open_socket(manager: Manager, program: Program) -> list[Unit]:
    """Return the socket unit of ``program`` if systemd holds its socket.

    systemd opens a socket when it starts the socket unit, and after a reload does not pass on a
    socket that its unit does not describe. A restart of the socket unit stops all workers (PartOf=)
    before it closes the old socket. So systemd can bind the same port again.
    """
    return [unit for unit in manager.units([f"{program.name}.socket"]) if not unit.down]


def _lacking(manager: Manager, units: Iterable[Unit]) -> set[str]:
    """Return the units that systemd could not run because a file, such as PROGRAM.env, was lost."""
    failed = [unit.name for unit in units if unit.active == "failed"]
    found = manager.properties([(name, ("Result",)) for name in failed])
    return {name for name, properties in found.items() if properties["Result"] == "resources"}


def _start_added(
    manager: Manager, inventory: Inventory, plan: Plan, *, wait: bool
) -> Iterator[Event]:
    for program in plan.added:
        yield Said(program.name, "added process group")
    instances = [
        Instance(program.name, program.group, program.instance(number))
        for program in plan.added
        if program.autostart
        # If its removal was interrupted, it may have been scaled before.
        for number in sorted({*program.numbers, *enabled_numbers(inventory.layout, program.name)})
    ]
    yield from verbs.start(manager, inventory, instances, wait=wait)


def _remove(
    manager: Manager, inventory: Inventory, programs: Sequence[Installed]
) -> Iterator[Event]:
    """Stop and disable all instances of ``programs``, in one call for all of them each."""
    if not programs:
        return
    loaded = manager.units([f"{program.name}@*.service" for program in programs])
    running = [
        instance
        for program in programs
        for instance in _instances(
            program, (unit for unit in loaded if unit.program == program.name and not unit.down)
        )
    ]
    yield from verbs.stop(manager, inventory, running)
    busy = {instance.program for instance in running}
    idle = [(program.name, program.group) for program in programs if program.name not in busy]
    verbs.release(manager, inventory, idle)
    instances = [
        program.instance(number) for program in programs for number in inventory.numbers(program)
    ]
    manager.disable([*instances, *(f"{program.name}.target" for program in programs)])
    manager.reset_failed(instances)
    for program in programs:
        yield Said(program.name, "removed process group")


def _instances(program: Program | Installed, chosen: Iterable[Unit]) -> list[Instance]:
    return [Instance(program.name, program.group, unit.name) for unit in chosen]
