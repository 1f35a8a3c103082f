"""The group of verbs, and the options that they share."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wctl.cli.output import echo, go_on
from wctl.cli.verbs import GROUPS, SYNONYMS, VERBS
from wctl.errors import Exit
from wctl.session.session import Session

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])

# Supervisor's verbs that wctl does not have → what to use instead.
_INSTEAD = {
    "avail": "'wctl reread', or 'wctl status'",
    "fg": "'wctl tail -f NAME'",
    "open": "'systemctl -H HOST', or ssh",
    "reload": "'wctl update'",
    "shutdown": "'wctl stop all'",
}

# What the arguments of these names may be; --help of each verb ends with it.
_PROGRAM = "PROGRAM is a name in [program:NAME], or [fcgi-program:NAME]."
_MEANINGS = {
    "names": "NAME is a program (messenger-worker), an instance (messenger-worker@00, @{00..02}), a"
    " group (shop:), a process as Supervisor names it (shop:cart_00), a glob ('mail*'), or all.",
    "words": _PROGRAM,
    "program": _PROGRAM,
    "programs": f"{_PROGRAM} It may also be a group, or all.",
}


class _Verbs(click.Group):
    """A group that imports a verb's module when the verb is used."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            echo(ctx.get_help(), err=True)
            if not sys.stdin.isatty():
                echo("\nwctl: missing command ('wctl supervisorctl' reads stdin)", err=True)
            ctx.exit(Exit.USAGE)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"wctl.cli.{VERBS[cmd_name].module}")
        command = getattr(module, f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name)
        assert isinstance(command, click.Command)
        taken = {parameter.name for parameter in command.params}
        meanings = (text for name, text in _MEANINGS.items() if name in taken)
        command.epilog = next(meanings, command.epilog)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] in SYNONYMS:
            args = [SYNONYMS[args[0]], *args[1:]]
        if args and args[0] not in VERBS:
            instead = _INSTEAD.get(args[0])
            hint = f"; use {instead}" if instead else _meant(args[0])
            ctx.fail(f"no such command {args[0]!r}{hint}")
        if args and VERBS[args[0]].changes:
            go_on()
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a verb without its module, and with all that its summary says."""
        from click.shell_completion import CompletionItem

        verbs = [
            CompletionItem(name, help=verb.summary)
            for name, verb in VERBS.items()
            if name.startswith(incomplete)
        ]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for group, names in GROUPS.items():
            with formatter.section(group):
                formatter.write_dl([(name, VERBS[name].summary) for name in names])


def _meant(word: str) -> str:
    """Return ", did you mean X?"; never a command that does harm, unless it begins as ``word``."""
    from wctl.errors import nearest

    begun = [name for name in VERBS if name.startswith(word)] if word else []
    harmless = (name for name, verb in VERBS.items() if not verb.changes or name[0] == word[:1])
    if len(begun) == 1:
        return f", did you mean {begun[0]}?"
    return nearest(word, begun or harmless)


def shared(command: F) -> F:
    """Give a command the options that users may type before or after the verb."""
    options = (
        click.option(
            "-c", "--configuration", "files", multiple=True, metavar="FILE",
            type=click.Path(path_type=Path), expose_value=False, callback=_set_files,
            help="Read FILE, for example a supervisord.conf, instead of /etc/wctl, and act on its"
            " programs alone.",
        ),
        click.option(
            "--user", is_flag=True, expose_value=False, callback=_set("user"),
            help="Manage the units of your own systemd (the user manager), not the system's.",
        ),
        click.option(
            "-q", "--quiet", is_flag=True, expose_value=False, callback=_set("quiet"),
            help="Print only results and errors.",
        ),
        click.option(
            "--debug", is_flag=True, expose_value=False, callback=_set("debug"),
            help="Print the traceback of an error.",
        ),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def _set(name: str) -> Callable[[click.Context, click.Parameter, bool], None]:
    def callback(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
        if value:
            setattr(context.ensure_object(Session), name, True)

    return callback


def _set_files(
    context: click.Context, _parameter: click.Parameter, value: tuple[Path, ...]
) -> None:
    context.ensure_object(Session).files += value


pass_session = click.make_pass_decorator(Session)


_MOST = (1 << 31) - 1
MOST_SECONDS = 1_000_000  # the kernel takes milliseconds, in 32 bits (poll(2))


def at_least(
    lowest: float, most: int = _MOST
) -> Callable[[click.Context, click.Parameter, float | None], float | None]:
    """Return the callback of an option that refuses numbers below ``lowest`` or above ``most``.

    click.IntRange and click.FloatRange would put "[x>=0]" into the help.
    """

    def callback(
        _context: click.Context, _parameter: click.Parameter, value: float | None
    ) -> float | None:
        if value is not None and not lowest <= value <= most:  # nan is neither
            raise click.BadParameter(f"expected a number from {lowest} to {most}")
        return value

    return callback


def _version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        from wctl import __version__

        echo(f"wctl {__version__}")
        context.exit()


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: wctl scale 3",
)
@shared
@click.option(
    "-V", "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version,
    help="Print wctl's version.",
)  # fmt: skip
def wctl() -> None:
    """Run queue workers under systemd, from Supervisor's configuration."""
