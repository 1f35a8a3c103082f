"""import: brings files and workers from Supervisor to wctl."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import click

from wctl.check import checker, summary
from wctl.cli.app import pass_session, shared
from wctl.cli.migrate import back
from wctl.cli.migrate import takeover as moving
from wctl.cli.output import echo
from wctl.config import load
from wctl.config.model import Program
from wctl.errors import ConfigError, Diagnostic, Exit, WctlError
from wctl.install import files
from wctl.session.session import Session
from wctl.supervisor import log_files, migration
from wctl.supervisor.changes import directories
from wctl.supervisor.environment import Inherited
from wctl.supervisor.migration import Migration
from wctl.supervisor.supervisorctl import process_name
from wctl.supervisor.takeover import so_far


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
    help="With --takeover or --back: stop a program's workers before the others start. Use this for"
    " workers that must never run twice, or that listen on a port.",
)  # fmt: skip
@click.option(
    "--accept-differences", "accept", is_flag=True,
    help="With --takeover: start what wctl's files say, although Supervisor runs the programs"
    " otherwise, or the environment of supervisord cannot be read.",
)  # fmt: skip
@click.option(
    "--back", "to_supervisor", is_flag=True,
    help="Move the workers back from systemd to Supervisor, one program at a time.",
)  # fmt: skip
@click.option(
    "--supervisorctl", "control", default="supervisorctl", metavar="PATH", show_default=True,
    help="The supervisorctl that wctl runs.",
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
    accept: bool,
    to_supervisor: bool,
    control: str,
) -> int:
    """Import Supervisor's configuration and, with --takeover, its workers.

    wctl copies FILE, a supervisord.conf, and the files that it includes to /etc/wctl/conf.d,
    including the comments. A report says what is carried over, what changes and what is left out.
    The variables that supervisord has from its service or its shell come along, in
    /etc/wctl/supervisord.env, which only root may read. wctl does not change Supervisor's own
    files. Without --takeover, it starts nothing. If 'wctl check' would find an error in a copy,
    wctl writes nothing.

    With --takeover, wctl starts a program's workers under systemd. When all of them are ready, it
    stops Supervisor's processes of that program. If a start fails, wctl stops the new workers,
    Supervisor's processes continue, and wctl does not try the remaining programs. The log files
    that Supervisor has written as root are given to the workers' users. Files that were imported
    before and edited since stay as they are; wctl refuses to start anything if a program would then
    differ from the program that Supervisor runs. When Supervisor has nothing left, wctl stops and
    disables its service. You can run an interrupted takeover again. supervisord has 30 seconds for
    each answer; to stop or start processes, it has their stopwaitsecs or startsecs in addition.

    With --back, wctl enables and starts Supervisor's service, has Supervisor start a program's
    processes, and when they run, stops and uninstalls the workers under systemd. The imported files
    are renamed to NAME.conf.back, so that each program has one owner, also at the next boot. You
    can run an interrupted --back again.

    Example: wctl import --dry-run /etc/supervisor/supervisord.conf
    """
    _refuse_options(takeover, to_supervisor, stop_first=stop_first, accept=accept, force=force)
    named = file or (session.files[0] if session.files else None)
    file = Path(os.path.abspath(named or migration.default_file()))  # noqa: PTH100 - follows no links
    if takeover or to_supervisor:
        moving.settle(session, file, control)
    theirs = moving.look(session, file, control)
    if to_supervisor:
        return back.move_back(session, theirs, stop_first=stop_first, dry_run=dry_run)
    found = migration.migrate(file, session.layout.configuration, load.environ(), theirs.inherited)
    findings = _findings(session, found, given=takeover)
    errors = tuple(finding for finding in findings if finding.error)
    where = directories(found.programs, theirs.directory)
    found = replace(found, changes=(*found.changes, *where, *theirs.settings))
    _report(session, found, [finding for finding in findings if not finding.error], file)
    if errors:
        raise ConfigError(errors, migration.NOTHING)
    if takeover and moving.finished(session, found, theirs):
        echo("All these programs are under systemd already, and no Supervisor is left")
        return Exit.OK
    if takeover:
        moving.refuse(session, found, theirs, force=force, accept=accept)
    variables = None if force else _edited(theirs.inherited, found)
    _write(found, variables, dry_run=dry_run, force=force, keep=takeover)
    if variables is None:
        _write_variables(theirs.inherited, found, dry_run=dry_run)
    if takeover and not dry_run:
        return moving.take_over(session, found, theirs, stop_first=stop_first)
    if dry_run:
        if takeover:
            for name, what in log_files.hand_over(found.programs, pretend=True):
                echo(f"{name}: {what}")
            moving.foretell(session, found, theirs)
        echo("Nothing was written (--dry-run).")
    elif not session.quiet:
        again = session.command("import", "--takeover", *([file] if named else []))
        echo(f"Next: run '{again}', or stop these programs in Supervisor and run 'wctl update'")
    return Exit.OK


def _refuse_options(
    takeover: bool, back: bool, *, stop_first: bool, accept: bool, force: bool
) -> None:
    """Raise UsageError for options that do not go together."""
    if takeover and back:
        raise click.UsageError("--takeover and --back exclude each other")
    if stop_first and not (takeover or back):
        raise click.UsageError("--stop-first needs --takeover or --back")
    if accept and not takeover:
        raise click.UsageError("--accept-differences needs --takeover")
    if force and back:
        raise click.UsageError("--back overwrites nothing, so it has no --force")


def _edited(inherited: Inherited, found: Migration) -> Path | None:
    """Return the file with supervisord's variables if it exists, with other ones."""
    return inherited.file if inherited.needed(found.programs) and inherited.edited else None


