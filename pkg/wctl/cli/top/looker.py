"""Look at instances again and again, and ask systemd only for what may have changed.

One call lists the states of all units. What systemd says beyond that costs a call for each unit:
of a unit that is not on the screen, or does not run, it changes with the unit's state alone.
"""

from __future__ import annotations

import time
from collections.abc import Container, Sequence

from wctl.cli.status.row import Row
from wctl.errors import UnknownNamesError
from wctl.install.installed import Instance
from wctl.operate import states
from wctl.operate.details import details
from wctl.operate.selection import look_up
from wctl.operate.states import scaled_to_0
from wctl.session.session import Session
from wctl.systemd.manager import Unit


class Looker:
    """Looks at the instances that some names mean."""

    def __init__(self, session: Session, names: tuple[str, ...]) -> None:
        """Look at nothing yet.

        Raises:
            UnknownNamesError: a name names nothing.
        """
        self._session = session
        self._names = names
        self._units: dict[str, Unit] = {}
        self._rows: dict[str, Row] = {}
        self._cpu: dict[str, tuple[float, float]] = {}  # when, and how much until then
        self.loads: dict[str, float] = {}
        self.sizes: dict[str, int] = {}
        found = look_up(session.inventory, names)
        if found.unknown:
            raise UnknownNamesError(found.unknown, nothing=session.inventory.is_empty)

    def look(self, visible: Container[str] = ()) -> Sequence[Row]:
        """Return the instances as they are now; ``visible`` are the units on the screen.

        ``loads`` then has how much of a processor each of the visible ones uses: 1.0 is all of it.
        ``sizes`` has how many instances each program has, also those that no name means.
        """
        inventory = self._session.current_inventory()
        self.sizes = {one.name: len(inventory.numbers(one)) for one in inventory.known}
        found = look_up(inventory, self._names)
        instances = found.instances
        units = {instance.unit: inventory.unit(instance.unit) for instance in instances}
        stale = [each for each in instances if self._stale(units[each.unit], each.unit in visible)]
        self._look_at(stale)
        self._units = units
        self._rows = {instance.unit: self._rows[instance.unit] for instance in instances}
        return [*self._rows.values(), *(Row(scaled_to_0(one)) for one in found.empty)]

    def _stale(self, unit: Unit, visible: bool) -> bool:
        if self._units.get(unit.name) != unit:
            return True
        if unit.active in ("inactive", "failed"):
            return False
        return visible or (unit.active, unit.sub) != ("active", "running")

    def _look_at(self, instances: Sequence[Instance]) -> None:
        manager = self._session.manager
        processes = states.processes(manager, list(instances))
        used = details(manager, [process for process in processes if process.pid])
        now = time.monotonic()
        loads = {}
        for process in processes:
            unit = process.unit
            self._rows[unit] = row = Row(process, used.get(unit))
            if row.details is not None and row.details.cpu is not None:
                then, before = self._cpu.get(unit, (now, row.details.cpu))
                if now > then and row.details.cpu >= before:
                    loads[unit] = (row.details.cpu - before) / (now - then)
                self._cpu[unit] = now, row.details.cpu
        self.loads = loads
