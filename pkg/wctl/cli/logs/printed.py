"""Prints lines of the journal, and says what the journal does not show."""

from __future__ import annotations

from collections.abc import Iterable

from wctl.cli.logs.lines import Printer
from wctl.cli.output import echo
from wctl.operate.log_files import Logs
from wctl.systemd import journal, journal_rights, unit_name


def show(
    query: journal.Query,
    lines: int | None,
    follow: bool,
    printer: Printer,
    reader: journal.Reader | None = None,
) -> None:
    """Print what a query finds: the last ``lines`` (None: all), and with ``follow`` what comes."""
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


def point_to_files(places: Iterable[Logs]) -> None:
    """Name the fallback files: while journald was away, the wrapper wrote lines there."""
    for place in places:
        for file in place.present():
            if file.spare and file.has_lines():
                name = unit_name.shown(unit_name.short(place.unit))
                echo(
                    f"{name}: while journald was away, the wrapper wrote lines to {file.path}",
                    err=True,
                )
