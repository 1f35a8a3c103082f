"""Completion for bash, zsh and fish, which knows programs and instances.

All names come from files on the machine: a completion must not wait for D-Bus.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from wctl.cli.output import echo
from wctl.session.session import Session

if TYPE_CHECKING:
    from wctl.install.installed import Installed

_SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_WCTL_COMPLETE"  # click derives this name from the command wctl

_SPECIAL, _ESCAPE = re.compile(r"[\\\s'\"`$&;|<>(){}!#~?\[\]]"), r"\\\g<0>"  # to bash

_BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' completion type value
    for completion in $(env COMP_LINE="$COMP_LINE" COMP_POINT="$COMP_POINT" \\
            %(complete_var)s=bash_complete "$1"); do
        IFS=',' read -r type value <<<"$completion"
        case $type in
            dir) COMPREPLY=(); compopt -o dirnames ;;
            file) COMPREPLY=(); compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for a shell. The Debian package installs these scripts.

    Example: wctl completion zsh > ~/.zfunc/_wctl
    """
    from click.shell_completion import get_completion_class  # lazy: every verb imports this module

    register()
    root = context.find_root().command
    made = get_completion_class(shell)
    assert made is not None
    echo(made(root, {}, "wctl", _VARIABLE).source())


def register() -> None:
    """Teach click that bash takes @ and : as the ends of words, while our names have both.

    bash splits COMP_WORDS there, and replaces only what follows (readline(3), completer word break
    characters). We go by the whole line, and return what is to follow.
    """
    from click.shell_completion import BashComplete, CompletionItem, add_completion_class

    class Bash(BashComplete):
        source_template = _BASH

        def get_completion_args(self) -> tuple[list[str], str]:
            typed = os.environ["COMP_LINE"][: int(os.environ["COMP_POINT"])]
            os.environ.update(COMP_WORDS=typed, COMP_CWORD=str(len(typed)))  # beyond all words
            words, _ = super().get_completion_args()
            incomplete = words.pop() if words and not typed[-1:].isspace() else ""
            # Where the word stands in quotes, it needs no other ones.
            self._quotes = typed.rpartition(" ")[2][:1] in ("'", '"')
            self._there = max(incomplete.rfind("@"), incomplete.rfind(":") + 1, 0)
            return words, incomplete

        def format_completion(self, item: CompletionItem) -> str:
            value = item.value[self._there :]
            return f"{item.type},{value if self._quotes else _SPECIAL.sub(_ESCAPE, value)}"

    add_completion_class(Bash)


def complete_programs(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Complete the name of an installed program."""
    return _those([program.shown for program in _installed(context)], incomplete)


def complete_groups(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Complete the name of an installed program or of a group of them."""
    programs = _installed(context)
    groups = [program.group_title for program in programs if program.group != program.name]
    return complete_programs(context, parameter, incomplete) + _those([*groups, "all"], incomplete)


def complete_sizes(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Complete what to scale: a program; after the number of one (PROGRAM=N), the next."""
    typed = context.params.get("words") or ()
    found = complete_programs(context, parameter, incomplete)
    if any("=" in word for word in typed):
        return [f"{name}=" for name in found]
    return [] if typed else found


def complete_signals(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Complete the name of a signal, with or without SIG."""
    from signal import Signals

    names = [one.name for one in Signals if not one.name.startswith("SIGRT")]
    short = incomplete if incomplete.startswith("SIG") else f"SIG{incomplete}"
    found = _those(names, short)
    return found if short == incomplete else [name[3:] for name in found]


def complete_names(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Complete the name of a program or a group; after an @, of an instance; after a :, a process.

    A process has Supervisor's name, GROUP:PROCESS.
    """
    programs = _installed(context)
    members = [
        (program, number)
        for program in programs
        for number in program.enabled or program.configured
    ]
    if "@" in incomplete.partition(":")[0]:
        return _those([program.member(number).shown for program, number in members], incomplete)
    if ":" in incomplete:
        names = [f"{program.group_title}:*" for program in programs]
        names += [f"{one.group_title}:{one.process_name(number)}" for one, number in members]
    else:
        names = [program.shown for program in programs]
        names += [program.group_title for program in programs if program.group != program.name]
        names += ["all"]
    return _those(names, incomplete)


def complete_supervisorctl(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Complete an action of supervisorctl, or Supervisor's name of a process or a group."""
    typed = context.params.get("words") or ()
    if not typed:
        from wctl.api.ctl.words import HELP

        return _those(HELP, incomplete)
    members = [
        (program.group_title, program.process_name(number))
        for program in _installed(context)
        for number in program.enabled or program.configured
    ]
    if typed[0] in ("add", "remove", "update"):
        return _those([group for group, _ in members], incomplete)
    names = [process if group == process else f"{group}:{process}" for group, process in members]
    names += [f"{group}:*" for group, process in members if group != process]
    return _those([*names, "all"], incomplete)


def _those(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]


def _installed(context: click.Context) -> tuple[Installed, ...]:
    from wctl.install.installed import programs, runs

    layout = context.ensure_object(Session).layout
    installed = programs(layout)
    return tuple(
        program for program in installed if not program.dormant(started=runs(layout, program))
    )
