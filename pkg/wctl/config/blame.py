"""Whom an error concerns: one program, one group, whatever one file says, or everything."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field

from wctl.config.model import Config
from wctl.errors import Diagnostic

PROGRAMS = ("program", "fcgi-program")
# A damaged file that has one of these sections may change what every other file says.
_FOR_ALL = {"supervisord", "include", "DEFAULT"}


@dataclass
class Blame:
    """The errors of a configuration, by what they concern: the first error of each."""

    everything: list[Diagnostic] = field(default_factory=list)
    programs: dict[str, Diagnostic] = field(default_factory=dict)  # by title
    groups: dict[str, Diagnostic] = field(default_factory=dict)  # by title
    files: dict[str, Diagnostic] = field(default_factory=dict)  # that may hold any program


def blame(config: Config, errors: Iterable[Diagnostic]) -> Blame:
    """Return what each of ``errors`` concerns."""
    found = Blame()
    for error in errors:
        kind, title = _split(error.section)
        if kind in PROGRAMS:
            found.programs.setdefault(title, error)
        elif kind == "group":
            found.groups.setdefault(title, error)
        elif _is_of_file(config, error):
            found.files.setdefault(error.place.file, error)
        else:
            found.everything.append(error)
    for file, error in found.files.items():
        for kind, title in map(_split, config.broken[file]):
            if kind in PROGRAMS:
                found.programs.setdefault(title, error)
            elif kind == "group":
                found.groups.setdefault(title, error)
    return found


def _is_of_file(config: Config, error: Diagnostic) -> bool:
    sections = config.broken.get(error.place.file)
    return not error.section and sections is not None and not sections & _FOR_ALL


def _split(section: str) -> tuple[str, str]:
    """Return the kind of a section and its title; no kind if it has no title."""
    kind, colon, title = section.partition(":")
    return (kind.strip(), title.strip()) if colon else ("", "")


def members(config: Config, title: str) -> Iterator[str]:
    """Yield the titles of all programs that the group ``title`` may concern.

    A program that has the group's name has the same target.
    """
    yield title
    yield from config.listed.get(title, ())
    names = {group.name for group in config.groups if group.title == title}
    for program in config.known:
        if program.group in names:
            yield program.title


def of_programs(config: Config, found: Blame, names: Container[str]) -> tuple[Diagnostic, ...]:
    """Return the errors in ``found`` that concern programs with these names or titles."""
    chosen = [one for one in config.known if one.name in names or one.title in names]
    titles = {program.title for program in chosen}
    errors = [*found.everything]
    errors += [
        error for title, error in found.programs.items() if title in titles or title in names
    ]
    for title, error in found.groups.items():
        if titles.intersection(members(config, title)):
            errors.append(error)
    return tuple(dict.fromkeys(errors))
