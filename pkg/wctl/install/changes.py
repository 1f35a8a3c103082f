"""The changes between the machine and the rendered files: compare, show and write them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from wctl.config.model import Config, Program
from wctl.errors import WctlError
from wctl.install.applied import applied, limits, listens, own_directives, variables
from wctl.install.files import delete_file, delete_leftovers, write_file
from wctl.install.installed import Installed, Layout, came_from, orphans, programs
from wctl.trust import files
from wctl.units.marker import own_text
from wctl.units.render import File

_P = TypeVar("_P", Program, Installed)


@dataclass(frozen=True)
class Write:
    """A file to be written. ``before`` is the text that it replaces; None for a new file."""

    path: Path
    text: str
    before: str | None
    secret: bool

    @property
    def subject(self) -> str:
        """The name of the program or group that the file belongs to."""
        return subject_of(self.path)

    @property
    def matters(self) -> bool:
        """Whether workers that run with the old text must be restarted.

        A worker that was started while its file of variables was lost runs without them.
        """
        if self.lost:
            return True
        if self.before is None:
            return False
        if is_secret(self.path):
            return variables(self.before) != variables(self.text)
        if self.path.suffix == ".socket":
            return listens(self.before) != listens(self.text)
        return applied(self.before) != applied(self.text)

    @property
    def limits(self) -> bool:
        """Whether this is a unit whose workers have other limits than before."""
        return self._differs(limits)

    @property
    def alters(self) -> bool:
        """Whether this is a unit of another service: other programs change [Unit] alone."""
        return self._differs(own_directives)

    def _differs(self, part: Callable[[str], object]) -> bool:
        return not self.secret and self.before is not None and part(self.before) != part(self.text)

    @property
    def lost(self) -> bool:
        """Whether this is a file of variables that does not exist, or that wctl did not write."""
        return self.secret and self.before is None


@dataclass(frozen=True)
class Plan:
    """Everything that "wctl update" has to do."""

    writes: tuple[Write, ...]
    deletes: tuple[Path, ...]
    added: tuple[Program, ...]
    changed: tuple[Program, ...]  # restart their workers
    rescaled: tuple[Program, ...]  # numprocs or numprocs_start has changed
    touched: tuple[Program, ...]  # enable or disable their targets, as autostart= says
    removed: tuple[Installed, ...]
    kept: tuple[Installed, ...] = ()  # not configured here; they come from files that were not read
    reopened: tuple[Program, ...] = ()  # of the changed ones: systemd must open their socket anew
    # Of the added ones: a package's units differ, and workers may have been started from those.
    replaced: tuple[Program, ...] = ()
    limited: tuple[Program, ...] = ()  # give their workers other limits; they run on
    spared: tuple[Installed, ...] = ()  # not configured, as far as wctl can read the configuration
    rewritten: tuple[Program, ...] = ()  # systemd must read their units anew

    @property
    def adjusted(self) -> tuple[str, ...]:
        """The programs, and the new or changed groups, of which no worker is touched."""
        names = {file.subject for file in self.writes}
        names |= {one.name for one in (*self.touched, *self.rewritten)}
        busy = {one.name for one in (*self.added, *self.changed, *self.rescaled)}
        return tuple(sorted(names - busy))

    @property
    def altered(self) -> tuple[str, ...]:
        """The adjusted programs of which something in their own section has changed."""
        own = {file.subject for file in self.writes if file.alters}
        own |= {program.name for program in self.touched}
        return tuple(name for name in self.adjusted if name in own)

    @property
    def new_groups(self) -> frozenset[str]:
        """The groups of which there was no file."""
        concerned = (*self.touched, *self.rewritten)
        groups = {program.group for program in concerned} - {one.name for one in concerned}
        before = (file.subject for file in self.writes if file.before is not None)
        return frozenset(groups.difference(before))

    @property
    def empty(self) -> bool:
        """Whether the plan changes nothing."""
        return not (
            self.writes
            or self.deletes
            or self.added
            or self.changed
            or self.rescaled
            or self.touched
            or self.limited
            or self.removed
            or self.rewritten
        )


def plan(
    config: Config,
    files: Iterable[File],
    layout: Layout,
    searched: Container[str] = (),
    *,
    prune: bool = False,
) -> Plan:
    """Return the plan that brings the machine to the rendered ``files`` of ``config``.

    The plan removes programs that came from the files of ``config``, or from files in directories
    that the configuration or the caller have ``searched``; with ``prune`` all other programs. It
    leaves the files of held programs as they are. If wctl cannot read the whole configuration, it
    removes nothing.

    Raises:
        WctlError: a unit file that wctl did not write has the same name.
    """
    rendered = list(files)
    writes = tuple(write for file in rendered if (write := _write(file, layout)) is not None)
    by_file = {write.path.name: write for write in writes}
    new = {name for name, file in by_file.items() if file.before is None}
    before = {program.name: program for program in programs(layout)}
    known = {name for name, program in before.items() if _set_up(program, layout)}
    removed, kept = _left_over(before.values(), config, layout, searched, prune=prune)
    spared = tuple(one for one in removed if config.broken or one.source in config.renaming)
    removed = tuple(program for program in removed if program not in spared)
    orphaned = orphans(layout, [file.name for file in rendered])
    stay = _staying(config, (*kept, *spared), orphaned)
    old = [program for program in config.programs if program.name in known]
    return Plan(
        writes=writes,
        deletes=tuple(path for path in orphaned if subject_of(path) not in stay),
        added=tuple(program for program in config.programs if program.name not in known),
        changed=tuple(program for program in old if _restarts(program, by_file)),
        rescaled=tuple(program for program in old if _renumbered(program, before[program.name])),
        touched=tuple(
            program
            for program in config.programs
            if program.name not in known
            or program.autostart != before[program.name].autostart
            or f"{program.name}.target" in new
        ),
        removed=removed,
        kept=kept,
        limited=tuple(
            program
            for program in config.programs
            if (unit := by_file.get(f"{program.name}@.service")) is not None
            if unit.limits and not _restarts(program, by_file)
        ),
        reopened=tuple(program for program in old if _reopens(program, by_file)),
        replaced=tuple(
            program
            for program in config.programs
            if program.name in before.keys() - known and _restarts(program, by_file)
        ),
        spared=spared,
        rewritten=tuple(
            program
            for program in config.programs
            if by_file.keys() & {f"{program.name}@.service", f"{program.name}.target"}
        ),
    )


def _staying(config: Config, kept: Iterable[Installed], orphaned: Iterable[Path]) -> Container[str]:
    """Return the programs and groups whose files stay, although no configuration has them."""
    stay = {name for program in kept for name in (program.name, program.group)}
    stay |= {name for program in config.held for name in (program.name, program.group)}
    stay |= config.held_groups
    if config.broken:
        ours = {program.name for program in config.programs}
        stay |= {subject_of(path) for path in orphaned} - ours
    return stay


def _left_over(
    programs: Iterable[Installed],
    config: Config,
    layout: Layout,
    searched: Container[str],
    *,
    prune: bool,
) -> tuple[tuple[Installed, ...], tuple[Installed, ...]]:
    """Return the programs that are not configured: those to remove, and those to keep.

    A program came from the files that were read, or from where its file would have been found.
    """
    names = {program.name for program in config.known}
    removed: list[Installed] = []
    kept: list[Installed] = []
    for program in programs:
        if program.name in names or program.file.parent != layout.units:
            continue
        ours = prune or came_from(program, config, searched)
        (removed if ours else kept).append(program)
    return tuple(removed), tuple(kept)


def only(plan: Plan, names: Sequence[str], layout: Layout) -> Plan:
    """Return the part of ``plan`` for the programs and groups with these names.

    A group has the programs that it will have, and those that it has had.
    """
    installed = programs(layout)
    chosen = {*names, *(program.name for program in installed if program.group in names)}

    def mine(programs: Sequence[_P]) -> tuple[_P, ...]:
        return tuple(
            program for program in programs if program.name in chosen or program.group in chosen
        )

    added, changed, rescaled = mine(plan.added), mine(plan.changed), mine(plan.rescaled)
    touched, removed, rewritten = mine(plan.touched), mine(plan.removed), mine(plan.rewritten)
    concerned = (*added, *changed, *rescaled, *touched, *rewritten)
    members = [(program.name, program.group) for program in concerned]
    members += [(program.name, program.group) for program in removed]
    # A program's unit names the target of its group, so that must be there.
    subjects = chosen.union(*members)
    writes = tuple(file for file in plan.writes if file.subject in subjects)
    fresh = {file.path.name for file in writes}.union(path.name for path in plan.deletes)
    # Nor may a target be deleted that the unit of another program still names.
    named = {program.group for program in installed if program.file.name not in fresh}
    return Plan(
        writes=writes,
        deletes=tuple(
            path
            for path in plan.deletes
            if subject_of(path) in subjects
            and not (path.suffix == ".target" and path.stem in named)
        ),
        added=added,
        changed=changed,
        rescaled=rescaled,
        touched=touched,
        removed=removed,
        kept=mine(plan.kept),
        limited=mine(plan.limited),
        reopened=mine(plan.reopened),
        replaced=mine(plan.replaced),
        spared=mine(plan.spared),
        rewritten=rewritten,
    )


def without_removals(plan: Plan) -> Plan:
    """Return ``plan`` without the programs that it removes."""
    stay = {name for program in plan.removed for name in (program.name, program.group)}
    deletes = tuple(path for path in plan.deletes if subject_of(path) not in stay)
    return replace(plan, removed=(), deletes=deletes)


def removal(programs: Sequence[Installed], layout: Layout) -> Plan:
    """Return the plan that uninstalls ``programs``."""
    names = {program.name for program in programs}
    files = [path for path in orphans(layout, ()) if subject_of(path) in names]
    return Plan((), tuple(files), (), (), (), (), tuple(programs))


def write(plan: Plan) -> None:
    """Write the plan's files, each atomically: first the variables, then the units.

    Raises:
        WctlError: a file cannot be written; the files before it have been written.
    """
    delete_leftovers([*(file.path for file in plan.writes), *plan.deletes])
    for file in sorted(plan.writes, key=lambda file: not file.secret):
        write_file(file.path, file.text, secret=file.secret)


def delete(plan: Plan) -> None:
    """Delete the files that no program or group needs any more.

    Raises:
        WctlError: a file cannot be deleted.
    """
    for path in plan.deletes:
        delete_file(path)


def conflict(name: str, layout: Layout) -> Path | None:
    """Return the unit file ``name`` if it exists and wctl did not write it; None otherwise."""
    for directory in (layout.units, *layout.vendor):
        path = directory / name
        if path.exists():
            return None if own_text(path) is not None else path
    return None


def _write(file: File, layout: Layout) -> Write | None:
    directory = layout.environment if file.secret else layout.units
    path = directory / file.name
    before = own_text(path)
    if before is None and file.secret and _is_closed(path):
        return None  # we are not root, and cannot tell
    if before is None and not file.secret:
        foreign = conflict(file.name, layout)
        if foreign is not None:
            raise WctlError(
                f"{foreign}: wctl did not write this file, and does not overwrite it",
                hint="give the program another name, or move the file away",
            )
        before = _vendor_text(file.name, layout) if not path.exists() else None
    if before == file.text:
        return None
    return Write(path, file.text, before, file.secret)


def _is_closed(path: Path) -> bool:
    """Tell whether this user may not read ``path``."""
    try:
        files.read(path)
    except PermissionError:
        return True
    except OSError:
        pass
    return False


def _vendor_text(name: str, layout: Layout) -> str | None:
    for directory in layout.vendor:
        text = own_text(directory / name)
        if text is not None:
            return text
    return None


def _set_up(program: Installed, layout: Layout) -> bool:
    """Tell whether "wctl update" has set up a program, or a package has only installed it."""
    return program.file.parent == layout.units or bool(program.enabled)


def _restarts(program: Program, writes: dict[str, Write]) -> bool:
    return any(
        _matters(f"{program.name}{suffix}", writes) for suffix in ("@.service", ".env", ".socket")
    )


def _reopens(program: Program, writes: dict[str, Write]) -> bool:
    """Tell whether systemd may hold another socket for ``program`` than its unit describes.

    If the unit is new, systemd may still hold the socket of a unit that an update has deleted.
    """
    socket = writes.get(f"{program.name}.socket")
    return socket is not None and (socket.before is None or socket.matters)


def _matters(name: str, writes: dict[str, Write]) -> bool:
    return name in writes and writes[name].matters


def _renumbered(program: Program, before: Installed) -> bool:
    return (program.numprocs, program.numprocs_start) != (before.numprocs, before.numprocs_start)


def is_secret(path: Path) -> bool:
    """Tell whether a file holds variables, which only root may read."""
    return path.suffix == ".env"


def subject_of(path: Path) -> str:
    """Return the name of the program or group that a file belongs to."""
    return path.name.partition("@")[0] if "@" in path.name else path.stem
