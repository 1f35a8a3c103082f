"""import --back: moves workers from systemd to Supervisor again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wctl.cli.migrate import takeover
from wctl.cli.migrate.takeover import Running
from wctl.cli.output import echo
from wctl.cli.progress import Progress
from wctl.config import load
from wctl.config.model import Config, Program
from wctl.errors import ConfigError, Exit, WctlError
from wctl.install import files
from wctl.install.installed import programs as installed_programs
from wctl.operate.lock import exclusive
from wctl.session.session import Session
from wctl.supervisor import comparison, migration, service
from wctl.supervisor.back import Back, owned, sources
from wctl.supervisor.daemons import enabled_at_boot
from wctl.supervisor.supervisorctl import Supervisorctl
from wctl.supervisor.takeover import so_far


@dataclass(frozen=True)
class _Plan:
    """What goes back, and how."""

    programs: tuple[Program, ...]  # that wctl has, as Supervisor's files configure them
    levels: tuple[tuple[Program, ...], ...]  # in the order in which they start
    files: tuple[Path, ...]  # what the import has written into wctl's configuration
    sources: dict[str, Path]  # of these, the file of each program
    supervisor: Supervisorctl
    unit: str  # Supervisor's service; "": systemd does not start it
    runs: bool  # whether supervisord runs
    edited: tuple[str, ...]  # what wctl runs otherwise


def move_back(session: Session, theirs: Running, *, stop_first: bool, dry_run: bool) -> int:
    """Move all programs of a Supervisor that wctl runs back to it."""
    plan = _plan(session, theirs)
    if dry_run:
        for line in _told(plan):
            echo(line)
        echo("Nothing was changed (--dry-run).")
        return Exit.OK
    if not plan.programs and not plan.files:
        echo(f"wctl has no program of {theirs.file}")
        return Exit.OK
    with exclusive(user=session.user, waiting=lambda: echo("waiting for another wctl")):
        try:
            return _carry_out(session, plan, stop_first=stop_first)
        except KeyboardInterrupt:
            echo("wctl: the move back is not finished; run this command again", err=True)
            raise


def _plan(session: Session, theirs: Running) -> _Plan:
    """Look at what is to be done.

    Raises:
        ConfigError: Supervisor's configuration has errors.
        WctlError: Supervisor cannot run it as its files say.
    """
    inherited = theirs.inherited
    environ = inherited.environ or {**load.environ(), **inherited.given}
    found = load.load([theirs.file], environ, for_supervisor=True)
    if found.errors:
        raise ConfigError(found.errors)
    ours = _ours(session)
    names = owned(found.programs, installed_programs(session.layout), session.layout)
    places = sources(found.programs, ours, session.layout.configuration)
    chosen = tuple(one for one in found.programs if one.name in names or one.title in places)
    supervisor = theirs.client(found.programs)
    unit, runs = _service(session, theirs, supervisor, found.programs)
    levels = (tuple(one for one in level if one in chosen) for level in found.levels())
    copies = migration.copies_of(found.files, ours, set(places.values()))
    rest = [one for one in ours.programs if one.title not in places]
    held = inherited.file if inherited.written else None
    if held is not None and not any(str(held) in one.environment_file for one in rest):
        copies = (*copies, held)
    edited = tuple(comparison.edited(chosen, ours))
    return _Plan(chosen, tuple(levels), copies, places, supervisor, unit, runs, edited)


def _ours(session: Session) -> Config:
    """Return wctl's configuration; what is wrong with it keeps nobody from going back."""
    paths: tuple[Path, ...] = ()
    with suppress(WctlError):
        paths = load.default_files(session.layout.configuration)
    return load.load(paths, load.environ())


