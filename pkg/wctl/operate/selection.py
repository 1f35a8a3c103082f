"""Selectors: the words with which users name instances, and what they name."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wctl.errors import NO_SUCH, Exit, Unknown, UnknownNamesError, WctlError
from wctl.install.installed import Installed, Instance
from wctl.operate.inventory import Inventory
from wctl.systemd import unit_name
from wctl.trust.text import printable

_BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}")
_GLOB = re.compile(r"[*?\[]")
_MOST = 100_000  # how many instances one {A..B} may name


@dataclass(frozen=True)
class Choice:
    """What one selector names."""

    instances: tuple[Instance, ...]
    # Whether it names a set, whatever is in it: "all", a group, NAME:* or a glob.
    many: bool
    empty: tuple[Installed, ...] = ()  # the programs without an instance: scaled to 0


@dataclass(frozen=True)
class Selection:
    """What some selectors name."""

    choices: tuple[Choice, ...]
    unknown: tuple[Unknown, ...] = ()

    @property
    def asked(self) -> Sequence[Instance]:
        """The instances in the order in which the user has named them, with repetitions."""
        return [instance for choice in self.choices for instance in choice.instances]

    @property
    def instances(self) -> Sequence[Instance]:
        """The instances in Supervisor's order, each once."""
        return _sorted({instance.unit: instance for instance in self.asked}.values())

    @property
    def empty(self) -> Sequence[Installed]:
        """The programs that are scaled to 0, each once."""
        programs = (program for choice in self.choices for program in choice.empty)
        return list({program.name: program for program in programs}.values())

    @property
    def named(self) -> frozenset[str]:
        """The units, and the programs that are scaled to 0, which the user has named themselves."""
        choices = [choice for choice in self.choices if not choice.many]
        units = {instance.unit for choice in choices for instance in choice.instances}
        return frozenset(units.union(one.name for choice in choices for one in choice.empty))


def select(inventory: Inventory, selectors: Sequence[str], *, beyond: bool = False) -> Selection:
    """Return what ``selectors`` name, all instances by default.

    With ``beyond``, a number may be one that the program is not scaled to: its log may be there.

    Raises:
        UnknownNamesError: some selectors name no program or instance.
        WctlError: a selector names too many instances.
    """
    found = look_up(inventory, selectors, beyond=beyond)
    if found.unknown:
        raise UnknownNamesError(found.unknown, nothing=inventory.is_empty)
    return found


def look_up(inventory: Inventory, selectors: Sequence[str], *, beyond: bool = False) -> Selection:
    """Return what ``selectors`` name, and those that name nothing.

    Raises:
        WctlError: a selector names too many instances.
    """
    look = _Look(inventory, beyond=beyond)
    choices: list[Choice] = []
    unknown: list[Unknown] = []
    for selector in selectors or ("all",):
        try:
            choices.append(look.choice(selector))
        except UnknownNamesError as error:
            unknown += error.unknown
    return Selection(tuple(choices), tuple(dict.fromkeys(unknown)))