def _write_variables(inherited: Inherited, found: Migration, *, dry_run: bool) -> None:
    """Write the file with supervisord's variables, if a program needs it."""
    if inherited.file is None or not inherited.known or not inherited.needed(found.programs):
        return
    if not dry_run:
        files.make_directory(inherited.file.parent)
        files.delete_leftovers([inherited.file])
        files.write_file(inherited.file, inherited.text, secret=True)
    echo(f"{inherited.file}: from supervisord's environment")


def _findings(session: Session, found: Migration, *, given: bool) -> list[Diagnostic]:
    """Return what 'wctl check' will find in the copies, and above them.

    Log files that will be ``given`` to their users are no finding: hand_over() says what it leaves.
    """
    targets = [copy.target for copy in found.copies]
    places = {str(path) for target in targets for path in (target, *target.parents)}
    findings = [*found.config.diagnostics, *checker.check(found.config, session.layout)]
    findings = [finding for finding in findings if finding.place.file in places]
    if given:
        open_ = {one.section for one in found.config.programs if log_files.gives_all(one)}
        findings = [
            finding
            for finding in findings
            if finding.code != "log-file-closed" or finding.section not in open_
        ]
    return sorted(findings, key=lambda finding: (finding.place.file, finding.place.line))


def _report(session: Session, found: Migration, warnings: Iterable[Diagnostic], file: Path) -> None:
    if session.quiet:
        return
    each = session.command("check", "-v", files=[file])  # in the copies, these are comments
    _list("Carried over:", map(_carried_over, found.programs))
    _list("Changes:", (f"{name}: {change}" for name, change in found.changes))
    _list("Left out:", map(str, summary.condensed(found.left_out, each)))
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


def _write(
    found: Migration, variables: Path | None, *, dry_run: bool, force: bool, keep: bool
) -> None:
    """Write the files, or write none if a file is in the way; ``variables`` is such a file, too.

    Raises:
        WctlError: a file exists with other text, and we are told neither to replace nor to keep it.
    """
    changed = [copy for copy in found.copies if copy.before != copy.text]
    there = [copy for copy in changed if copy.before is not None]
    if keep and not force:
        for copy in there:
            echo(f"{copy.target}: kept, although it is not a plain copy of {copy.source}")
        if variables is not None:
            echo(f"{variables}: kept, although supervisord's environment is different")
        changed = [copy for copy in changed if copy not in there]
    elif (there or variables) and not force:
        in_the_way = [*(copy.target for copy in there), *([variables] if variables else [])]
        names = ", ".join(map(str, in_the_way))
        raise WctlError(
            f"{names}: already exists with different content; nothing was written",
            hint="--force overwrites it; 'wctl import --takeover' keeps it",
        )
    if not dry_run:
        files.delete_leftovers([copy.target for copy in found.copies])
    for number, copy in enumerate(changed):
        if not dry_run:
            of_all = f"{number} of {len(changed)} files were written; run this command again"
            with so_far(of_all if number else migration.NOTHING):
                files.write_file(copy.target, copy.text, mode=copy.mode)
        echo(f"{copy.target}: from {copy.source}")
    for path in found.unused:
        echo(f"{path}: contains nothing that wctl uses")