def _service(
    session: Session, theirs: Running, supervisor: Supervisorctl, programs: Sequence[Program]
) -> tuple[str, bool]:
    """Return Supervisor's service, and whether supervisord runs.

    Raises:
        WctlError: supervisord neither answers nor can be started, or does not run its files.
    """
    if theirs.daemon is not None:
        lines = takeover.not_applied(theirs, programs, supervisor)
        for line in lines:
            echo(line, err=True)
        if lines:
            raise WctlError(
                "Supervisor would run other programs than its files say; no program was moved back",
                hint="run 'supervisorctl update', then this command again",
            )
        unit = service.of_daemon(session.manager, theirs.daemon)
        return unit or service.of_file(session.manager, theirs.file), True
    unit = service.of_file(session.manager, theirs.file)
    if unit and not service.runs(session.manager, unit):
        return unit, False
    raise WctlError(
        f"{theirs.inherited.why}; no program was moved back",
        hint="" if unit else f"start supervisord with {theirs.file}, then run this command again",
        exit_code=Exit.UNKNOWN,
    )


def _told(plan: _Plan) -> Iterator[str]:
    """Yield what a move would do, in words that nobody takes for what was done."""
    yield from _changes(plan)
    if plan.unit:
        yield f"{plan.unit}: would be enabled{'' if plan.runs else ' and started'}"
    for level in plan.levels:
        yield from (f"{program.title}: would be moved back to Supervisor" for program in level)
    for file in plan.files:
        yield f"{file}: would be renamed to {file.name}.back"


def _changes(plan: _Plan) -> Iterator[str]:
    """Yield what somebody has edited in wctl's files, and Supervisor does not run."""
    for line in plan.edited:
        yield f"{line}; Supervisor runs what its own file says"


def _carry_out(session: Session, plan: _Plan, *, stop_first: bool) -> int:
    """Move program by program; go on after a program that Supervisor cannot run."""
    for line in _changes(plan):
        echo(line)
    session.whole_inventory.refresh()
    back = Back(
        session.manager, session.whole_inventory, session.layout, plan.supervisor, plan.sources,
        stop_first,
    )  # fmt: skip
    progress = Progress(session)
    ran = {program.title: (back.wanted(program), back.ran(program)) for program in plan.programs}
    targets = back.leave_boot(plan.programs)
    try:
        if not plan.runs and stop_first:
            progress.show(back.stop(plan.programs))
        _start_supervisor(plan, session)
    except WctlError:
        session.manager.enable(targets)
        if stop_first:
            for program in plan.programs:
                progress.show(back.start(program, ran[program.title][1]))
        raise
    failed = []
    for level in plan.levels:
        for program in level:
            try:
                progress.show(back.move(program, *ran[program.title]))
            except WctlError as error:
                echo(f"wctl: {error.message}", err=True)
                echo(f"      {error.hint}", err=True)
                failed.append(program)
    return _sum_up(plan, failed)


def _sum_up(plan: _Plan, failed: Sequence[Program]) -> int:
    """Take the rest of the imported files out of the way, and say what has become of them all."""
    for file in plan.files if not failed else ():
        if file.exists():
            echo(f"{file}: now {files.set_aside(file).name}")
    count = len(plan.programs)
    echo(f"Moved {count - len(failed)} of {count} program{'s' if count != 1 else ''} back")
    if not failed:
        return Exit.OK
    titles = ", ".join(program.title for program in failed)
    echo(f"Supervisor starts {titles} at the next boot, and systemd does not")
    for program in failed:
        source = plan.sources.get(program.title)
        if source is not None and not source.exists():
            echo(f"{program.title}: 'wctl update' would stop it, as {source} is renamed")
    return Exit.FAILURE


def _start_supervisor(plan: _Plan, session: Session) -> None:
    """Start Supervisor's service, now and at boot, and wait until supervisord answers.

    Raises:
        WctlError: it does not.
    """
    if not plan.unit:
        echo("systemd does not start supervisord: see to it that each boot does")
        return
    manager = session.manager
    with so_far("no program was moved back"):
        if plan.runs:
            service.enable(manager, plan.unit)
        else:
            undo = service.stop if enabled_at_boot(manager, plan.unit) else service.end
            try:
                service.begin(manager, plan.unit)
                service.answers(plan.supervisor)
            except WctlError as error:
                undo(manager, plan.unit)
                hint = f"see 'journalctl -u {plan.unit}'; --stop-first stops all workers before"
                raise WctlError(error.message, hint, error.exit_code) from None
    echo(f"{plan.unit}: {'enabled' if plan.runs else 'enabled and started'}")
