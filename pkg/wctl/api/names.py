"""Supervisor's names: a process has a name within its group, and is called ``group:process``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wctl.install.installed import Installed, Instance
from wctl.operate.inventory import Inventory


def split(name: str) -> tuple[str, str | None]:
    """Return the group and the process that ``name`` means; None for all processes of the group."""
    group, colon, process = name.partition(":")
    if not colon:
        return name, name
    return group, None if process in ("", "*") else process


def joined(group: str, process: str) -> str:
    """Return the name of a process as Supervisor prints it."""
    return process if group == process else f"{group}:{process}"


@dataclass(frozen=True)
class Member:
    """A process of a group, and the instance that it is."""

    group: str
    name: str
    program: Installed
    instance: Instance

    @property
    def full(self) -> str:
        """The process's name with its group, as Supervisor prints it."""
        return joined(self.group, self.name)


class Names:
    """The processes of all programs that wctl lists, sorted by group and name.

    find() also knows those of dormant programs (see Installed.dormant).
    """

    def __init__(self, inventory: Inventory) -> None:
        members = _members(inventory, inventory.programs)
        self.members: Sequence[Member] = sorted(members, key=lambda one: (one.group, one.name))
        members += _members(inventory, inventory.dormant)
        self._by_name = {(member.group, member.name): member for member in members}
        self._by_instance = {member.instance.shown: member for member in members}

    def find(self, name: str) -> Member | None:
        """Return the process ``name``, which may also be the name of an instance; None if none."""
        group, process = split(name)
        if process is None:
            return None
        return self._by_name.get((group, process)) or self._by_instance.get(name)

    def group(self, title: str) -> Sequence[Member]:
        """Return the processes of a group."""
        return [member for member in self.members if member.group == title]


def _members(inventory: Inventory, programs: Iterable[Installed]) -> list[Member]:
    return [
        Member(program.group_title, program.process_name(number), program, instance)
        for program in programs
        for number, instance in zip(inventory.numbers(program), inventory.instances(program))
    ]
