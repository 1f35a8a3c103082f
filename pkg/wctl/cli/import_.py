"""import: brings files and workers from Supervisor to wctl."""

from __future__ import annotations

from collections.abc import Container, Iterable
from pathlib import Path

import click

from wctl.check import checker, summary
from wctl.cli.app import Session, pass_session, shared
from wctl.cli.output import echo
from wctl.cli.progress import Progress
from wctl.config import load
from wctl.config.blame import blame, of_programs
from wctl.config.model import Program
from wctl.errors import ConfigError, Diagnostic, Exit, WctlError
from wctl.install import files
from wctl.install.held import hold
from wctl.operate.lock import exclusive
from wctl.supervisor import migration
from wctl.supervisor.migration import Migration
from wctl.supervisor.supervisorctl import ALIVE, Supervisorctl, process_name
from wctl.supervisor.takeover import Takeover, so_far
from wctl.trust.text import shell_join


@click.command("import")
@shared
@click.option("-n", "--dry-run", is_flag=True, help="Show what wctl would do, but do nothing.")
@click.option("--force", is_flag=True, help="Overwrite existing files that differ.")
@click.option(
    "--takeover", is_flag=True,
    help="Also move the running workers from Supervisor to systemd, one program at a time.",
)  # fmt: skip
@click.option(
    "--stop-first", is_flag=True,
    help="With --takeover: stop a program's processes in Supervisor before systemd starts them."
    " Use this for workers that must never run twice, or that listen on a port.",
)  # fmt: skip
@click.option(
    "--supervisorctl", "control", default="supervisorctl", metavar="PATH", show_default=True,
    help="With --takeover: the supervisorctl that wctl runs.",
)  # fmt: skip
@click.argument(
    "file", required=False, type=click.Path(path_type=Path, dir_okay=False, exists=True)
)
@pass_session
def import_(
    session: Session,
    *,
    file: Path | None,
    dry_run: bool,
    force: bool,
    takeover: bool,
    stop_first: bool,
    control: str,
) -> int:
    """Import Supervisor's configuration and, with --takeover, its workers.

    wctl copies FILE, a supervisord.conf, and the files that it includes to /etc/wctl/conf.d,
    including the comments. A report says what is carried over, what changes and what is left out.
    wctl does not change Supervisor's own files. Without --takeover, it starts nothing. If 'wctl
    check' would find an error in a copy, wctl writes nothing.

    With --takeover, wctl starts a program's workers under systemd. When all of them are ready, it
    stops Supervisor's processes of that program. If a start fails, wctl stops the new workers,
    Supervisor's processes continue, and wctl does not try the remaining programs. Files that were
    imported before and edited since stay as they are. You can run an interrupted takeover again.
    supervisord has 30 seconds for each answer; to stop or start processes, it has their
    stopwaitsecs or startsecs in addition.

    Example: wctl import --dry-run /etc/supervisor/supervisord.conf
    """
    if stop_first and not takeover:
        raise click.UsageError("--stop-first needs --takeover")
    named = file or (session.files[0] if session.files else None)
    file = named or migration.default_file()
    found = migration.migrate(file, session.layout.configuration, load.environ())
    findings = _findings(session, found)
    errors = tuple(finding for finding in findings if finding.error)
    _report(session, found, [finding for finding in findings if not finding.error])
    if errors:
        raise ConfigError(errors, migration.NOTHING)
    _write(found, dry_run=dry_run, force=force, keep=takeover)
    supervisor = Supervisorctl(file, control, programs=found.programs)
    if takeover and not dry_run:
        return _take_over(session, found, supervisor, stop_first=stop_first)
    if dry_run:
        echo("Nothing was written (--dry-run).")
    elif not session.quiet:
        words = ["wctl", *(["--user"] if session.user else []), "import", "--takeover"]
        again = shell_join([*words, *([str(named)] if named else [])])
        echo(f"Next: run '{again}', or stop these programs in Supervisor and run 'wctl update'")
    return Exit.OK


def _findings(session: Session, found: Migration) -> list[Diagnostic]:
    """Return what 'wctl check' will find in the copies, and above them."""
    targets = [copy.target for copy in found.copies]
    places = {str(path) for target in targets for path in (target, *target.parents)}
    findings = [*found.config.diagnostics, *checker.check(found.config, session.layout)]
    findings = [finding for finding in findings if finding.place.file in places]
    return sorted(findings, key=lambda finding: (finding.place.file, finding.place.line))


