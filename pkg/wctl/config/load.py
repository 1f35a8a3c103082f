"""From sections to programs and groups.

The loader collects everything that is wrong; it raises no error about what a configuration says.
"""

from __future__ import annotations

import os
import platform
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from wctl.config import includes, unsupported, values
from wctl.config.builder import LIMITS, SHARED, Builder, Shared
from wctl.config.includes import Merged, Sections
from wctl.config.model import Config, Group, Held, Program
from wctl.config.options import OPTION, Option
from wctl.config.unsupported import SILENCER
from wctl.errors import Diagnostic, Diagnostics, Exit, WctlError, nearest
from wctl.systemd import unit_name
from wctl.trust.text import printable

_MOST_PROGRAMS = 100_000
_PRIORITY = OPTION["priority"]
_PROGRAMS = Option("programs", values.words, (), "the target of a group", "The group's programs.")


def default_files(config_directory: Path) -> tuple[Path, ...]:
    """Return the files of the configuration in a directory: the system's or the user's."""
    main = config_directory / "wctl.conf"
    return (*([main] if main.exists() else []), *sorted(config_directory.glob("conf.d/*.conf")))


def load(
    files: Iterable[Path], environ: Mapping[str, str], *, for_supervisor: bool = False
) -> Config:
    """Read ``files`` and the files that they include. ``environ`` has the values of %(ENV_X)s.

    ``for_supervisor`` says that the files were written for Supervisor, whatever is in them.
    """
    findings, names = Diagnostics(), names_of(environ)
    found = includes.read(files, names, findings)
    if for_supervisor:
        found.for_supervisor.update(map(str, found.files))
    return _Loader(found, Shared(findings, names)).config()


def names_of(environ: Mapping[str, str]) -> dict[str, object]:
    """Return the names that every section may use in its values, as Supervisor has them."""
    names: dict[str, object] = {f"ENV_{name}": text for name, text in environ.items()}
    return {**names, "host_node_name": platform.node()}


