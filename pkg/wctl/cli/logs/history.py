"""history: what happened to instances, one line an event."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict

import click

from wctl.cli.app import at_least, pass_session, shared
from wctl.cli.columns import columns, padded
from wctl.cli.completion import complete_names
from wctl.cli.logs.options import Numbered, since_option, until_option
from wctl.cli.output import echo, in_columns
from wctl.errors import WctlError
from wctl.operate.history import Event
from wctl.operate.history import history as events_of
from wctl.operate.selection import select
from wctl.session.session import Session
from wctl.systemd.entries import Span, UnreadableError

_LINES = 40
_COLOURS = {"ready": "green", "exit": "red", "killed": "red", "failed": "red", "request": "cyan"}


@click.command(cls=Numbered)
@shared
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_names)
@since_option
@until_option
@click.option(
    "-n", "--lines", type=int, callback=at_least(0), metavar="N",
    help=f"Show at most the last N events; also -N. Default: {_LINES}, or all with --since.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the events as JSON.")
@pass_session
def history(
    session: Session,
    *,
    names: tuple[str, ...],
    since: int | None,
    until: int | None,
    lines: int | None,
    as_json: bool,
) -> None:
    """Show what happened to instances, and why: starts, ends, kills, failures, who asked.

    Example: wctl history messenger-worker --since 03:00
    """
    instances = select(session.inventory, names, beyond=True).instances
    if not instances:
        raise session.inventory.nothing()
    if lines is None and since is None:
        lines = _LINES
    try:
        events = events_of(instances, Span(since, until, lines), user=session.user)
    except UnreadableError as error:
        raise WctlError(str(error)) from None
    if as_json:
        echo(json.dumps([_record(event) for event in events], indent=2))
    elif events:
        echo("\n".join(_lines(events)))
    elif not session.quiet:
        echo("nothing has happened yet, as far as the journal knows", err=True)


def _record(event: Event) -> dict[str, object]:
    return {**asdict(event), "time": round(event.time, 6)}


def _lines(events: Sequence[Event]) -> list[str]:
    width = max(columns(event.name) for event in events)
    found = []
    for event in events:
        left = f"{_clock(event.time)}  {padded(event.name, width)}  "
        found += in_columns(left, columns(left), event.text, {"fg": _COLOURS.get(event.kind)})
    return found


def _clock(seconds: float) -> str:
    return time.strftime("%b %d %H:%M:%S", time.localtime(seconds))
