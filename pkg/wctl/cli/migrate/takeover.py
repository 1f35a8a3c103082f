"""import --takeover: moves the workers that Supervisor runs, unless others would start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wctl.check import checker
from wctl.cli.output import echo
from wctl.cli.progress import Progress
from wctl.config import load
from wctl.config.blame import blame, of_programs
from wctl.config.model import Config, Program
from wctl.errors import ConfigError, Exit, WctlError
from wctl.install import pending
from wctl.install.held import hold
from wctl.operate.lock import exclusive
from wctl.session.session import Session
from wctl.supervisor import comparison, environment, migration, process, service
from wctl.supervisor.changes import Change
from wctl.supervisor.daemons import Daemon, daemons
from wctl.supervisor.environment import Inherited
from wctl.supervisor.migration import Migration
from wctl.supervisor.supervisorctl import Supervisorctl, running
from wctl.supervisor.takeover import Takeover, so_far
from wctl.trust.text import shell_join


@dataclass(frozen=True)
class Running:
    """The Supervisor that an import asks, as far as it answers."""

    file: Path
    control: str
    daemon: Daemon | None  # None: it does not answer, or must not be believed
    inherited: Inherited
    settings: tuple[Change, ...] = ()  # of its service, which its programs have, too
    directory: Path | None = None  # in which it runs; None: unknown

    def client(self, programs: Sequence[Program]) -> Supervisorctl:
        """Return the client for these programs."""
        return Supervisorctl(self.file, self.control, programs=programs)


def settle(session: Session, file: Path, control: str) -> None:
    """Wait for the end of a Supervisor that shuts down, and until one that has just begun answers.

    A takeover or a move back that somebody has killed leaves such a Supervisor behind.
    """
    manager = session.manager
    units = [one.unit for one in _left(session, file) if one.unit]
    for unit in service.stopping(manager, units):
        echo(f"waiting until {unit} has stopped")
    service.await_ends(manager, units)
    supervisor = Supervisorctl(file, control)
    for unit in units:
        if service.is_silent(manager, unit, supervisor):
            echo(f"waiting until {unit} answers, as it has just been started")
            with suppress(WctlError):  # look() says why it does not
                service.answers(supervisor)


def look(session: Session, file: Path, control: str) -> Running:
    """Find the supervisord of ``file``, and what its programs inherit from it."""
    directory = session.layout.configuration
    daemon = None
    settings: tuple[Change, ...] = ()
    try:
        daemon = process.answering(Supervisorctl(file, control), session.manager)
        settings = _settings(session, daemon)
        environ = process.environ_of(daemon)
        inherited = environment.of(environ, session.manager.environment(), directory, file)
    except WctlError as error:
        inherited = environment.unknown(error.message, directory, file)
    where = process.directory_of(daemon) if daemon is not None else None
    return Running(file, control, daemon, inherited, settings, where)


def _settings(session: Session, daemon: Daemon) -> tuple[Change, ...]:
    """Return what workers no longer have from the service of their supervisord."""
    unit = service.of_daemon(session.manager, daemon)
    what = "for Supervisor's service; the workers of wctl have that from systemd.SECTION.KEY only"
    found = service.settings(session.manager, unit) if unit else ()
    return tuple((path, f"sets {names} {what}") for path, names in found)


def refuse(
    session: Session, found: Migration, theirs: Running, *, force: bool, accept: bool
) -> None:
    """Refuse a takeover that would start other programs than Supervisor runs.

    ``force`` says that wctl's files will be overwritten; ``accept`` that the user wants the
    differences.

    Raises:
        WctlError: Supervisor does not answer, or it runs programs otherwise.
    """
    supervisor = theirs.client(found.programs)
    with so_far("no program was moved"):
        supervisor.states()
        lines = not_applied(theirs, found.programs, supervisor)
    hint = "run 'supervisorctl update', which restarts these programs, then this command again"
    if not lines:
        hint = "--force overwrites wctl's files, --accept-differences starts what they say"
        if theirs.inherited.environ is None:
            hint = "--accept-differences goes on without"
        ours = found.config if force else _kept(session, found)
        lines = _differences(found, ours, theirs.inherited, force=force, accept=accept)
    for line in lines:
        echo(line, err=True)
    if lines:
        raise WctlError(
            "wctl would not run the programs as Supervisor does; no program was moved", hint
        )


def _differences(
    found: Migration, ours: Config, inherited: Inherited, *, force: bool, accept: bool
) -> list[str]:
    """Return in what the programs of ``ours`` differ from those that Supervisor runs."""
    lines = []
    if not accept and inherited.environ is None:
        lines.append(f"supervisord's environment could not be read: {inherited.why}")
    if not (accept or force) and inherited.needed(found.programs) and inherited.edited:
        names = ", ".join(inherited.edited)
        lines.append(f"{inherited.file}: supervisord's environment has other values for {names}")
    lines += comparison.against(found.programs, ours, inherited, edits=accept)
    return lines


def not_applied(
    theirs: Running, programs: Sequence[Program], supervisor: Supervisorctl
) -> list[str]:
    """Return why Supervisor does not run what its files say.

    Raises:
        WctlError: supervisord does not answer, reads another file, or cannot read its files.
    """
    daemon = theirs.daemon
    read = daemon.file if daemon is not None else None
    if daemon is not None and read is not None and read.resolve() != theirs.file.resolve():
        raise WctlError(
            f"{daemon.who}, reads {read}, not {theirs.file}", hint=f"name its file: {read}"
        )
    return list(comparison.not_applied(programs, supervisor.edited()))


def _kept(session: Session, found: Migration) -> Config:
    return migration.with_kept(found, session.layout.configuration, load.environ())


def finished(session: Session, found: Migration, theirs: Running) -> bool:
    """Tell whether a takeover has moved all programs, and has ended Supervisor's service."""
    if theirs.daemon is not None or _left(session, theirs.file):
        return False
    names = {program.name for program in found.programs}
    installed = {program.name for program in session.whole_inventory.programs}
    return names <= installed and not names & pending.read(session.layout).programs


