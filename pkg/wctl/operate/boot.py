"""Whether programs start at boot: whether their targets are enabled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from wctl.install.files import make_durable
from wctl.install.installed import Installed
from wctl.operate.inventory import Inventory
from wctl.operate.jobs import Event, Said
from wctl.operate.lock import exclusive
from wctl.systemd.log import note
from wctl.systemd.manager import Manager
from wctl.trust import accounts


def enable(
    manager: Manager,
    inventory: Inventory,
    programs: Sequence[Installed],
    waiting: Callable[[], None] = lambda: None,
) -> Iterator[Event]:
    """Make ``programs`` start at boot.

    The next update keeps that, unless autostart= itself has changed. A package's program that
    nobody has scaled gets the instances that are configured. We call ``waiting`` first if another
    wctl holds the lock.
    """
    yield from _set(manager, inventory, programs, waiting, on=True)


def disable(
    manager: Manager,
    inventory: Inventory,
    programs: Sequence[Installed],
    waiting: Callable[[], None] = lambda: None,
) -> Iterator[Event]:
    """Make ``programs`` stay down at boot; what runs, runs on. See enable() for ``waiting``."""
    yield from _set(manager, inventory, programs, waiting, on=False)


def _set(
    manager: Manager,
    inventory: Inventory,
    programs: Sequence[Installed],
    waiting: Callable[[], None],
    *,
    on: bool,
) -> Iterator[Event]:
    with exclusive(user=manager.user, waiting=waiting):
        inventory.refresh()
        chosen = [inventory.program(program.name) for program in programs]
        links = [f"{program.name}.target" for program in chosen if program.at_boot != on]
        links += [
            program.instance(number)
            for program in chosen
            if on and program.shipped and not program.enabled
            for number in inventory.numbers(program)
        ]
        names = {program.name for program in chosen}
        groups = {program.group for program in chosen} - names
        starting = groups_at_boot(inventory.installed, dict.fromkeys(names, on))
        targets = {f"{name}.target": name in starting for name in sorted(groups)}
        manager.enable([*(links if on else ()), *(unit for unit in targets if targets[unit])])
        manager.disable([*(() if on else links), *(unit for unit in targets if not targets[unit])])
        from wctl.install import pending  # lazy: as json, which "wctl start" needs not

        # An update that was interrupted must not go over it when it is carried out.
        pending.forget_boot(inventory.layout, names)
        make_durable(inventory.layout.units)
        manager.reload()
    for program in chosen:
        word = "enabled" if on else "disabled"
        already = "already " if program.at_boot == on else ""
        if not already:
            note(program.name, f"{word}, asked for by {accounts.at_work()}")
        empty = on and not inventory.numbers(program)
        yield Said(program.name, f"{already}{word}{', but scaled to 0' if empty else ''}")


def groups_at_boot(programs: Iterable[Installed], at_boot: Mapping[str, bool]) -> set[str]:
    """Return the groups whose targets start at boot.

    A group's target starts its programs with autostart=true (see units/render.py). So all of these
    must start at boot, as ``at_boot`` says, or their links.
    """
    starting: dict[str, bool] = {}
    for program in programs:
        if program.autostart:
            on = at_boot.get(program.name, program.at_boot)
            starting[program.group] = starting.get(program.group, True) and on
    return {group for group, on in starting.items() if on}
