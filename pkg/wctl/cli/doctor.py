"""doctor: prints problems, their evidence, and the commands that fix them."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from wctl.cli.app import Session, pass_session, shared
from wctl.cli.completion import complete_programs
from wctl.doctor.examine import Examination, Timeouts
from wctl.doctor.finding import Commands, Finding, printable
from wctl.errors import Exit

_seconds = click.FloatRange(0.0)


@click.command()
@shared
@click.argument("programs", nargs=-1, metavar="[PROGRAM]...", shell_complete=complete_programs)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option(
    "--since", type=_seconds, default=3600.0, show_default=True, metavar="SECONDS",
    help="How far back crashes, kills and dropped lines count.",
)  # fmt: skip
@click.option(
    "--wait", type=_seconds, default=10.0, show_default=True, metavar="SECONDS",
    help="How long to look at a queue that does not move.",
)  # fmt: skip
@click.option(
    "--timeout", type=_seconds, default=10.0, show_default=True, metavar="SECONDS",
    help="How long a health_command or queue_command may take.",
)  # fmt: skip
@pass_session
def doctor(
    session: Session,
    programs: tuple[str, ...],
    *,
    as_json: bool,
    since: float,
    wait: float,
    timeout: float,
) -> int:
    """Find out what is wrong with programs, and what mends it.

    Runs health_command and queue_command of each program as its user, and for Symfony's Messenger
    what its console offers. Changes nothing.

    Exit code: 0 if all is well, 1 with findings.

    Example: wctl doctor messenger-worker
    """
    timeouts = Timeouts(since, timeout, wait)
    commands = Commands(session.user, tuple(map(str, session.files)))
    examination = Examination(session.config, session.inventory, session.host(), timeouts, commands)
    findings = []
    for finding in examination.findings(programs):
        findings.append(finding)
        if not as_json:
            _show(finding)  # at once: watching queues takes a while
    if as_json:
        click.echo(json.dumps([_record(finding) for finding in findings], indent=2))
    elif not session.quiet:
        click.echo(f"{len(findings) or 'no'} finding{'' if len(findings) == 1 else 's'}")
    if examination.unexamined:
        names = ", ".join(examination.unexamined)
        click.echo(f"wctl: run as root, doctor could see more of {names}", err=True)
    return Exit.FAILURE if findings else Exit.OK


def _record(finding: Finding) -> dict[str, object]:
    return {**asdict(finding), "subject": finding.subject}


def _show(finding: Finding) -> None:
    who = click.style(finding.subject or "configuration", bold=True)
    click.echo(f"{who}: {printable(finding.what)} [{finding.code}]")
    for line in finding.evidence:
        click.echo(f"    {printable(line)}")
    click.echo(f"    $ {click.style(finding.remedy, fg='green')}")
