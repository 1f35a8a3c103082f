"""check, render, reread, update, add, remove: from the configuration to units."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click

from wctl.check import checker, codes, summary
from wctl.cli.app import at_least, pass_session, shared
from wctl.cli.completion import complete_groups, complete_programs
from wctl.cli.output import echo
from wctl.cli.progress import Progress
from wctl.config import load as configuration
from wctl.errors import Diagnostic, Exit, WctlError
from wctl.install import changes
from wctl.install.files import write_file
from wctl.operate import apply, jobs
from wctl.operate.inventory import Inventory
from wctl.operate.lock import exclusive
from wctl.session.planning import Planned, planned, refuse_to_remove, settled
from wctl.session.session import Session
from wctl.systemd import unit_name
from wctl.units.render import File
from wctl.units.render import render as render_files


@click.command()
@shared
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option("--strict", is_flag=True, help="Also exit with 1 if there are warnings.")
@click.option("-v", "--verbose", is_flag=True, help="Show each option that has no effect.")
@pass_session
def check(session: Session, as_json: bool, strict: bool, verbose: bool) -> int:
    """Check the configuration and show all errors and warnings.

    The options of a section that have no effect in wctl have one line; --verbose and --json show
    each of them.

    Exit code: 1 if there are errors, otherwise 0, even if there are warnings.

    Example: wctl check -c /etc/supervisor/supervisord.conf
    """
    config = session.config
    session.need_files()
    findings = [*config.diagnostics, *checker.check(config, session.layout)]
    findings.sort(key=lambda finding: (finding.place.file, finding.place.line))
    if as_json:
        echo(json.dumps([_record(finding) for finding in findings], indent=2))
    else:
        each = session.command("check", "-v", files=session.files)
        findings = findings if verbose else summary.condensed(findings, each)
        for finding in findings:
            echo(finding, err=finding.error)
    errors = sum(finding.error for finding in findings)
    if not as_json and not session.quiet:
        programs = len(config.known)
        echo(
            f"{_count(programs, 'program')}, {_count(errors, 'error')},"
            f" {_count(len(findings) - errors, 'warning')}"
        )
    return Exit.FAILURE if errors or (strict and findings) else Exit.OK


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _record(diagnostic: Diagnostic) -> dict[str, object]:
    record = asdict(diagnostic)
    place = record.pop("place")
    code = codes.CODES[diagnostic.code]
    return {**place, **record, "why": code.why, "remedy": code.remedy}


@click.command()
@shared
@click.argument("program", required=False, shell_complete=complete_programs)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Write the files to DIR.",
)  # fmt: skip
@click.option("--diff", "as_diff", is_flag=True, help="Show how the installed units would change.")
@click.option(
    "--target-systemd", type=int, callback=at_least(249), metavar="N",
    help="Write units for systemd version N, 249 or newer.",
)  # fmt: skip
@pass_session
def render(
    session: Session,
    program: str | None,
    output: Path | None,
    as_diff: bool,
    target_systemd: int | None,
) -> int:
    """Print the generated units, or write them to a directory.

    This needs neither root nor systemd. If the configuration has an error, wctl prints and writes
    no unit at all; with --diff, it leaves out what an update would leave as it is.

    Example: wctl render messenger-worker
    """
    host = session.host(target_systemd)
    if as_diff:
        known = session.config.known
        if program is not None and not any(program in (one.name, one.title) for one in known):
            configuration.only(session.config, program)  # raises
        found = planned(session, () if program is None else (program,), host=host)
        _tell(found)
        echo(changes.diff(found.plan), nl=False)
        return Exit.OK if found.complete else Exit.FAILURE
    config = session.valid_config()
    if program is not None:
        config = configuration.only(config, program)
    files = render_files(config, host)
    if output is not None:
        for file in files:
            directory = output / "env" if file.secret else output
            write_file(directory / file.name, file.text, secret=file.secret)
            echo(directory / file.name)
    else:
        echo("\n".join(_shown(file) for file in files), nl=False)
    return Exit.OK


def _shown(file: File) -> str:
    if file.secret:
        return f"# {file.name}: variables, which may be secret; 'wctl render -o DIR' writes them\n"
    return f"# {file.name}\n{file.text}"


@click.command()
@shared
@pass_session
def reread(session: Session) -> int:
    """Show what 'wctl update' would change.

    Exit code: 1 if there are errors in the configuration, otherwise 0.

    Example: wctl reread && wctl update
    """
    found = planned(session)
    _tell(found)
    plan = found.plan
    words = {
        **{program.name: "available" for program in plan.added},
        **{program.name: "changed" for program in (*plan.changed, *plan.rescaled)},
        **{program.name: "disappeared" for program in plan.removed},
    }
    for name in sorted(words):
        echo(f"{unit_name.shown(name)}: {words[name]}")
    if found.complete and not words:
        echo("No config updates to processes")
    return Exit.OK if found.complete else Exit.FAILURE


dry_run_option = click.option(
    "-n", "--dry-run", is_flag=True, help="Show what wctl would do, but do nothing."
)
no_wait_option = click.option(
    "--no-wait", is_flag=True, help="Do not wait until workers are ready."
)
programs_argument = click.argument(
    "programs", nargs=-1, metavar="[PROGRAM]...", shell_complete=complete_groups
)


@click.command()
@shared
@dry_run_option
@no_wait_option
@click.option(
    "--prune", is_flag=True,
    help="Also remove programs that came from files other than those that wctl reads now, and"
    " remove programs although a file or all programs are missing.",
)  # fmt: skip
@programs_argument
@pass_session
def update(
    session: Session, programs: tuple[str, ...], *, dry_run: bool, no_wait: bool, prune: bool
) -> int:
    """Write the units; start, restart and remove changed programs.

    wctl removes a program that is no longer in the files that it came from. It keeps a program that
    came from other files than those that wctl reads now.

    A program with an error in the configuration stays as it is, and wctl carries out the others:
    see ERRORS IN THE CONFIGURATION in wctl(1).

    Exit code: 1 if one of the PROGRAMs (by default: of all) stayed as it is or did not start.

    An update that was interrupted is finished by the next update of the same programs.

    Example: wctl update --dry-run
    """
    return run_update(session, programs, dry_run=dry_run, wait=not no_wait, prune=prune)


@click.command()
@shared
@dry_run_option
@no_wait_option
@click.argument(
    "programs", nargs=-1, required=True, metavar="PROGRAM...", shell_complete=complete_groups
)
@pass_session
def add(session: Session, programs: tuple[str, ...], dry_run: bool, no_wait: bool) -> int:
    """Install configured programs, and update those that have changed; remove none.

    Example: wctl add messenger-worker
    """
    return run_update(session, programs, dry_run=dry_run, wait=not no_wait, adding=True)


def run_update(
    session: Session,
    programs: tuple[str, ...],
    *,
    dry_run: bool = False,
    wait: bool = True,
    prune: bool = False,
    adding: bool = False,
) -> int:
    """Update ``programs``, or all; return the exit code."""
    plan = partial(planned, session, programs, prune=prune, adding=adding)
    first = plan()
    _tell(first)
    _warn(session, first.plan)
    if not (prune or _has_names(programs)):
        refuse_to_remove(session, first.plan)
    if dry_run:
        echo(changes.diff(first.plan), nl=False)
        _show_actions(first.plan)
    elif first.plan.empty:
        if first.complete and not session.quiet:
            echo("No config updates to processes")
    else:
        inventory = session.whole_inventory  # needs systemd: better said before we wait
        with exclusive(user=session.user, waiting=lambda: echo("waiting for another wctl")):
            return _apply(session, inventory, programs, plan, first.lines, wait=wait, prune=prune)
    return Exit.OK if first.complete else Exit.FAILURE


def _has_names(programs: tuple[str, ...]) -> bool:
    """Tell whether the user has named the programs that are meant."""
    return bool(programs) and "all" not in programs


def _apply(
    session: Session,
    inventory: Inventory,
    programs: tuple[str, ...],
    plan: Callable[..., Planned],
    told: list[str],
    *,
    wait: bool,
    prune: bool,
) -> int:
    """Call ``plan`` once more, and carry it out; ``told`` are the lines printed before."""
    found = settled(session, plan)
    _tell(found, told)
    if not (prune or _has_names(programs)):
        refuse_to_remove(session, found.plan)
    events = apply.update(session.manager, inventory, session.layout, found.plan, wait=wait)
    try:
        failed = Progress(session).show(events)
    except KeyboardInterrupt:
        words = ("update", *(["--prune"] if prune else []), *programs)
        again = session.command(*words, files=session.files)
        echo(f"wctl: the update is not finished; run '{again}' to finish it", err=True)
        raise
    return Exit.FAILURE if failed or not found.complete else Exit.OK


def _warn(session: Session, plan: changes.Plan) -> None:
    """Say what an update leaves alone, and which files it did not find."""
    for diagnostic in session.config.diagnostics:
        if diagnostic.code == "include":
            echo(diagnostic, err=True)
    for program in plan.kept:
        why = f"it comes from {program.source}, which was not read"
        remedy = session.command("remove", program.shown)
        echo(f"{program.shown}: kept; {why} (remove it with '{remedy}')", err=True)


@click.command()
@shared
@click.argument(
    "programs", nargs=-1, required=True, metavar="PROGRAM...", shell_complete=complete_groups
)
@pass_session
def remove(session: Session, programs: tuple[str, ...]) -> int:
    """Uninstall the units of stopped programs.

    'wctl update' installs a program again if it is still configured.

    Example: wctl stop old-worker: && wctl remove old-worker
    """
    session.inventory.with_names(programs)  # raises before we wait for another wctl
    with exclusive(user=session.user, waiting=lambda: echo("waiting for another wctl")):
        session.inventory.refresh()
        chosen = session.inventory.with_names(programs)
        for program in chosen:
            if program in session.inventory.dormant:
                why = "nothing to remove: its units are a package's, and nobody uses them"
                raise WctlError(f"{program.shown}: {why}")
        still = [
            program
            for program in chosen
            if any(not unit.down for unit in jobs.units_of(session.manager, program.name))
        ]
        for program in still:
            echo(f"{program.shown}: ERROR (process/group still running)")
        gone = [program for program in chosen if program not in still]
        plan = changes.removal(gone, session.layout)
        whole = session.whole_inventory
        events = apply.update(session.manager, whole, session.layout, plan)
        failed = Progress(session).show(events)
    return Exit.FAILURE if still or failed else Exit.OK


def _tell(found: Planned, told: Sequence[str] = ()) -> None:
    """Print the errors and the programs that a plan leaves out, except lines already told."""
    for line in found.lines:
        if line not in told:
            echo(line, err=True)


def _show_actions(plan: changes.Plan) -> None:
    for programs, action in (
        (plan.removed, "would be removed"),
        (plan.changed, "would be restarted"),
        (plan.added, "would be added"),
        (plan.rescaled, "would get a different number of processes"),
    ):
        for program in programs:
            echo(f"{unit_name.shown(program.name)}: {action}")
