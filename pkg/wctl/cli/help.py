"""help: what a command does, as --help shows it."""

from __future__ import annotations

import click

from wctl.cli.output import echo


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
    assert isinstance(group.command, click.Group)
    name, found, _ = group.command.resolve_command(group, [command])
    assert found is not None
    echo(found.get_help(click.Context(found, group, info_name=name)))
