"""tail, clear: the last lines that workers wrote, as Supervisor shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import click

from wctl.cli.app import at_least, pass_session, shared
from wctl.cli.completion import complete_names
from wctl.cli.logs.lines import FileLines, Printer
from wctl.cli.logs.options import LINES, Numbered, follow_option, units_of
from wctl.cli.logs.printed import point_to_files, show
from wctl.cli.output import Lines, echo
from wctl.errors import Exit, WctlError
from wctl.operate import file_tail, log_files
from wctl.operate.file_tail import FileTail
from wctl.operate.log_files import LogFile, Logs
from wctl.session.session import Session
from wctl.systemd import journal, journal_tail, unit_name


@click.command(cls=Numbered)
@shared
@follow_option
@click.option(
    "-n", "--lines", type=int, callback=at_least(0), default=LINES, show_default=True,
    metavar="N", help="Show the last N lines; also -N.",
)  # fmt: skip
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
    units = units_of(session, names)
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
    show(query, lines, follow, Printer("cat", units, named=len(units) > 1))
    if not follow:
        point_to_files(places)


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


@click.command()
@shared
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete_names)
@pass_session
def clear(session: Session, names: tuple[str, ...]) -> int:
    """Empty the log files of instances. The journal keeps its lines.

    Example: wctl clear messenger-worker@00
    """
    units = units_of(session, names)
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
