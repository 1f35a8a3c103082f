"""Programs and their instances, as they are on the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from wctl.errors import (
    NO_SUCH,
    Exit,
    NothingYetError,
    Unknown,
    UnknownNamesError,
    WctlError,
    nearest,
)
from wctl.install.installed import Installed, Instance, Layout, programs
from wctl.systemd import unit_name
from wctl.systemd.manager import Manager, Unit
from wctl.trust.text import printable


class Inventory:
    """The installed programs, with their instances that are enabled or alive.

    ``programs`` are those that wctl lists; ``dormant`` are those that a package has brought, and
    that nobody uses (see Installed.dormant). Neither has a program for which ``outside``, if it is
    given, tells why it is not to be touched.
    """

    def __init__(
        self,
        layout: Layout,
        manager: Manager,
        outside: Callable[[Installed], str | None] = lambda _program: None,
    ) -> None:
        self.layout = layout
        self.manager = manager
        self._outside = outside
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
        dormant: list[Installed] = []
        listed: list[Installed] = []
        self._not_ours: dict[str, str] = {}
        for name, program in self._by_name.items():
            started = bool(self._numbers[name]) or f"{name}.target" in held
            if program.shipped and not self._numbers[name]:
                self._numbers[name].update(program.configured)
            why = self._outside(program)
            if why is not None:
                self._not_ours[name] = why
            elif program.dormant(started=started):
                dormant.append(program)
            else:
                listed.append(program)
        self.dormant, self.programs = tuple(dormant), tuple(listed)

    @property
    def known(self) -> tuple[Installed, ...]:
        """The programs that a user can name, dormant or not."""
        return *self.programs, *self.dormant

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

    @property
    def is_empty(self) -> bool:
        """Whether there is no program that wctl lists."""
        return not self.programs

    def instances(self, program: Installed) -> Sequence[Instance]:
        """Return the instances of ``program``, by their numbers."""
        return [program.member(number) for number in self.numbers(program)]

    def program(self, name: str | None) -> Installed:
        """Return the program ``name``; without a name, the only program.

        Raises:
            UnknownNamesError: no program has this name.
            WctlError: a name is needed.
        """
        if name is None:
            candidates = self.programs or self.dormant
            if len(candidates) == 1:
                return candidates[0]
            if not candidates:
                raise self.nothing()
            names = ", ".join(program.shown for program in candidates)
            raise WctlError(f"name one of the programs: {names}", exit_code=Exit.USAGE)
        units = unit_name.meant(name)
        program = next((one for one in self.known if one.name in units), None)
        if program is None:
            raise self._no_program(name)
        return program

    def named(self, names: Iterable[str | None]) -> list[Installed]:
        """Return program() for each name.

        Raises:
            UnknownNamesError: some names are no program's.
            WctlError: a name is needed.
        """
        found: list[Installed] = []
        unknown: list[Unknown] = []
        for name in names:
            try:
                found.append(self.program(name))
            except UnknownNamesError as error:
                unknown += error.unknown
        if unknown:
            raise UnknownNamesError(unknown, nothing=self.is_empty)
        return found

    def with_names(self, names: Iterable[str]) -> list[Installed]:
        """Return the programs with these names, the members of groups with these names, or "all".

        Raises:
            UnknownNamesError: some names name nothing.
        """
        found: dict[str, Installed] = {}
        unknown: list[Unknown] = []
        for name in names:
            members = self._members(name)
            if not members and name != "all":
                unknown += self.no_such(name).unknown
            found.update({program.name: program for program in members})
        if unknown:
            raise UnknownNamesError(unknown, nothing=self.is_empty)
        return list(found.values())

    def _members(self, name: str) -> Sequence[Installed]:
        if name == "all":
            return self.programs
        title = unit_name.group_typed(unit_name.typed(name))
        if title is None:
            names = unit_name.meant(name)
            own = [one for one in self.known if one.name in names]
            return own or [program for program in self.programs if program.group in names]
        groups = unit_name.groups_meant(title, ((one.name, one.group) for one in self.programs))
        return [program for program in self.programs if program.group in groups]

    def nothing(self) -> NothingYetError:
        """Return the error that there is no program."""
        of = " of these files" if self._not_ours else ""
        return NothingYetError(f"no program{of} is installed", exit_code=Exit.UNKNOWN)

    def _no_program(self, name: str) -> UnknownNamesError:
        members = [program.shown for program in self._members(name)]
        if not members:
            return self.no_such(name)
        why = f"this is a group; name its programs instead: {', '.join(members)}"
        return UnknownNamesError([Unknown(printable(name), why)])

    def no_such(self, selector: str) -> UnknownNamesError:
        """Return the error that ``selector`` names nothing; it has the nearest name."""
        name = unit_name.typed(unit_name.short(selector)).partition("@")[0].partition(":")[0]
        shown = printable(unit_name.shown(selector)) or "''"
        for own in {name, *unit_name.meant(selector)} & self._not_ours.keys():
            return UnknownNamesError([Unknown(shown, self._not_ours[own])])
        known = self._by_name.keys() - self._not_ours.keys()
        known |= {program.group for program in self.programs}
        near = nearest(unit_name.shown(name), map(unit_name.shown, sorted(known)))
        return UnknownNamesError([Unknown(shown, f"{NO_SUCH}{near}")], nothing=self.is_empty)
