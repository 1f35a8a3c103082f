"""doctor: prints problems, their evidence, and the commands that fix them."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

import click

from wctl.check.doctor_codes import Severity
from wctl.cli import first_steps
from wctl.cli.app import MOST_SECONDS, at_least, pass_session, shared
from wctl.cli.completion import complete_groups
from wctl.cli.output import draw, echo, is_terminal, style
from wctl.doctor.examine import Examination, Timeouts
from wctl.doctor.finding import Commands, Finding
from wctl.errors import Exit
from wctl.session.session import Session
from wctl.trust.text import printable

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTICE: None}


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
@click.option(
    "--fail-on", type=click.Choice([*map(str, Severity), "never"]), default="warning",
    show_default=True, metavar="SEVERITY",
    help="Exit with 1 only for findings of this severity or a worse one: error, warning, notice,"
    " or never.",
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
    fail_on: str,
) -> int:
    """Diagnose problems and suggest fixes.

    doctor runs the health_command and queue_command of each program as the program's user. For
    Symfony's Messenger it also runs commands of the application's console. It changes nothing.

    A PROGRAM may also be the name of a group, or of an instance, for its programs. A program's
    wctl_ignore silences findings by their codes.

    Exit code: 1 if there are errors or warnings (see --fail-on), 0 if there is neither. What doctor
    could not examine, and why, is told on stderr, and does not change the exit code.

    Example: wctl doctor messenger-worker
    """
    timeouts = Timeouts(min(since, time.time()), timeout, wait)  # no time is before the epoch
    commands = Commands(session.user, tuple(map(str, session.files)))
    config = session.any_config
    watch = _Watch(shown=not session.quiet)
    examination = Examination(
        config, session.inventory, session.host(), timeouts, commands, watching=watch.show
    )
    findings = []
    try:
        for finding in examination.findings(programs):
            findings.append(finding)
            if not as_json:
                watch.clear()
                _show(finding)  # at once: watching queues takes a while
    finally:
        watch.clear()
    if as_json:
        echo(json.dumps([_record(finding) for finding in findings], indent=2))
    elif not session.quiet:
        echo(_summary(findings))
    for reason in examination.unexamined:
        echo(f"wctl: {reason}", err=True)
    known = programs or config.programs or session.inventory.programs
    if not (findings or known or session.quiet):
        first_steps.tell(session)
    return Exit.FAILURE if any(_fails(finding, fail_on) for finding in findings) else Exit.OK


class _Watch:
    """Says what doctor waits for, in one line that goes away; on a terminal alone."""

    def __init__(self, *, shown: bool) -> None:
        self._terminal = shown and is_terminal(err=True)
        self._drawn = False

    def show(self, what: str) -> None:
        """Show a line in place of the one before."""
        if self._terminal:
            draw(f"{printable(what)} …")
            self._drawn = True

    def clear(self) -> None:
        """Show no line any more."""
        if self._drawn:
            draw("")
            self._drawn = False


def _fails(finding: Finding, fail_on: str) -> bool:
    order = list(map(str, Severity))
    return fail_on in order and order.index(str(finding.severity)) <= order.index(fail_on)


def _summary(findings: Sequence[Finding]) -> str:
    counts = Counter(finding.severity for finding in findings)
    parts = [
        f"{counts[severity]} {severity}{'' if counts[severity] == 1 else 's'}"
        for severity in Severity
        if counts[severity]
    ]
    return ", ".join(parts) or "no findings"


def _record(finding: Finding) -> dict[str, object]:
    return {**asdict(finding), "subject": finding.subject, "severity": finding.severity}


def _show(finding: Finding) -> None:
    colour = _COLOURS[finding.severity]
    who = style(finding.subject or "configuration", bold=True)
    kind = "" if finding.severity is Severity.ERROR else f"{finding.severity}: "
    what = style(f"{kind}{printable(finding.what)}", fg=colour)
    echo(f"{who}: {what} [{finding.code}]")
    for line in finding.evidence:
        echo(f"    {printable(line)}")
    echo(f"    $ {style(finding.remedy, fg='green')}")