class _Look:
    """Finds what one selector names."""

    def __init__(self, inventory: Inventory, *, beyond: bool) -> None:
        self._inventory = inventory
        self._beyond = beyond

    def choice(self, selector: str) -> Choice:
        if selector == "all":
            return self._whole(self._inventory.programs, many=True)
        exact = self._exact(selector)
        if exact:
            return self._whole(exact, many=False)
        title, _, digits = unit_name.short(selector).rpartition("@")
        if digits.isdecimal():
            for program in self._exact(title):
                return Choice((self._one(program, digits),), many=False)
        name, separator, which = _split(unit_name.typed(selector))
        matching = self._matching(name, separator)
        if not matching:
            raise self._inventory.no_such(selector)
        many = bool(separator == ":" or _GLOB.search(name)) or all(
            program.name != name for program in matching
        )
        if not separator or which in ("", "*"):
            return self._whole(matching, many=many or which == "*")
        found: dict[str, Instance] = {}
        for program in matching:
            for pattern in _braces(which):
                for instance in self._some(program, separator, pattern):
                    found[instance.unit] = instance
        if not found:
            raise self._inventory.no_such(selector)
        return Choice(_sorted(found.values()), many=bool(_GLOB.search(name + which)))

    def _exact(self, title: str) -> Sequence[Installed]:
        """Return the program with this title, if the title has characters of our syntax."""
        names = unit_name.meant(title) - {unit_name.typed(title)}
        return [program for program in self._inventory.known if program.name in names]

    def _matching(self, name: str, separator: str) -> Sequence[Installed]:
        programs = self._inventory.programs
        members = [(program.name, program.group) for program in programs]
        groups = unit_name.groups_meant(name, members) if separator == ":" else {name}
        matching = [
            program
            for program in programs
            if fnmatch.fnmatchcase(program.name, name) or program.group in groups
        ]
        return matching or [one for one in self._inventory.dormant if one.name == name]

    def _whole(self, programs: Iterable[Installed], *, many: bool) -> Choice:
        instances: list[Instance] = []
        empty: list[Installed] = []
        for program in programs:
            own = self._inventory.instances(program)
            if self._beyond and not own:
                # Which instances it had nobody knows; those that are configured, most likely.
                own = [program.member(number) for number in program.configured or range(1)]
            instances += own
            if not own:
                empty.append(program)
        return Choice(_sorted(instances), many, tuple(empty))

    def _some(self, program: Installed, separator: str, which: str) -> Iterable[Instance]:
        if separator == "@":
            if which.isdecimal():
                return [self._one(program, which)]
            return [
                program.member(number)
                for number in self._inventory.numbers(program)
                if fnmatch.fnmatchcase(f"{number:02d}", which)
            ]
        # Supervisor's name for a process: group:program_01, or whatever process_name says.
        numbers = self._inventory.numbers(program)
        names = {number: unit_name.typed(program.process_name(number)) for number in numbers}
        named = [
            program.member(number)
            for number, name in names.items()
            if name == which or fnmatch.fnmatchcase(name, which)  # a name may have brackets
        ]
        if named or which == program.name:
            return named or self._inventory.instances(program)
        match = re.fullmatch(
            rf"{re.escape(program.name)}[_:-]?(\d{{1,{unit_name.MOST_DIGITS}}})", which, re.ASCII
        )
        return [self._one(program, f"{int(match[1]):02d}")] if match else []

    def _one(self, program: Installed, digits: str) -> Instance:
        typed = f"{program.name}@{digits}"
        if len(digits) > unit_name.MOST_DIGITS:
            raise self._inventory.no_such(typed)
        number = int(digits)
        instance = program.member(number)
        if instance.name != typed:
            why = f"{NO_SUCH}, did you mean {instance.shown}?"
            raise _unknown(unit_name.shown(typed), why)
        numbers = self._inventory.numbers(program)
        if number in numbers or self._beyond:
            return instance
        enough = number - program.numprocs_start + 1
        remedy = ("scale", program.shown, str(enough)) if enough > 0 else ()
        scaled = f"{NO_SUCH}, {program.shown} is scaled to {len(numbers)}"
        raise _unknown(instance.shown, scaled, remedy)


def _unknown(name: str, why: str, remedy: tuple[str, ...] = ()) -> UnknownNamesError:
    return UnknownNamesError([Unknown(name, why, remedy)])


def _split(selector: str) -> tuple[str, str, str]:
    """Split program@which or group:which; also accept the full name of a unit."""
    selector = unit_name.short(selector)
    match = re.search("[@:]", selector)  # a process may have an @ in its name
    if match is None:
        return selector, "", ""
    return selector[: match.start()], match[0], selector[match.end() :]


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


def _sorted(instances: Iterable[Instance]) -> tuple[Instance, ...]:
    return tuple(sorted(instances, key=_order))


def _order(instance: Instance) -> tuple[str, str, int, str]:
    return instance.group, instance.program, len(instance.unit), instance.unit