class _Loader:
    def __init__(self, found: Sections, shared: Shared) -> None:
        self._sections = found
        self._shared = shared
        self._findings = shared.findings
        self._held: list[Held] = []

    def config(self) -> Config:
        self._supervisord()
        groups = list(self._groups())
        group_of = self._members(groups)
        programs = list(self._programs(group_of))
        for section in self._sections.by_name.values():
            if not section.name.startswith(("program:", "fcgi-program:")):
                unsupported.check(section, self._findings)
        known = {name for name, _ in self._program_sections()}
        for grouping in groups:
            self._check_group(grouping, known)
        for program in programs:
            self._check_units(program, known)
        return Config(
            programs=tuple(sorted(programs, key=lambda program: program.name)),
            groups=tuple(
                sorted((grouping.group for grouping in groups), key=lambda group: group.name)
            ),
            diagnostics=tuple(sorted(self._kept(), key=_by_place)),
            held=tuple(self._held),
            listed=self._listed(),
            broken=self._sections.broken,
            files=tuple(map(str, self._sections.files)),
            searched=tuple(self._sections.searched),
            unmatched=tuple(self._sections.unmatched),
            skipped=tuple(self._sections.skipped),
            wctl_ignore=self._ignored("supervisord"),
        )

    def _supervisord(self) -> None:
        """Resolve the options of [supervisord] that apply to all programs."""
        section = self._sections.by_name.get("supervisord")
        for option in (*(OPTION[name] for name in SHARED), *LIMITS, OPTION["environment"]):
            entry = section.entries.get(option.name) if section else None
            if entry is None and section and option.name == "environment":
                entry = self._sections.defaults.get("environment")  # programs add variables
            if entry is None:
                continue
            try:
                names = ChainMap(self._shared.names)
                if option.name == "environment":
                    self._shared.environment = self._shared.variables(entry, names, "supervisord")
                else:
                    value = self._shared.value(option, entry, names, "supervisord")
                    if option.name == "directory" and not value.text(0).startswith("/"):
                        raise ValueError("expected an absolute path")
                    self._shared.values[option.name] = value
            except ValueError as error:
                problem = str(error)
                self._findings.error("bad-value", entry.place, "supervisord", entry.key, problem)
        for key, text in self._shared.environment.items():
            self._shared.names[f"ENV_{key}"] = text.text(0)

    def _program_sections(self) -> Iterator[tuple[str, Merged]]:
        for name, section in self._sections.by_name.items():
            kind, colon, title = name.partition(":")
            if colon and kind in ("program", "fcgi-program"):
                yield title.strip(), section

    def _programs(self, group_of: Mapping[str, Group]) -> Iterator[Program]:
        seen: dict[str, str] = {}
        for count, (title, section) in enumerate(self._program_sections()):
            if count == _MOST_PROGRAMS:
                problem = f"more than {_MOST_PROGRAMS:,} programs, expected fewer"
                self._findings.error("name", section.place, "", "", problem)
                return
            if title in seen:
                problem = f"[{seen[title]}] has the same name, and both would be the same units"
                self._findings.error("name", section.place, section.name, "", problem)
                continue
            seen[title] = section.name
            name = self._escaped(section, title, unit_name.of_program)
            if name is not None:
                program = self._program(name, title, section, group_of.get(title))
                if program is not None:
                    yield program
                else:
                    self._hold(name, title, section, group_of.get(title))

    def _program(
        self, name: str, title: str, section: Merged, group: Group | None
    ) -> Program | None:
        names = {"program_name": title, "group_name": group.title if group else title}
        entries = {**self._sections.defaults, **section.entries}
        builder = Builder(self._shared, section.name, section.place, entries, names)
        builder.for_supervisor = section.place.file in self._sections.for_supervisor
        return builder.program(name, group.name if group else name)

    def _hold(self, name: str, title: str, section: Merged, group: Group | None) -> None:
        """Note what is known of a program that has an error."""
        entry = section.entries.get("priority") or self._sections.defaults.get("priority")
        priority: int | None = int(_PRIORITY.default)
        if entry is not None:
            try:
                priority = int(self._shared.value(_PRIORITY, entry, ChainMap(self._shared.names)))
            except ValueError:
                priority = None
        self._held.append(Held(name, title, group.name if group else name, priority))

    def _listed(self) -> dict[str, tuple[str, ...]]:
        """Return the words of ``programs`` of each group, right or wrong, by the group's title."""
        listed: dict[str, tuple[str, ...]] = {}
        for section in self._sections.by_name.values():
            kind, _, title = section.name.partition(":")
            entry = section.entries.get("programs")
            if kind == "group" and entry is not None:
                title = title.strip()
                listed[title] = (*listed.get(title, ()), *values.words(entry.value))
        return listed

    def _escaped(
        self, section: Merged, title: str, escape: Callable[[str], str] = unit_name.escape
    ) -> str | None:
        try:
            return escape(title)
        except ValueError as error:
            problem = f"{title[:60]!r} is not a valid name: {error}"
            self._findings.error("name", section.place, section.name, "", problem)
            return None

    def _groups(self) -> Iterator[_Grouping]:
        seen: dict[str, str] = {}
        for section in self._sections.by_name.values():
            kind, colon, title = section.name.partition(":")
            if kind != "group" or not colon:
                continue
            titles = self._titles(section)
            name = self._escaped(section, title.strip())
            first = seen.setdefault(title.strip(), section.name)
            if first != section.name:
                problem = f"[{first}] has the same name, and both would be one group"
                self._error("name", section, "", problem)
            elif titles == ():
                problem = "no programs, so the group has no effect; expected a list of programs"
                place = section.entries["programs"].place if "programs" in section.entries else None
                self._findings.warning(
                    "empty-group", place or section.place, section.name, "programs", problem
                )
            elif titles is not None and name is not None:
                priority = self._priority(section)
                name = self._name_beside_program(section, name, title.strip(), titles)
                group = Group(name, title.strip(), _names(titles), priority, section.place)
                yield _Grouping(group, section, titles)

    def _name_beside_program(
        self, section: Merged, name: str, title: str, titles: tuple[str, ...]
    ) -> str:
        """Return the name of a group's target: another one if a program of the group has it."""
        other = f"{title}{unit_name.GROUP}"
        taken = {known for known, _ in self._program_sections()}
        if title not in titles or titles == (title,) or other in taken:
            return name
        try:
            name = unit_name.escape(other)
        except ValueError:
            return name  # too long: _check_group() reports it
        problem = f"a program of the group has this name, so wctl calls the group {other}"
        self._findings.warning("group-renamed", section.place, section.name, "", problem)
        return name

    def _titles(self, section: Merged) -> tuple[str, ...] | None:
        """Return the names of a group's programs, each once; None if they are wrong (reported).

        Supervisor runs a program once, too, that its group names twice.
        """
        entry = section.entries.get("programs")
        if entry is None:
            return ()
        try:
            names = ChainMap(self._shared.names)
            return tuple(dict.fromkeys(self._shared.value(_PROGRAMS, entry, names, section.name)))
        except ValueError as error:
            self._error("bad-value", section, "programs", f"{entry.value[:60]!r}: {error}")
            return None

    def _priority(self, section: Merged) -> int:
        entry = section.entries.get("priority") or self._sections.defaults.get("priority")
        if entry is None:
            return int(_PRIORITY.default)
        try:
            names = ChainMap(self._shared.names)
            return int(self._shared.value(_PRIORITY, entry, names, section.name))
        except ValueError as error:
            self._error("bad-value", section, "priority", f"{entry.value[:60]!r}: {error}")
            return 0

    def _members(self, groups: Iterable[_Grouping]) -> dict[str, Group]:
        """Return the group of each grouped program, by the program's title."""
        members: dict[str, Group] = {}
        for grouping in groups:
            for title in grouping.titles:
                if title in members:
                    problem = f"{title} is also in [group:{members[title].title}]"
                    problem += ", expected in one group only"
                    self._error("two-groups", grouping.section, "programs", problem)
                members[title] = grouping.group
        return members

    def _check_group(self, grouping: _Grouping, known: set[str]) -> None:
        for title in grouping.titles:
            if title not in known:
                problem = f"there is no [program:{title}]{self._findings.nearest(title, known)}"
                self._error("unknown-program", grouping.section, "programs", problem)
        title, alone = grouping.group.title, grouping.titles == (grouping.group.title,)
        if title in known and not alone and grouping.group.name == unit_name.escape(title):
            problem = "a program has this name, and both would be the same target"
            self._error("name", grouping.section, "", f"{problem}, expected another name")

    def _check_units(self, program: Program, known: set[str]) -> None:
        """Report names in after, requires and wants that are neither programs nor units."""
        for key in ("after", "requires", "wants"):
            for name in getattr(program, key):
                if name not in known and not unit_name.is_unit(name):
                    problem = f"{name}: neither a program nor the name of a unit"
                    section = self._sections.by_name[program.section]
                    near = self._findings.nearest(name, known)
                    self._error("unknown-program", section, key, f"{problem}{near}")

    def _error(self, code: str, section: Merged, key: str, problem: str) -> None:
        entry = section.entries.get(key) or self._sections.defaults.get(key)
        place = entry.place if entry else section.place
        self._findings.error(code, place, section.name, key, problem)

    def _kept(self) -> list[Diagnostic]:
        """Return all diagnostics but the warnings that a section silences with wctl_ignore."""
        ignored = {name: self._ignored(name) for name in ("DEFAULT", *self._sections.by_name)}
        return [
            diagnostic
            for diagnostic in self._findings.found
            if diagnostic.error or diagnostic.code not in ignored.get(diagnostic.section, ())
        ]

    def _ignored(self, name: str) -> tuple[str, ...]:
        """Return the codes in wctl_ignore of [DEFAULT] and of the section ``name``."""
        section = self._sections.by_name.get(name)
        entries = [self._sections.defaults.get(SILENCER)]
        entries += [section.entries.get(SILENCER)] if section is not None else []
        return tuple(word for entry in entries if entry for word in values.words(entry.value))