def _left(session: Session, file: Path) -> list[Daemon]:
    """Return each supervisord that may be that of ``file``, whether it runs or a boot starts it."""
    return [one for one in daemons(session.manager) if _may_have(one, file)]


def _may_have(daemon: Daemon, file: Path) -> bool:
    """Tell whether a supervisord may be that of ``file``: not if it is another user's."""
    if daemon.file is None:
        return not daemon.doubt
    return daemon.file.resolve() == file.resolve()


def take_over(session: Session, found: Migration, theirs: Running, *, stop_first: bool) -> int:
    """Move the programs, in the order in which they start; then end a Supervisor that is empty."""
    supervisor = theirs.client(found.programs)
    with so_far("no program was moved"):
        before = supervisor.states()
    with exclusive(user=session.user, waiting=lambda: echo("waiting for another wctl")):
        try:
            _move(session, found.programs, supervisor, stop_first=stop_first)
        except KeyboardInterrupt:
            echo("wctl: the takeover is not finished; run this command again", err=True)
            _warn(found.programs, before, supervisor)
            raise
        except WctlError:
            _warn(found.programs, before, supervisor)
            raise
    with so_far("all programs were moved"):
        after = supervisor.states()
    return _sum_up(session, found.programs, theirs, before, after)


def _warn(
    programs: Sequence[Program], before: Mapping[str, str], supervisor: Supervisorctl
) -> None:
    """Say what a boot does with the programs that a takeover has moved when it ends early."""
    with suppress(WctlError):
        after = supervisor.states()
        ran = [program for program in programs if running(program, before)]
        moved = [program.title for program in ran if not running(program, after)]
        if moved:
            echo(f"Moved {len(moved)} of {len(ran)} programs of Supervisor: {', '.join(moved)}")
            echo("Until the takeover is finished, a boot also starts these under Supervisor")


