"""status: looks at instances, and shows them as a table, in Supervisor's words, or as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from wctl.cli.app import MOST_SECONDS, at_least, pass_session, shared
from wctl.cli.completion import complete_names
from wctl.cli.output import echo, has_cursor, is_terminal
from wctl.cli.status.row import Row
from wctl.errors import Exit, UnknownNamesError
from wctl.install.installed import Instance
from wctl.operate import states
from wctl.operate.selection import Selection, look_up
from wctl.operate.states import STOPPED_STATES, Process
from wctl.session.session import Session

if TYPE_CHECKING:
    from wctl.operate.details import Details

_NAME_WIDTH = 30  # Supervisor's minimum, for scripts that cut lines by columns


@click.command()
@shared
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_names)
@click.option(
    "-l",
    "--long",
    "long",
    is_flag=True,
    help="Show a table with all columns, also on a pipe, and how each worker last ended.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the states as JSON.")
@click.option("--watch", is_flag=True, help="Show the states again and again, until Ctrl-C.")
@click.option(
    "--interval", type=float, callback=at_least(0.1, MOST_SECONDS), default=1, show_default=True,
    metavar="SECONDS", help="With --watch: wait for SECONDS in between.",
)  # fmt: skip
@pass_session
def status(
    session: Session,
    names: tuple[str, ...],
    *,
    long: bool,
    as_json: bool,
    watch: bool,
    interval: float,
) -> int:
    """Show the state of instances, one line each.

    On a terminal, this is a table; elsewhere, it is in Supervisor's words.

    Exit code: 0 if all instances run, 3 if one is stopped, exited or fatal, 4 if a name is unknown.

    Example: wctl status -l messenger-worker
    """
    view = _View(session, names, long=long, as_json=as_json)
    if watch:
        view.watch(interval)
        return Exit.OK
    found, rows = view.look()
    if found.unknown and not found.choices:
        raise _unknown(session, found)
    text = view.text(rows)
    if text:
        echo(text)
    if not (rows or session.inventory.programs or session.quiet):
        _say_first_steps(session)
    return exit_code(session, found, (row.process for row in rows))


class _View:
    """What is shown: of which instances, and how."""

    def __init__(
        self, session: Session, names: tuple[str, ...], *, long: bool, as_json: bool
    ) -> None:
        self._session = session
        self._names = names
        self._long = long
        self._json = as_json
        self._terminal = is_terminal()

    def look(self) -> tuple[Selection, list[Row]]:
        """Return what the names mean, and their instances as they are now."""
        session = self._session
        manager = session.manager  # the first thing that is missing where systemd does not run
        found = look_up(session.inventory, self._names)
        processes = states.processes(manager, _once(found.asked))
        rows = self._rows(processes)
        return found, [
            *rows,
            *(Row(states.scaled_to_0(one), long=self._long) for one in found.empty),
        ]

    def text(self, rows: Sequence[Row]) -> str:
        """Return what is printed."""
        if self._json:
            import json

            return json.dumps([row.record() for row in rows], indent=2)
        if not (self._terminal or self._long):
            return "\n".join(_in_supervisors_words([row.process for row in rows]))
        return "\n".join(self._table(rows, self._width()))

    def watch(self, interval: float) -> None:
        """Show the instances every ``interval`` seconds until Ctrl-C."""
        from wctl.cli.status import watch

        if has_cursor() and not self._json:
            watch.on_screen(lambda width: self._table(self._look_again(), width), interval)
        else:
            watch.on_pipe(lambda: self.text(self._look_again()), interval)

    def _look_again(self) -> list[Row]:
        self._session.inventory.refresh()
        found, rows = self.look()
        if found.unknown:
            raise _unknown(self._session, found)
        return rows

    def _table(self, rows: Sequence[Row], width: int | None) -> list[str]:
        from wctl.cli.status import table

        if not self._names:  # a program that is scaled to 0 stands with the others of its group
            rows = sorted(rows, key=lambda row: (row.process.group, row.process.program))
        return table.lines(rows, width, long=self._long)

    def _width(self) -> int | None:
        import shutil  # lazy: most output goes to a pipe

        return shutil.get_terminal_size().columns if self._terminal else None

    def _rows(self, processes: Sequence[Process]) -> list[Row]:
        details = self._details(processes)
        if not self._long:
            return [Row(process, details.get(process.unit)) for process in processes]
        from wctl.operate.last_exits import last_exits

        ended = last_exits(self._session.manager, processes, details)
        return [
            Row(process, details.get(process.unit), ended[process.unit], long=True)
            for process in processes
        ]

    def _details(self, processes: Iterable[Process]) -> dict[str, Details]:
        """Return the details that are shown: in the short table, of what has a process."""
        every = self._long or self._json
        if not (every or self._terminal):
            return {}
        from wctl.operate.details import details

        return details(self._session.manager, [one for one in processes if every or one.pid])


def _once(instances: Iterable[Instance]) -> list[Instance]:
    return list({instance.unit: instance for instance in instances}.values())


def _in_supervisors_words(processes: Sequence[Process]) -> list[str]:
    """Return a line per process, as supervisorctl prints it."""
    width = max([_NAME_WIDTH, *(len(process.shown) for process in processes)]) + 3
    return [
        f"{process.shown:<{width}}{process.state:<10}{process.description}".rstrip()
        for process in processes
    ]


def exit_code(session: Session, found: Selection, processes: Iterable[Process]) -> int:
    """Return the exit code of what was shown.

    Raises:
        UnknownNamesError: some names are unknown.
    """
    if found.unknown:
        raise _unknown(session, found)
    stopped = any(process.state in STOPPED_STATES for process in processes)
    return Exit.NOT_RUNNING if stopped else Exit.OK


def _unknown(session: Session, found: Selection) -> UnknownNamesError:
    return UnknownNamesError(found.unknown, nothing=session.inventory.is_empty)


def _say_first_steps(session: Session) -> None:
    from wctl.cli import first_steps  # rarely needed, and it reads much

    first_steps.tell(session)