@dataclass(frozen=True)
class _Grouping:
    """A group, its section, and the names of its programs as the configuration writes them."""

    group: Group
    section: Merged
    titles: tuple[str, ...]


def _names(titles: Iterable[str]) -> tuple[str, ...]:
    names = []
    for title in titles:
        with suppress(ValueError):  # no program has that name: _check_group() reports it
            names.append(unit_name.escape(title))
    return tuple(names)


def _by_place(diagnostic: Diagnostic) -> tuple[str, int]:
    return diagnostic.place.file, diagnostic.place.line


def program(config: Config, name: str) -> Program:
    """Return the program with this name or title.

    Raises:
        WctlError: there is none.
    """
    found = [
        candidate for candidate in config.programs if name in (candidate.name, candidate.title)
    ]
    if not found:
        raise _no_such(name, [candidate.title for candidate in config.known])
    return found[0]


def only(config: Config, name: str) -> Config:
    """Return ``config`` with this program, or with this group and its programs, alone.

    All others are held, so that the units are those that all together have.

    Raises:
        WctlError: no program and no group has this name or title.
    """
    chosen = [one for one in config.programs if name in (one.name, one.title)]
    called = {group.name for group in config.groups if name in (group.name, group.title)}
    groups = set() if chosen else called
    if not (chosen or groups):
        raise _no_such(name, [one.title for one in (*config.known, *config.groups)])
    chosen += [one for one in config.programs if one.group in groups]
    others = [one for one in config.programs if one not in chosen]
    held = [Held(one.name, one.title, one.group, one.priority, one.autostart) for one in others]
    return replace(
        config,
        programs=tuple(chosen),
        held=(*config.held, *held),
        held_groups=frozenset({group.name for group in config.groups} - groups),
    )


def _no_such(name: str, known: Iterable[str]) -> WctlError:
    message = f"{printable(name)}: no such program{nearest(name, known)}"
    return WctlError(message, exit_code=Exit.UNKNOWN)


def environ() -> Mapping[str, str]:
    """Return the variables that %(ENV_X)s may name: the environment of this process."""
    return os.environ
