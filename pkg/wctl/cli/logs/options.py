"""The options that select lines of logs, and what the verbs about logs share."""

from __future__ import annotations

import os
import re

import click

from wctl.operate.selection import select
from wctl.session.session import Session
from wctl.systemd import when

LINES = 20  # Supervisor shows 1600 bytes: twenty lines of a terminal
_LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")


class Numbered(click.Command):
    """A command that takes ``-100`` for ``--lines=100``, as Supervisor and tail(1) do."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        valued = {
            name
            for option in self.params
            if isinstance(option, click.Option) and not option.is_flag
            for name in option.opts
        }
        spelt = [  # in --since -90, the number is the value of the option
            word if before in valued else re.sub(r"^-(\d+)$", r"--lines=\1", word)
            for before, word in zip(["", *args], args[:end])
        ]
        return super().parse_args(ctx, spelt + args[end:])


def _moment(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    try:
        return None if value is None else when.moment(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _pattern(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> re.Pattern[bytes] | None:
    if value is None:
        return None
    try:
        # As in journalctl, a pattern in lower case also matches capitals.
        flags = re.IGNORECASE if value.islower() else 0
        return re.compile(os.fsencode(value), flags)
    except re.error as error:
        raise click.BadParameter(f"{value!r}: {error}") from None


def _level(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    if value in _LEVELS:
        return _LEVELS.index(value)
    # One digit: to Python, more than 4,300 of them are no number.
    if re.fullmatch("[0-7]", value):
        return int(value)
    raise click.BadParameter(f"expected one of {', '.join(_LEVELS)}, or 0 to 7")


follow_option = click.option(
    "-f", "--follow", is_flag=True, help="Keep printing new lines until Ctrl-C."
)
since_option = click.option(
    "--since", callback=_moment, metavar="TIME",
    help="Show what was from this time on, such as '10 min ago' or 09:30.",
)  # fmt: skip
until_option = click.option(
    "--until", callback=_moment, metavar="TIME", help="Show what was up to this time."
)
grep_option = click.option(
    "-g", "--grep", callback=_pattern, metavar="REGEX", help="Show only what matches."
)
priority_option = click.option(
    "-p", "--priority", callback=_level, metavar="LEVEL",
    help="Show this priority and more severe ones.",
)  # fmt: skip


def units_of(session: Session, names: tuple[str, ...]) -> list[str]:
    """Return the units that ``names`` name; by default those of all programs.

    Raises:
        UnknownNamesError: some names name nothing.
        NothingYetError: there is no program.
    """
    if not (names or session.inventory.programs):
        names = (session.inventory.program(None).name,)  # a package's, which nobody uses yet
    units = [instance.unit for instance in select(session.inventory, names, beyond=True).instances]
    if not units:  # of "all"
        raise session.inventory.nothing()
    return units
