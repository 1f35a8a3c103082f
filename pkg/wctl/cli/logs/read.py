"""logs, maintail: what workers wrote, and what systemd and wctl said about them."""

from __future__ import annotations

import re

import click

from wctl.cli.app import at_least, pass_session, shared
from wctl.cli.completion import complete_names
from wctl.cli.logs.lines import FORMATS, Printer
from wctl.cli.logs.options import (
    LINES,
    Numbered,
    follow_option,
    grep_option,
    priority_option,
    since_option,
    units_of,
    until_option,
)
from wctl.cli.logs.printed import point_to_files, show
from wctl.cli.output import is_terminal
from wctl.operate import log_files
from wctl.operate.selection import select
from wctl.session.session import Session
from wctl.systemd import journal

_lines = click.option(
    "-n", "--lines", type=int, callback=at_least(0), metavar="N",
    help=f"Show at most the last N lines; also -N. Default: {LINES}, or all lines with --since.",
)  # fmt: skip
_output = click.option(
    "-o", "--output", type=click.Choice(FORMATS), default="short", show_default=True,
    help="short: with time and name; json: an object per line; cat: only the text.",
)  # fmt: skip


@click.command(cls=Numbered)
@shared
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_names)
@follow_option
@_lines
@click.option(
    "-i", "--instance", "instances", multiple=True, metavar="NN",
    help="Show only instance NN; may be given several times.",
)  # fmt: skip
@since_option
@until_option
@grep_option
@priority_option
@click.option(
    "--events/--no-events",
    default=None,
    help="Also show what systemd and wctl logged: starts, exits, kills. Default: on a terminal.",
)
@_output
@pass_session
def logs(
    session: Session,
    *,
    names: tuple[str, ...],
    follow: bool,
    lines: int | None,
    instances: tuple[str, ...],
    since: int | None,
    until: int | None,
    grep: re.Pattern[bytes] | None,
    priority: int | None,
    events: bool | None,
    output: str,
) -> None:
    """Show what instances logged, merged and sorted by time; without a NAME, all instances.

    Example: wctl logs messenger-worker --since '1h ago' --grep error -f
    """
    if follow and until is not None:
        raise click.UsageError("--until cannot be used with --follow")
    units = units_of(session, _chosen(names, instances, session))
    with_events = is_terminal() and output == "short" if events is None else events
    query = journal.Query(
        tuple(units),
        user=session.user,
        events=with_events,
        programs=_programs(units) if with_events else (),
        priority=priority,
        since=since,
        until=until,
        grep=grep,
    )
    if lines is None and since is None:
        lines = LINES
    printer = Printer(output, units, named=output != "cat")
    show(query, lines, follow, printer, journal.reader(None) if output == "json" else None)
    if not follow:
        point_to_files(log_files.of_units(session.manager, units))


def _chosen(
    names: tuple[str, ...], instances: tuple[str, ...], session: Session
) -> tuple[str, ...]:
    if not instances:
        return names
    programs = names or (session.inventory.program(None).name,)
    if any("@" in name for name in programs):
        raise click.UsageError("--instance needs the name of a program, not of an instance")
    return tuple(f"{name}@{number.zfill(2)}" for name in programs for number in instances)


def _programs(units: list[str]) -> tuple[str, ...]:
    return tuple(sorted({unit.partition("@")[0] for unit in units}))


@click.command(cls=Numbered)
@shared
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_names)
@follow_option
@_lines
@since_option
@until_option
@grep_option
@priority_option
@_output
@pass_session
def maintail(
    session: Session,
    *,
    names: tuple[str, ...],
    follow: bool,
    lines: int | None,
    since: int | None,
    until: int | None,
    grep: re.Pattern[bytes] | None,
    priority: int | None,
    output: str,
) -> None:
    """Show what wctl and systemd logged about instances: starts, exits, back-off, scaling.

    Example: wctl maintail -f messenger-worker
    """
    if follow and until is not None:
        raise click.UsageError("--until cannot be used with --follow")
    instances = select(session.inventory, names, beyond=True).instances
    if not instances:
        raise session.inventory.nothing()
    units = [instance.unit for instance in instances]
    query = journal.Query(
        tuple(units),
        user=session.user,
        about=True,
        programs=_programs(units),
        priority=priority,
        since=since,
        until=until,
        grep=grep,
    )
    if lines is None and since is None:
        lines = LINES
    show(query, lines, follow, Printer(output, units, named=False))
