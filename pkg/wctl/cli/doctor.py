"""doctor: prints problems, their evidence, and the commands that fix them."""

from __future__ import annotations

import json
import time
from dataclasses import asdict

import click

from wctl.cli import first_steps
from wctl.cli.app import MOST_SECONDS, at_least, pass_session, shared
from wctl.cli.completion import complete_groups
from wctl.cli.output import echo, style
from wctl.doctor.examine import Examination, Timeouts
from wctl.doctor.finding import Commands, Finding
from wctl.errors import Exit
from wctl.session.session import Session
from wctl.trust.text import printable


@click.command()
@shared
@click.argument("programs", nargs=-1, metavar="[PROGRAM]...", shell_complete=complete_groups)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option(
    "--since", type=float, callback=at_least(0), default=3600, show_default=True,
    metavar="SECONDS",
    help="Report crashes, kills and dropped log lines of the last SECONDS.",
)  # fmt: skip
@click.option(
    "--wait", type=float, callback=at_least(0, MOST_SECONDS), default=10, show_default=True,
    metavar="SECONDS",
    help="Watch a queue for SECONDS before reporting that it does not move.",
)  # fmt: skip
@click.option(
    "--timeout", type=float, callback=at_least(0, MOST_SECONDS), default=10, show_default=True,
    metavar="SECONDS",
    help="Give each health_command and queue_command SECONDS to finish.",
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
    """Diagnose problems and suggest fixes.

    doctor runs the health_command and queue_command of each program as the program's user. For
    Symfony's Messenger it also runs commands of the application's console. It changes nothing.

    A PROGRAM may also be the name of a group, or of an instance, for its programs.

    Exit code: 0 if there are no findings, 1 if there are findings. What doctor could not examine,
    and why, is told on stderr, and does not change the exit code.

    Example: wctl doctor messenger-worker
    """
    timeouts = Timeouts(min(since, time.time()), timeout, wait)  # no time is before the epoch
    commands = Commands(session.user, tuple(map(str, session.files)))
    config = session.any_config
    examination = Examination(config, session.inventory, session.host(), timeouts, commands)
    findings = []
    for finding in examination.findings(programs):
        findings.append(finding)
        if not as_json:
            _show(finding)  # at once: watching queues takes a while
    if as_json:
        echo(json.dumps([_record(finding) for finding in findings], indent=2))
    elif not session.quiet:
        echo(f"{len(findings) or 'no'} finding{'' if len(findings) == 1 else 's'}")
    for reason in examination.unexamined:
        echo(f"wctl: {reason}", err=True)
    known = programs or config.programs or session.inventory.programs
    if not (findings or known or session.quiet):
        first_steps.tell(session)
    return Exit.FAILURE if findings else Exit.OK


def _record(finding: Finding) -> dict[str, object]:
    return {**asdict(finding), "subject": finding.subject}


def _show(finding: Finding) -> None:
    who = style(finding.subject or "configuration", bold=True)
    echo(f"{who}: {printable(finding.what)} [{finding.code}]")
    for line in finding.evidence:
        echo(f"    {printable(line)}")
    echo(f"    $ {style(finding.remedy, fg='green')}")