def _report(session: Session, found: Migration, warnings: Iterable[Diagnostic]) -> None:
    if session.quiet:
        return
    _list("Carried over:", map(_carried_over, found.programs))
    _list("Changes:", (f"{name}: {change}" for name, change in found.changes))
    _list("Left out:", map(str, summary.condensed(found.left_out)))
    _list("To review:", map(str, warnings))


def _list(title: str, lines: Iterable[str]) -> None:
    lines = list(lines)
    if lines:
        echo("\n  ".join([title, *lines]))


def _carried_over(program: Program) -> str:
    if not program.numprocs:
        return f"{program.title}: no processes (numprocs=0)"
    first, last = program.numbers[0], program.numbers[-1]
    theirs, ours = process_name(program, first), f"{program.name}@{first:02d}"
    if first == last:
        return f"{program.title}: {theirs} becomes {ours}"
    theirs += f" to {process_name(program, last)}"
    return f"{program.title}: {theirs} become {ours} to {program.name}@{last:02d}"


def _write(found: Migration, *, dry_run: bool, force: bool, keep: bool) -> None:
    """Write the files, or write none if a file is in the way.

    Raises:
        WctlError: a file exists with other text, and we are told neither to replace nor to keep it.
    """
    changed = [copy for copy in found.copies if copy.before != copy.text]
    there = [copy for copy in changed if copy.before is not None]
    if keep and not force:
        for copy in there:
            echo(f"{copy.target}: kept, although it is not a plain copy of {copy.source}")
        changed = [copy for copy in changed if copy not in there]
    elif there and not force:
        names = ", ".join(str(copy.target) for copy in there)
        raise WctlError(
            f"{names}: already exists with different content; nothing was written",
            hint="--force overwrites it; 'wctl import --takeover' keeps it",
        )
    for number, copy in enumerate(changed):
        if not dry_run:
            of_all = f"{number} of {len(changed)} files were written; run this command again"
            with so_far(of_all if number else migration.NOTHING):
                files.write_file(copy.target, copy.text, mode=copy.mode)
        echo(f"{copy.target}: from {copy.source}")
    for path in found.unused:
        echo(f"{path}: contains nothing that wctl uses")


def _take_over(
    session: Session, found: Migration, supervisor: Supervisorctl, *, stop_first: bool
) -> int:
    """Move the programs, in the order in which they start."""
    with so_far("no program was moved"):
        supervisor.states()
    titles = {program.title for program in found.programs}
    with exclusive(user=session.user, waiting=lambda: echo("waiting for another wctl")):
        try:
            _move(session, titles, supervisor, stop_first=stop_first)
        except KeyboardInterrupt:
            echo("wctl: the takeover is not finished; run this command again", err=True)
            raise
    with so_far("all programs were moved"):
        left = [name for name, state in supervisor.states().items() if state in ALIVE]
    if left:
        echo(f"Supervisor still runs {', '.join(left)}")
    else:
        echo("Supervisor runs nothing now, but would start its programs at the next boot.")
        echo("Next: run 'systemctl disable --now supervisor' (on some systems: supervisord)")
    return Exit.OK


def _move(
    session: Session, titles: Container[str], supervisor: Supervisorctl, *, stop_first: bool
) -> None:
    """Move the programs with these titles. Errors of others do not matter.

    Raises:
        ConfigError: an error concerns one of these programs.
    """
    ours = load.load(load.default_files(session.layout.configuration), load.environ())
    errors = [*ours.errors, *(lint for lint in checker.check(ours, session.layout) if lint.error)]
    blamed = blame(ours, errors)
    concerned = of_programs(ours, blamed, titles)
    if concerned:
        raise ConfigError(concerned)
    ours, _ = hold(ours, blamed, session.layout)
    session.inventory.refresh()
    move = Takeover(
        session.manager, session.inventory, session.layout, session.host(), ours, supervisor,
        stop_first,
    )  # fmt: skip
    for level in ours.levels():
        for program in level:
            if program.title in titles:
                Progress(session).show(move.move(program))
