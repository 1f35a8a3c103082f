"""A Program to its files: pure text, no root and no systemd needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wctl.config.model import MOST_EARLIER, Config, Group, Program
from wctl.systemd.unit_file import Unit, environment_file
from wctl.units import socket_unit
from wctl.units.exec_start import for_wrapper
from wctl.units.service import Service
from wctl.units.target import DOCUMENTATION, Target, header, printable


@dataclass(frozen=True)
class File:
    """A file to be written. ``secret``: for root, or the user, alone."""

    name: str
    text: str
    secret: bool = False


def render(config: Config, target: Target) -> tuple[File, ...]:
    """Return every file of every program and group of ``config``."""
    names = {program.title: program.name for program in config.programs}
    earlier = _earlier(config)
    files: list[File] = []
    for program in config.programs:
        files += _render_program(program, target, names, earlier[program.name])
    by_name = {program.name: program for program in config.programs}
    for group in config.groups:
        if group.name not in by_name:
            members = [by_name[name] for name in group.programs if name in by_name]
            files.append(_file(_group_target(group, members, target)))
    return tuple(files)


def _render_program(
    program: Program, target: Target, names: Mapping[str, str], after: Iterable[str]
) -> list[File]:
    """Return the template, its target, its socket, and the file of its variables.

    ``names`` are the units' names of what after, requires and wants may mean, ``after`` those of
    the programs that start before this one.
    """
    files = [
        _file(Service(program, target, names, tuple(after)).unit()),
        _file(_program_target(program, target)),
    ]
    if program.socket is not None:
        files += map(_file, socket_unit.units(program, program.socket, target))
    if program.environment:
        files.append(File(f"{program.name}.env", _environment(program), secret=True))
    return files


def _file(unit: Unit) -> File:
    return File(unit.name, unit.text())


def _earlier(config: Config) -> Mapping[str, Iterable[str]]:
    """Return for each program those of the next lower priority: systemd orders along the chain."""
    earlier: dict[str, list[str]] = {}
    lower: list[str] = []
    for level in config.levels():
        crowd = len(lower) > MOST_EARLIER  # every one of this level would name all of them
        earlier.update({program.name: [] if crowd else lower for program in level})
        lower = [program.name for program in level]
    return earlier


def _environment(program: Program) -> str:
    lines = header(program.place.file, f"{program.name}.env")
    return "".join(f"# {line}\n" for line in lines) + environment_file(
        (name, for_wrapper(text) if text.numbers else text.text(0))
        for name, text in program.environment
    )


def _program_target(program: Program, target: Target) -> Unit:
    name = f"{program.name}.target"
    unit = Unit(name, header(program.place.file, name))
    section = unit.section("Unit")
    section.set("Description", f"All {program.title} workers")
    section.set("Documentation", DOCUMENTATION)
    if program.group != program.name:
        section.set("PartOf", f"{program.group}.target")
    section.raw("X-Wctl-Source", printable(program.place.file))
    section.flag("X-Wctl-Autostart", program.autostart)
    unit.section("Install").set("WantedBy", target.boot_target)
    return unit


def _group_target(group: Group, members: Iterable[Program], target: Target) -> Unit:
    name = f"{group.name}.target"
    source = next((program.place.file for program in members), "?")
    unit = Unit(name, header(source, name))
    section = unit.section("Unit")
    section.set("Description", f"Group {group.title}: all workers")
    section.set("Documentation", DOCUMENTATION)
    for program in members:
        section.set("Wants", f"{program.name}.target")
    section.raw("X-Wctl-Source", printable(source))
    section.set("X-Wctl-Programs", " ".join(program.name for program in members))
    unit.section("Install").set("WantedBy", target.boot_target)
    return unit
