"""check, render, reread, update, add, remove: from the configuration to units."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from wctl.check import checker, codes, summary
from wctl.cli.app import at_least, pass_session, shared
from wctl.cli.completion import complete_programs
from wctl.cli.output import echo, style
from wctl.config import load as configuration
from wctl.errors import Diagnostic, Exit
from wctl.install import changes
from wctl.install.diff import diff
from wctl.install.files import write_file
from wctl.session.planning import Planned, planned
from wctl.session.session import Session
from wctl.systemd import unit_name
from wctl.units.render import File
from wctl.units.render import render as render_files

_OF_DIFF = {"+": "green", "-": "red", "@": "cyan"}


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
        tell(found)
        show_diff(found.plan)
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
    tell(found)
    plan = found.plan
    words = {
        **dict.fromkeys(plan.altered, "changed"),
        **{program.name: "available" for program in plan.added},
        **{program.name: "changed" for program in (*plan.changed, *plan.rescaled)},
        **{program.name: "disappeared" for program in plan.removed},
    }
    for name in sorted(words):
        echo(f"{unit_name.shown(name)}: {words[name]}")
    if found.complete and not words:
        echo("No config updates to processes")
    return Exit.OK if found.complete else Exit.FAILURE


def tell(found: Planned, told: Sequence[str] = ()) -> None:
    """Print the errors and the programs that a plan leaves out, except lines already told."""
    for line in found.lines:
        if line not in told:
            echo(line, err=True)


def show_diff(plan: changes.Plan) -> None:
    """Print how files would change; on a terminal, in colours."""
    for line in diff(plan).splitlines():
        bold = line.startswith(("+++ ", "--- ", "# "))
        colour = None if bold else _OF_DIFF.get(line[:1])
        echo(style(line, fg=colour, bold=bold or None))
