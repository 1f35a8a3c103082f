"""help: what a command does, as --help shows it."""

from __future__ import annotations

import click

from wctl.cli.output import echo
from wctl.cli.verbs import SYNONYMS, VERBS
from wctl.errors import nearest


@click.command()
@click.argument("command", required=False)
@click.pass_context
def help(context: click.Context, command: str | None) -> None:
    """Show what a COMMAND does, or all commands.

    Example: wctl help scale
    """
    group = context.find_root()
    if command is None:
        echo(group.get_help())
        return
    name = SYNONYMS.get(command, command)
    assert isinstance(group.command, click.Group)
    found = group.command.get_command(group, name)
    if found is None:
        raise click.UsageError(f"no such command {command!r}{nearest(command, VERBS)}")
    echo(found.get_help(click.Context(found, group, info_name=name)))
