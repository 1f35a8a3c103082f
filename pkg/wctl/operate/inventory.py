"""Programs, their instances, and the selectors that name them."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence

from wctl.errors import Exit, NothingYetError, WctlError, nearest
from wctl.install.installed import Installed, Instance, Layout, programs
from wctl.systemd import unit_name
from wctl.systemd.manager import Manager, Unit
from wctl.trust.text import printable

_BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}")
_MOST = 100_000  # how many instances one {A..B} may name


class Inventory:
    """The installed programs, with their instances that are enabled or alive.

    ``programs`` are those that wctl lists; ``dormant`` are those that a package has brought, and
    that nobody uses (see Installed.dormant).
    """

    def __init__(self, layout: Layout, manager: Manager) -> None:
        self.layout = layout
        self.manager = manager
        self.refresh()

    def refresh(self) -> None:
        """Read the installed programs and the states of their units again."""
        layout, manager = self.layout, self.manager
        self._by_name = {program.name: program for program in programs(layout)}
        self._numbers = {name: set(program.enabled) for name, program in self._by_name.items()}
        patterns = [f"{name}@*.service" for name in self._by_name]
        patterns += [f"{name}.target" for name, program in self._by_name.items() if program.shipped]
        loaded = manager.units(patterns) if patterns else []
        self._units = {unit.name: unit for unit in loaded}
        for unit in loaded:
            program = self._by_name.get(unit.program)
            number = program.number(unit.name) if program else None
            if program and number is not None and (unit.active == "failed" or not unit.down):
                self._numbers[program.name].add(number)
        self._part_dormant()

    def _part_dormant(self) -> None:
        """Tell the dormant programs from the others.

        A shipped program has no links before somebody scales it: until then, its instances are the
        configured ones, or those that somebody has started.
        """
        held = {name for name, unit in self._units.items() if not unit.down}
        dormant = []
        for name, program in self._by_name.items():
            started = bool(self._numbers[name]) or f"{name}.target" in held
            if program.dormant(started=started):
                dormant.append(program)
            if program.shipped and not self._numbers[name]:
                self._numbers[name].update(program.configured)
        self.dormant = tuple(dormant)
        self.programs = tuple(
            program for program in self._by_name.values() if program not in dormant
        )

    @property
    def installed(self) -> tuple[Installed, ...]:
        """All programs that have units, dormant or not."""
        return tuple(self._by_name.values())

    def numbers(self, program: Installed) -> tuple[int, ...]:
        """Return the numbers of the instances of ``program``."""
        return tuple(sorted(self._numbers[program.name]))

    def unit(self, name: str) -> Unit:
        """Return the unit of an instance as it was at the last refresh, loaded or not."""
        return self._units.get(name) or Unit(name, load="not-found", active="inactive", sub="dead")

    def program(self, name: str | None) -> Installed:
        """Return the program ``name``; without a name, the only program.

        Raises:
            WctlError: no program has this name, or a name is needed.
        """
        if name is None:
            candidates = self.programs or self.dormant
            if len(candidates) == 1:
                return candidates[0]
            if not candidates:
                raise NothingYetError("no program is installed", exit_code=Exit.UNKNOWN)
            names = ", ".join(program.name for program in candidates)
            raise WctlError(f"name one of the programs: {names}", exit_code=Exit.USAGE)
        unit = unit_name.typed(name)
        if unit not in self._by_name:
            raise self._no_such(name)
        return self._by_name[unit]

    def select(self, selectors: Sequence[str]) -> list[Instance]:
        """Return the instances that ``selectors`` name, in Supervisor's order; all by default.

        Raises:
            WctlError: a selector names no program or instance, or too many instances.
        """
        chosen: dict[str, Instance] = {}
        for selector in selectors or ("all",):
            found = self._select(unit_name.typed(selector))
            chosen.update({instance.unit: instance for instance in found})
        return sorted(
            chosen.values(),
            key=lambda instance: (instance.group, instance.program, _natural(instance)),
        )

    def _select(self, selector: str) -> list[Instance]:
        if selector == "all":
            return [instance for program in self.programs for instance in self._instances(program)]
        name, separator, which = _split(selector)
        matching = [
            program
            for program in self.programs
            if fnmatch.fnmatchcase(program.name, name)
            or program.group == name
            or (separator == ":" and program.group == self._beside(name))
        ]
        matching = matching or [program for program in self.dormant if program.name == name]
        if not matching:
            raise self._no_such(selector)
        if not separator or which in ("", "*"):
            return [instance for program in matching for instance in self._instances(program)]
        found = [
            instance
            for program in matching
            for pattern in _braces(which)
            for instance in self._one(program, separator, pattern)
        ]
        if not found:
            raise self._no_such(selector)
        return found

    def _beside(self, name: str) -> str | None:
        """Return the name of the group that the program ``name`` has given its name to, if any."""
        group = f"{name}{unit_name.GROUP}"
        owners = (program for program in self.programs if program.name == name)
        return group if any(program.group == group for program in owners) else None

    def _one(self, program: Installed, separator: str, which: str) -> list[Instance]:
        if separator == "@" and which.isdecimal():
            if len(which) > unit_name.MOST_DIGITS:
                raise self._no_such(f"{program.name}@{which}")
            # The user may start any instance, even if it is not enabled yet.
            if f"{int(which):02d}" != which:
                right = f"{program.name}@{int(which):02d}"
                raise WctlError(
                    f"{program.name}@{which}: no such process, did you mean {right}?",
                    exit_code=Exit.UNKNOWN,
                )
            return [Instance(program.name, program.group, program.instance(int(which)))]
        if separator == "@":
            return [
                instance
                for instance in self._instances(program)
                if fnmatch.fnmatchcase(
                    unit_name.short(instance.unit)[len(program.name) + 1 :], which
                )
            ]
        # Supervisor's name for a process: group:program_01, or group:program alone.
        if which == program.name:
            return self._instances(program)
        match = re.fullmatch(
            rf"{re.escape(program.name)}[_:-]?(\d{{1,{unit_name.MOST_DIGITS}}})", which, re.ASCII
        )
        return self._one(program, "@", f"{int(match[1]):02d}") if match else []

    def _instances(self, program: Installed) -> list[Instance]:
        return [
            Instance(program.name, program.group, program.instance(number))
            for number in self.numbers(program)
        ]

    def _no_such(self, selector: str) -> WctlError:
        near = nearest(_split(selector)[0], self._by_name)
        message = f"{printable(selector)}: no such process{near}"
        error = WctlError if self.programs else NothingYetError
        return error(message, exit_code=Exit.UNKNOWN)


def _split(selector: str) -> tuple[str, str, str]:
    """Split program@which or group:which; also accept the full name of a unit."""
    selector = unit_name.short(selector)
    for separator in "@:":
        name, found, which = selector.partition(separator)
        if found:
            return name, separator, which
    return selector, "", ""


def _braces(which: str) -> Iterable[str]:
    """Expand one {00..02}, for shells that do not."""
    match = _BRACES.search(which)
    if not match:
        return [which]
    long = max(map(len, match.groups())) > unit_name.MOST_DIGITS
    low, high = (0, _MOST) if long else map(int, match.groups())
    if high - low >= _MOST:
        shown = printable(match[0])
        raise WctlError(f"{shown} names too many instances", exit_code=Exit.USAGE)
    return [_BRACES.sub(f"{number:02d}", which, count=1) for number in range(low, high + 1)]


def _natural(instance: Instance) -> tuple[int, str]:
    return len(instance.unit), instance.unit