def foretell(session: Session, found: Migration, theirs: Running) -> None:
    """Say what take_over() would do."""
    states = theirs.client(found.programs).states()
    installed = {program.name for program in session.whole_inventory.programs}
    for program in found.programs:
        names = running(program, states)
        if names:
            count = f"{len(names)} Supervisor process{'es' if len(names) > 1 else ''}"
            echo(f"{program.title}: would be taken over, {count} stopped")
        elif program.name not in installed:
            echo(f"{program.title}: would be installed; Supervisor runs none of its processes")
    others = comparison.unknown(found.programs, states)
    unit = service.of_daemon(session.manager, theirs.daemon) if theirs.daemon is not None else ""
    if others:
        shown = ", ".join(f"{name} ({states[name]})" for name in others)
        echo(f"Supervisor would keep {shown}, so its service would go on")
    elif unit:
        echo(f"{unit}: would be stopped and disabled")


def _move(
    session: Session, programs: Sequence[Program], supervisor: Supervisorctl, *, stop_first: bool
) -> None:
    """Move these programs. Errors of others do not matter.

    Raises:
        ConfigError: an error concerns one of these programs.
    """
    by_title = {program.title: program for program in programs}
    ours = load.load(load.default_files(session.layout.configuration), load.environ())
    errors = [*ours.errors, *(lint for lint in checker.check(ours, session.layout) if lint.error)]
    blamed = blame(ours, errors)
    concerned = of_programs(ours, blamed, by_title)
    if concerned:
        raise ConfigError(concerned)
    ours, _ = hold(ours, blamed, session.layout)
    session.whole_inventory.refresh()
    move = Takeover(
        session.manager, session.whole_inventory, session.layout, session.host(), ours, supervisor,
        by_title, stop_first,
    )  # fmt: skip
    for level in ours.levels():
        for program in level:
            if program.title in by_title:
                Progress(session).show(move.move(program))


def _sum_up(
    session: Session,
    programs: Sequence[Program],
    theirs: Running,
    before: Mapping[str, str],
    after: Mapping[str, str],
) -> int:
    """Say how many programs were moved, and what Supervisor still has; end its service if empty."""
    ran = [program for program in programs if running(program, before)]
    left = [name for program in programs for name in running(program, after).values()]
    if ran:
        moved = sum(not running(program, after) for program in ran)
        echo(f"Moved {moved} of {len(ran)} program{'s' if len(ran) > 1 else ''} of Supervisor")
    others = comparison.unknown(programs, after)
    groups = {program.group_title for program in programs}
    left += [name for name in comparison.alive(after, others) if name.partition(":")[0] in groups]
    if left:
        echo(f"Supervisor still runs {', '.join(left)}")
        return Exit.FAILURE
    if others:
        shown = ", ".join(f"{name} ({after[name]})" for name in others)
        echo(f"Supervisor keeps {shown}, so its service goes on")
        echo(
            "Next: remove the programs that were moved from Supervisor's files, then run"
            " 'supervisorctl update'; otherwise it starts them at the next boot"
        )
    else:
        _end_service(session, theirs)
    return Exit.OK


def _end_service(session: Session, theirs: Running) -> None:
    """Stop and disable the service of a Supervisor that has nothing left to run.

    Raises:
        WctlError: systemd refuses.
    """
    # Not the one that we saw at the beginning: a service may have been restarted since.
    daemon = look(session, theirs.file, theirs.control).daemon
    unit = service.of_daemon(session.manager, daemon) if daemon is not None else ""
    if unit:
        with so_far("all programs were moved"):
            service.end(session.manager, unit)
        echo(f"Supervisor runs nothing now: stopped and disabled {unit}")
        echo("Next: give scripts that run supervisorctl wctl's (see SUPERVISORCTL in wctl(1))")
        return
    if daemon is None:
        echo("Supervisor runs nothing now, but would start its programs at the next boot.")
        echo("Next: run 'systemctl disable --now supervisor' (on some systems: supervisord)")
        return
    end = shell_join(["supervisorctl", "-c", str(theirs.file), "shutdown"])
    echo(f"Supervisor runs nothing now; no service of systemd has started {daemon.who}")
    echo(f"Next: run '{end}', and see to it that no boot starts it")
