"""What an update would do, and which programs it leaves as they are because of errors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wctl.check import checker
from wctl.config.blame import Blame, blame
from wctl.config.model import Config
from wctl.errors import ConfigError, Diagnostic, UnknownNamesError, WctlError
from wctl.install import changes
from wctl.install.changes import Plan
from wctl.install.held import hold
from wctl.install.installed import Installed
from wctl.install.named import named
from wctl.operate import apply
from wctl.session.session import Session
from wctl.systemd import unit_name
from wctl.units.host import Host
from wctl.units.marker import absolute
from wctl.units.render import render


@dataclass(frozen=True)
class Planned:
    """A plan for the programs that the user has named, or for all; and what it leaves out."""

    plan: Plan
    errors: tuple[Diagnostic, ...]
    left: tuple[str, ...]  # a line for each program that the plan leaves as it is
    complete: bool  # whether the plan does all that the user asked for

    @property
    def lines(self) -> list[str]:
        """Each error, and then each program that the plan leaves as it is."""
        return [*map(str, self.errors), *self.left]


def planned(
    session: Session,
    programs: Sequence[str] = (),
    *,
    prune: bool = False,
    adding: bool = False,
    host: Host | None = None,
    taken: Mapping[str, str] | None = None,
) -> Planned:
    """Return the plan for ``programs``, or for all. ``adding`` a program never removes one.

    ``taken`` says why the names of programs and groups are not theirs: systemd has such units.

    Raises:
        ConfigError: an error concerns the whole configuration.
        UnknownNamesError: some names are neither configured nor installed.
    """
    config = session.config
    found = [*config.errors, *_name_taken(config, taken or {})]
    found += [finding for finding in checker.check(config, session.layout) if finding.error]
    errors = tuple(sorted(found, key=lambda error: (error.place.file, error.place.line)))
    blamed = blame(config, errors)
    if blamed.everything:
        raise ConfigError(errors)
    config, left = hold(config, blamed, session.layout)
    rendered = render(config, host or session.host())
    plan = changes.plan(config, rendered, session.layout, session.searched, prune=prune)
    plan = apply.with_unfinished(plan, config, session.layout)
    try:
        names = named(programs, config, blamed, session.layout, errors)
    except UnknownNamesError as error:
        error.diagnostics = errors
        raise
    if names:
        plan = changes.only(plan, sorted(names), session.layout)
        left = tuple(program for program in left if program.among(names))
    lines = [str(program) for program in left]
    if adding:
        lines += [_gone(session, program) for program in plan.removed if names]
        plan = changes.without_removals(plan)
    for program in plan.spared:
        place = _in_doubt(program, blamed).place
        lines.append(
            f"{program.shown}: left as it is, although it seems to be no longer configured, because"
            f" of the error in {place}"
        )
    unclear = _unclear(names, blamed) or bool(plan.kept) if names else bool(errors)
    return Planned(plan, errors, tuple(sorted(lines)), not (lines or unclear))


def settled(session: Session, plan: Callable[..., Planned]) -> Planned:
    """Return what ``plan`` returns under the lock, about the configuration as it is now.

    Another wctl may have applied the plan meanwhile. What systemd has under the names of new
    programs is left out.
    """
    session.read_again()
    found = plan()
    taken = apply.taken(session.manager, session.layout, found.plan)
    return plan(taken=taken) if taken else found


def refuse_to_remove(session: Session, plan: Plan) -> None:
    """Raise WctlError if programs are likely to be missing by mistake.

    Their workers would be stopped, and the numbers that they were scaled to forgotten.
    """
    why = session.config.lacks or _emptied(session, plan)
    if plan.removed and why:
        names = ", ".join(program.shown for program in plan.removed)
        raise WctlError(why, hint=f"to remove {names}, use --prune, or name the programs")


def _emptied(session: Session, plan: Plan) -> str:
    """Say which of wctl's own directories has no file any more, perhaps for want of a mount."""
    read = {Path(file).parent for file in session.config.files}
    came = {Path(program.source).parent for program in plan.removed}
    for directory in map(Path, session.layout.searched):
        if directory in came - read:
            return f"no file: {directory}/*.conf, from which programs were installed"
    return ""


def _gone(session: Session, program: Installed) -> str:
    remedy = session.command("remove", program.shown, files=session.files)
    return f"{program.shown}: not added, it is no longer configured; '{remedy}' removes it"


def _in_doubt(program: Installed, blamed: Blame) -> Diagnostic:
    """Return the error that may be the reason why ``program`` is in no file."""
    errors = [*blamed.files.values(), *blamed.programs.values()]
    here = [error for error in errors if absolute(error.place.file) == program.source]
    return [*here, *errors][0]


def _name_taken(config: Config, taken: Mapping[str, str]) -> Iterator[Diagnostic]:
    for program in config.programs:
        if program.name in taken:
            why = taken[program.name]
            yield Diagnostic("name-taken", program.place, program.section, "", why)
    for group in config.groups:
        if group.name in taken:
            section = f"group:{group.title}"
            yield Diagnostic("name-taken", group.place, section, "", taken[group.name])


def _unclear(names: Collection[str], blamed: Blame) -> bool:
    """Tell whether one of ``names`` is the name of a group that has an error."""
    return any(unit_name.typed(title) in names for title in blamed.groups)
