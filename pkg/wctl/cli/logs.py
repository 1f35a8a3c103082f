"""tail, logs, maintail, clear: what workers wrote, and what systemd and wctl said about them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import click

from wctl.cli.app import at_least, pass_session, shared
from wctl.cli.completion import complete_names
from wctl.cli.log_lines import FORMATS, FileLines, Printer
from wctl.cli.output import Lines, echo
from wctl.errors import Exit, WctlError
from wctl.operate import file_tail, log_files
from wctl.operate.file_tail import FileTail
from wctl.operate.log_files import LogFile, Logs
from wctl.operate.selection import select
from wctl.session.session import Session
from wctl.systemd import journal, journal_rights, journal_tail, unit_name, when

_LINES = 20  # Supervisor shows 1600 bytes: twenty lines of a terminal
_LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")

_follow = click.option("-f", "--follow", is_flag=True, help="Keep printing new lines until Ctrl-C.")
_lines = click.option(
    "-n", "--lines", type=int, callback=at_least(0), default=_LINES, show_default=True,
    metavar="N", help="Show the last N lines; also -N.",
)  # fmt: skip


class _Tail(click.Command):
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


@click.command(cls=_Tail)
@shared
@_follow
@_lines
@click.option(
    "--bytes", "size", type=int, callback=at_least(0), metavar="N",
    help="Show the last N bytes of one instance instead, as Supervisor does.",
)  # fmt: skip
@click.argument(
    "names", nargs=-1, metavar="[NAME]... [stdout|stderr]", shell_complete=complete_names
)
@pass_session
def tail(
    session: Session, names: tuple[str, ...], follow: bool, lines: int, size: int | None
) -> None:
    """Show the last lines that instances wrote, to both streams or to one of them.

    Example: wctl tail -f -100 messenger-worker@00 stderr
    """
    if follow and size is not None:
        raise click.UsageError("--bytes cannot be used with --follow")
    stream = None
    if names and names[-1] in ("stdout", "stderr"):
        *rest, stream = names
        names = tuple(rest)
    units = _units(session, names)
    if size is not None and len(units) > 1:
        raise click.UsageError("--bytes works for one instance only")
    places = log_files.of_units(session.manager, units)
    if not any(place.journal for place in places):
        _show_files(_named(places, stream), lines, size, follow=follow)
        return
    query = journal.Query(tuple(units), user=session.user, stream=stream, output=True)
    if size is not None:
        Lines().write(journal_tail.last_bytes(query, size))
        return
    _show(query, lines, follow, Printer("cat", units, named=len(units) > 1))
    if not follow:
        _point_to_files(places)


def _named(places: Iterable[Logs], stream: str | None) -> list[tuple[str, LogFile]]:
    """Return the files that exist, with their instances; "stderr" tells an instance's two apart.

    A file that several write to has the name of the first.
    """
    found: dict[Path, tuple[str, LogFile]] = {}
    for place in places:
        name = unit_name.shown(unit_name.short(place.unit))
        for file in place.present(stream):
            who = name if file.stream == "stdout" else f"{name} {file.stream}"
            found.setdefault(file.path, (who, file))
    return list(found.values())


def _show_files(
    logs: Sequence[tuple[str, LogFile]], lines: int, size: int | None, *, follow: bool
) -> None:
    """Print the end of log files, as tail(1) does; with ``follow`` go on until Ctrl-C."""
    if not logs:
        raise WctlError("nothing has been logged yet")
    if not follow:  # the wrapper makes a file before it has lines
        logs = [(who, log) for who, log in logs if not log.is_empty()]
    out = FileLines(named=len(logs) > 1)
    with ExitStack() as stack:
        tails = {stack.enter_context(FileTail(log)): who for who, log in logs}
        for tail, who in tails.items():
            for data in tail.last_lines(lines) if size is None else tail.last_bytes(size):
                out.write(who, data)
        out.flush()
        with suppress(KeyboardInterrupt):
            for tail, data in file_tail.follow(tuple(tails)) if follow else ():
                out.write(tails[tail], data)
                out.flush()


def _point_to_files(places: Iterable[Logs]) -> None:
    """Name the fallback files: while journald was away, the wrapper wrote lines there."""
    for place in places:
        for file in place.present():
            if file.spare and file.has_lines():
                name = unit_name.shown(unit_name.short(place.unit))
                echo(
                    f"{name}: while journald was away, the wrapper wrote lines to {file.path}",
                    err=True,
                )


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


@click.command(cls=_Tail)
@shared
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_names)
@_follow
@click.option(
    "-n",
    "--lines",
    type=int,
    callback=at_least(0),
    metavar="N",
    help="Show at most the last N lines; also -N. Default: 20, or all lines with --since.",
)
@click.option(
    "-i",
    "--instance",
    "instances",
    multiple=True,
    metavar="NN",
    help="Show only instance NN; may be given several times.",
)
@click.option(
    "--since", callback=_moment, metavar="TIME",
    help="Show lines from this time on, such as '10 min ago' or 09:30.",
)  # fmt: skip
@click.option("--until", callback=_moment, metavar="TIME", help="Show lines up to this time.")
@click.option("-g", "--grep", callback=_pattern, metavar="REGEX", help="Show only matching lines.")
@click.option(
    "-p", "--priority", callback=_level, metavar="LEVEL",
    help="Show this priority and more severe ones.",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Choice(FORMATS), default="short", show_default=True,
    help="short: with time and name; json: an object per line; cat: only the text.",
)  # fmt: skip
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
    output: str,
) -> None:
    """Show what instances logged, merged and sorted by time.

    Example: wctl logs messenger-worker --since '1h ago' --grep error -f
    """
    if follow and until is not None:
        raise click.UsageError("--until cannot be used with --follow")
    units = _units(session, _chosen(names, instances, session))
    query = journal.Query(
        tuple(units),
        user=session.user,
        priority=priority,
        since=since,
        until=until,
        grep=grep,
    )
    if lines is None and since is None:
        lines = _LINES
    printer = Printer(output, units, named=output != "cat")
    _show(query, lines, follow, printer, journal.reader(None) if output == "json" else None)
    if not follow:
        _point_to_files(log_files.of_units(session.manager, units))


def _chosen(
    names: tuple[str, ...], instances: tuple[str, ...], session: Session
) -> tuple[str, ...]:
    if not instances:
        return names
    programs = names or (session.inventory.program(None).name,)
    if any("@" in name for name in programs):
        raise click.UsageError("--instance needs the name of a program, not of an instance")
    return tuple(f"{name}@{number.zfill(2)}" for name in programs for number in instances)


@click.command(cls=_Tail)
@shared
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_names)
@_follow
@_lines
@pass_session
def maintail(session: Session, names: tuple[str, ...], follow: bool, lines: int) -> None:
    """Show what wctl and systemd logged about instances: starts, exits, back-off, scaling.

    Example: wctl maintail -f messenger-worker
    """
    instances = select(session.inventory, names, beyond=True).instances
    if not instances:
        raise session.inventory.nothing()
    units = [instance.unit for instance in instances]
    query = journal.Query(
        tuple(units),
        user=session.user,
        about=True,
        programs=tuple(sorted({instance.program for instance in instances})),
    )
    _show(query, lines, follow, Printer("short", units, named=False))


@click.command()
@shared
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete_names)
@pass_session
def clear(session: Session, names: tuple[str, ...]) -> int:
    """Empty the log files of instances. The journal keeps its lines.

    Example: wctl clear messenger-worker@00
    """
    units = _units(session, names)
    code = Exit.OK
    for place in log_files.of_units(session.manager, units):
        name = unit_name.shown(unit_name.short(place.unit))
        try:
            cleared = place.clear()
        except OSError as error:
            echo(f"{name}: ERROR ({error.filename}: {error.strerror})")
            code = Exit.FAILURE
            continue
        echo(f"{name}: cleared" if cleared else f"{name}: nothing to clear, it has no log file")
    return code


def _units(session: Session, names: tuple[str, ...]) -> list[str]:
    if not names:
        names = (session.inventory.program(None).name,)
    units = [instance.unit for instance in select(session.inventory, names, beyond=True).instances]
    if not units:  # of "all"
        raise session.inventory.nothing()
    return units


def _show(
    query: journal.Query,
    lines: int | None,
    follow: bool,
    printer: Printer,
    reader: journal.Reader | None = None,
) -> None:
    shown = False
    try:
        idle = printer.flush if follow else None
        for line in (reader or journal.reader()).read(query, lines, idle=idle):
            printer.show(line)
            shown = True
    except KeyboardInterrupt:
        if not follow:
            raise
    finally:
        printer.flush()
    if not shown and lines != 0 and not journal_rights.may_read():
        echo(f"no lines to show; {journal_rights.NEEDED}", err=True)
