"""Completion for bash, zsh and fish, which knows programs and instances.

All names come from files on the machine: a completion must not wait for D-Bus.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from wctl.cli.app import Session
from wctl.cli.output import echo

if TYPE_CHECKING:
    from wctl.install.installed import Installed

_SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_WCTL_COMPLETE"  # click derives this name from the command wctl


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for a shell. The Debian package installs these scripts.

    Example: wctl completion zsh > ~/.zfunc/_wctl
    """
    from click.shell_completion import get_completion_class  # lazy: every verb imports this module

    root = context.find_root().command
    made = get_completion_class(shell)
    assert made is not None
    echo(made(root, {}, "wctl", _VARIABLE).source())


def complete_programs(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Complete the name of an installed program."""
    return [program.name for program in _installed(context) if program.name.startswith(incomplete)]


def complete_names(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Complete the name of a program or, after the user has typed an @, of an instance."""
    from wctl.systemd import unit_name

    programs = _installed(context)
    if "@" not in incomplete:
        names = [program.name for program in programs] + ["all"]
    else:
        names = [
            unit_name.short(program.instance(number))
            for program in programs
            for number in program.enabled or program.configured
        ]
    return [name for name in names if name.startswith(incomplete)]


def _installed(context: click.Context) -> tuple[Installed, ...]:
    from wctl.install.installed import programs, runs

    layout = context.ensure_object(Session).layout
    installed = programs(layout)
    return tuple(
        program for program in installed if not program.dormant(started=runs(layout, program))
    )
