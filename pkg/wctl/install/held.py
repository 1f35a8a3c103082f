"""Which programs an update leaves as they are because of errors, while it carries out the others.

An error must not make a program look as if it were removed, moved or changed. If a whole file is
in doubt, nobody knows which programs it has. Then nothing at all is removed. A program that has an
error and is new may be an old one that was renamed. Then no program of the same file is removed.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace

from wctl.config import blame as errors
from wctl.config.blame import Blame
from wctl.config.model import Config, Held, Program
from wctl.errors import Diagnostic
from wctl.install.installed import Installed, Layout, programs
from wctl.systemd import unit_name
from wctl.units.marker import absolute, directives, own_text


@dataclass(frozen=True)
class Left:
    """A program that an update leaves as it is, and the error that is the reason."""

    name: str  # as in the names of units
    title: str
    groups: frozenset[str]  # in which it is, or would be
    installed: bool
    because: Diagnostic

    def __str__(self) -> str:
        if self.installed:
            return (
                f"{self.title}: left as it is, with its installed configuration, because of the"
                f" error in {self.because.place}"
            )
        return f"{self.title}: not installed, because of the error in {self.because.place}"

    def among(self, names: Set[str]) -> bool:
        """Tell whether one of ``names`` names this program, or its group."""
        return self.name in names or not names.isdisjoint(self.groups)


def hold(config: Config, found: Blame, layout: Layout) -> tuple[Config, tuple[Left, ...]]:
    """Return ``config`` with all programs that must stay as they are among those that are held.

    ``found`` has the errors, none of which concerns everything.
    """
    if not (found.programs or found.groups or found.files):
        return config, ()
    installed = {program.name: program for program in programs(layout)}
    known = {program.name: program for program in config.known}
    because = _because(config, found, installed)
    kept = [program for program in config.programs if program.name not in because]
    held = [
        Held(
            name,
            known[name].title if name in known else name,
            installed[name].group if name in installed else "",
            known[name].priority if name in known else None,
            installed[name].autostart if name in installed else True,
        )
        for name in sorted(because)
    ]
    titles = {_name(title): title for title in found.programs}
    left = [
        Left(
            program.name,
            titles.get(program.name, program.title),
            _groups(known.get(program.name), installed.get(program.name)),
            program.name in installed,
            because[program.name],
        )
        for program in held
    ]
    groups = frozenset(map(_name, found.groups))
    new = [error for title, error in found.programs.items() if _name(title) not in installed]
    config = replace(
        config,
        programs=tuple(kept),
        held=tuple(held),
        held_groups=groups,
        renaming=frozenset(absolute(error.place.file) for error in new),
    )
    return config, tuple(left)


def _groups(configured: Program | Held | None, installed: Installed | None) -> frozenset[str]:
    return frozenset(program.group for program in (configured, installed) if program is not None)


def _because(
    config: Config, found: Blame, installed: Mapping[str, Installed]
) -> dict[str, Diagnostic]:
    """Return the reason for each program that is to be held, by its name."""
    because = {_name(title): error for title, error in found.programs.items()}
    known = {program.name for program in config.known}.union(installed)
    for title, error in found.groups.items():
        group = _name(title)
        names = {_name(member) for member in errors.members(config, title)}
        names |= {program.name for program in installed.values() if program.group == group}
        for name in names & known:
            because.setdefault(name, error)
    for file, error in found.files.items():
        for program in installed.values():
            if program.source == absolute(file):
                because.setdefault(program.name, error)
        for configured in config.programs:
            here = installed.get(configured.name)
            if configured.place.file == file or (here and here.group != configured.group):
                because.setdefault(configured.name, error)  # its group may be in that file
    _wait_for(config, installed, because)
    _keep_for(config, installed, because)
    return because


def _keep_for(
    config: Config, installed: Mapping[str, Installed], because: dict[str, Diagnostic]
) -> None:
    """Add the programs that are to be removed, but with which systemd would stop held ones."""
    known = {program.name for program in config.known}
    for name in [name for name in because if name in installed]:
        for key, value in directives(own_text(installed[name].file) or "", "Unit"):
            needed = value.removesuffix(".target")
            if key == "Requires" and needed in installed and needed not in known:
                because.setdefault(needed, because[name])


def _wait_for(
    config: Config, installed: Mapping[str, Installed], because: dict[str, Diagnostic]
) -> None:
    """Add the programs that systemd could not start without those that are not installed."""
    name_of = {program.title: program.name for program in config.known}
    waiting = True
    while waiting:
        waiting = False
        for program in config.programs:
            needed = [name_of.get(word, word) for word in program.requires]
            lacks = [name for name in needed if name in because and name not in installed]
            if lacks and program.name not in because:
                because[program.name] = because[lacks[0]]
                waiting = True


def _name(title: str) -> str:
    """Return the name of a program or group in names of units; a wrong title stays as it is."""
    try:
        return unit_name.of_program(title)
    except ValueError:
        return title
