"""From rendered files to a machine that has them: what would change, and how it is written."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wctl.config.model import Config, Program
from wctl.errors import WctlError
from wctl.install.files import delete_file, delete_leftovers, write_file
from wctl.install.installed import Installed, Layout, orphans, programs
from wctl.units.marker import directives, own_text
from wctl.units.render import File


@dataclass(frozen=True)
class Write:
    """A file to be written, with what is there now."""

    path: Path
    text: str
    before: str | None
    secret: bool

    @property
    def subject(self) -> str:
        """The program or group that the file is about."""
        return _subject(self.path)

    @property
    def matters(self) -> bool:
        """Whether a worker that runs with the old text has to be restarted."""
        if self.before is None:
            return False
        if self.path.suffix == ".env":
            return _content(self.before) != _content(self.text)
        return list(directives(self.before, "Service")) != list(directives(self.text, "Service"))


@dataclass(frozen=True)
class Plan:
    """Everything that "wctl update" has to do."""

    writes: tuple[Write, ...]
    deletes: tuple[Path, ...]
    added: tuple[Program, ...]
    changed: tuple[Program, ...]  # restart what runs
    rescaled: tuple[Program, ...]  # numprocs is another
    removed: tuple[Installed, ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (
            self.writes
            or self.deletes
            or self.added
            or self.changed
            or self.rescaled
            or self.removed
        )


def plan(config: Config, files: Iterable[File], layout: Layout) -> Plan:
    """Compare the rendered ``files`` of ``config`` with the machine.

    Raises:
        WctlError: a file that is not ours is in the way.
    """
    rendered = list(files)
    writes = tuple(write for file in rendered if (write := _write(file, layout)) is not None)
    by_file = {write.path.name: write for write in writes}
    before = {program.name: program for program in programs(layout)}
    known = {name for name, program in before.items() if _set_up(program, layout)}
    names = {program.name for program in config.programs}
    return Plan(
        writes=writes,
        deletes=orphans(layout, [file.name for file in rendered]),
        added=tuple(p for p in config.programs if p.name not in known),
        changed=tuple(p for p in config.programs if p.name in known and _restarts(p, by_file)),
        rescaled=tuple(
            p for p in config.programs if p.name in known and _renumbered(p, before[p.name])
        ),
        removed=tuple(
            p for p in before.values() if p.name not in names and p.file.parent == layout.units
        ),
    )


def only(plan: Plan, names: Sequence[str]) -> Plan:
    """Return the part of ``plan`` that is about the programs or groups of these names.

    Raises:
        WctlError: a name is neither configured nor installed.
    """
    chosen = set(names)
    part = Plan(
        writes=tuple(each for each in plan.writes if each.subject in chosen),
        deletes=tuple(path for path in plan.deletes if _subject(path) in chosen),
        added=tuple(each for each in plan.added if each.name in chosen or each.group in chosen),
        changed=tuple(each for each in plan.changed if each.name in chosen),
        rescaled=tuple(each for each in plan.rescaled if each.name in chosen),
        removed=tuple(each for each in plan.removed if each.name in chosen),
    )
    return part


def removal(programs: Sequence[Installed], layout: Layout) -> Plan:
    """Return the plan that uninstalls ``programs``."""
    names = {program.name for program in programs}
    files = [path for path in orphans(layout, ()) if _subject(path) in names]
    return Plan((), tuple(files), (), (), (), tuple(programs))


def diff(plan: Plan) -> str:
    """Return all changes of files as one unified diff; secrets are left out."""
    parts: list[str] = []
    for write in plan.writes:
        if write.secret:
            parts.append(f"# {write.path}: {'new' if write.before is None else 'changed'}\n")
        else:
            parts += _unified(write.path, write.before or "", write.text)
    for path in plan.deletes:
        parts += _unified(path, own_text(path) or "", "")
    return "".join(parts)


def write(plan: Plan) -> None:
    """Write the plan's files, each atomically: variables first, units after them.

    Raises:
        WctlError: a file cannot be written; those before it are.
    """
    delete_leftovers([each.path for each in plan.writes])
    for each in sorted(plan.writes, key=lambda each: not each.secret):
        write_file(each.path, each.text, secret=each.secret)


def delete(plan: Plan) -> None:
    """Delete the files of programs that are gone.

    Raises:
        WctlError: a file cannot be deleted.
    """
    for path in plan.deletes:
        delete_file(path)


def conflict(name: str, layout: Layout) -> Path | None:
    """Return the unit file of this name that is not ours, if there is one."""
    for directory in (layout.units, *layout.vendor):
        path = directory / name
        if path.exists():
            return None if own_text(path) is not None else path
    return None


def _write(file: File, layout: Layout) -> Write | None:
    directory = layout.environment if file.secret else layout.units
    path = directory / file.name
    before = own_text(path)
    if before is None and not file.secret:
        foreign = conflict(file.name, layout)
        if foreign is not None:
            raise WctlError(
                f"{foreign} is not wctl's and is not overwritten",
                hint="give the program another name, or move the file away",
            )
        before = _vendor_text(file.name, layout) if not path.exists() else None
    if before == file.text:
        return None
    return Write(path, file.text, before, file.secret)


def _vendor_text(name: str, layout: Layout) -> str | None:
    for directory in layout.vendor:
        text = own_text(directory / name)
        if text is not None:
            return text
    return None


def _set_up(program: Installed, layout: Layout) -> bool:
    """Tell a program that "wctl update" has seen from one that a package has just brought."""
    return program.file.parent == layout.units or bool(program.enabled)


def _restarts(program: Program, writes: dict[str, Write]) -> bool:
    files = (f"{program.name}@.service", f"{program.name}.env")
    return any(name in writes and writes[name].matters for name in files)


def _renumbered(program: Program, before: Installed) -> bool:
    return (program.numprocs, program.numprocs_start) != (before.numprocs, before.numprocs_start)


def _subject(path: Path) -> str:
    return path.name.partition("@")[0] if "@" in path.name else path.stem


def _content(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def _unified(path: Path, before: str, after: str) -> list[str]:
    old, new = (str(path) if text else "/dev/null" for text in (before, after))
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), old, new
    )
    return list(lines)
