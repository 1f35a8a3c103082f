"""From a Program to the text of its files; this needs neither root nor systemd."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wctl.config.model import MOST_EARLIER, Config, Group, Program
from wctl.systemd.unit_file import Unit
from wctl.units import environment, socket_unit
from wctl.units.host import Host
from wctl.units.marker import DOCUMENTATION, name_source, new_unit
from wctl.units.service import Service


@dataclass(frozen=True)
class File:
    """A file to be written. Only root, or the user, may read a ``secret`` file."""

    name: str
    text: str
    secret: bool = False


def render(config: Config, host: Host) -> tuple[File, ...]:
    """Return every file of every program and group of ``config``, but of those that are held."""
    names = {program.title: program.name for program in config.known}
    earlier = _earlier(config)
    files: list[File] = []
    for program in config.programs:
        files += _render_program(program, host, names, earlier[program.name])
    group_of = {program.name: program.group for program in config.programs}
    left = {program.name: program.group for program in config.held}
    at_boot = {program.name: program.autostart for program in config.known}
    others = {*group_of, *left, *config.held_groups}
    for group in config.groups:
        if group.name not in others:
            # A program that is held stays in the group that it is in, or in none.
            stay = [name for name in left if left[name] == group.name]
            listed = [name for name in group.programs if name in group_of or name in stay]
            members = {name: at_boot[name] for name in (*listed, *stay)}
            files.append(_file(_group_target(group, members, host)))
    return tuple(files)


def _render_program(
    program: Program, host: Host, names: Mapping[str, str], after: Iterable[str]
) -> list[File]:
    """Return the template, its target, its socket, and the file of its variables.

    ``names`` has the units' names by the titles of programs that after, requires and wants may
    name. ``after`` has the units' names of the programs that start before this program.
    """
    files = [
        _file(Service(program, host, names, tuple(after)).unit()),
        _file(_program_target(program, host)),
    ]
    if program.socket is not None:
        files += map(_file, socket_unit.units(program, program.socket, host))
    if environment.has_file(program):
        files.append(File(f"{program.name}.env", environment.file_text(program), secret=True))
    return files


def _file(unit: Unit) -> File:
    return File(unit.name, unit.text())


def _earlier(config: Config) -> Mapping[str, Iterable[str]]:
    """Return the programs of the next lower priority, by program: systemd follows the chain."""
    earlier: dict[str, list[str]] = {}
    lower: list[str] = []
    for level in config.order():
        crowd = len(lower) > MOST_EARLIER  # every program of this level would name all of them
        earlier.update({name: [] if crowd else lower for name in level})
        lower = level
    return earlier


def _program_target(program: Program, host: Host) -> Unit:
    name = f"{program.name}.target"
    unit = new_unit(name, program.place.file, f"All {program.title} workers")
    section = unit.section("Unit")
    section.set("Documentation", DOCUMENTATION)
    if program.group != program.name:
        section.set("PartOf", f"{program.group}.target")
    name_source(section, program.place.file)
    section.flag("X-Wctl-Autostart", program.autostart)
    unit.section("Install").set("WantedBy", host.boot_target)
    return unit


def _group_target(group: Group, members: Mapping[str, bool], host: Host) -> Unit:
    """Return the target of ``group``; ``members`` says which of its programs start at boot.

    If one of them does, the target is started at boot as well, and must not start the others.
    """
    name = f"{group.name}.target"
    unit = new_unit(name, group.place.file, f"Group {group.title}: all workers")
    section = unit.section("Unit")
    section.set("Documentation", DOCUMENTATION)
    if not all(members.values()) and any(members.values()):
        section.comment("The other programs have autostart=false. 'wctl start' starts them, too.")
    for member in members:
        if members[member] or not any(members.values()):
            section.set("Wants", f"{member}.target")
    name_source(section, group.place.file)
    section.set("X-Wctl-Programs", " ".join(members))
    unit.section("Install").set("WantedBy", host.boot_target)
    return unit
