"""status, pid, explain, version: the verbs that only look."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from wctl.cli.app import pass_session, shared
from wctl.cli.completion import complete_names, complete_programs
from wctl.cli.output import clear, echo, is_terminal
from wctl.errors import Exit, UnknownNamesError
from wctl.install.installed import Installed, Instance
from wctl.operate import states
from wctl.operate.selection import Selection, look_up
from wctl.operate.states import STOPPED_STATES, Details, Process, State
from wctl.session.session import Session
from wctl.systemd.quantities import size_in_words

if TYPE_CHECKING:
    from wctl.systemd.exits import LastExits

_COLOURS = {
    State.RUNNING: "green",
    State.STARTING: "cyan",
    State.STOPPING: "cyan",
    State.BACKOFF: "yellow",
    State.FATAL: "red",
    State.UNKNOWN: "red",
}
_NAME_WIDTH = 30  # Supervisor's minimum, for scripts that cut lines by columns
_REDRAW = 1.0  # seconds


@click.command()
@shared
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_names)
@click.option(
    "-l", "--long", "long", is_flag=True, help="Also show memory, CPU, restarts and last exit."
)
@click.option("--json", "as_json", is_flag=True, help="Print the states as JSON.")
@click.option("--watch", is_flag=True, help="Refresh every second until Ctrl-C.")
@pass_session
def status(session: Session, names: tuple[str, ...], long: bool, as_json: bool, watch: bool) -> int:
    """Show the state of instances, one line each, in Supervisor's words.

    Exit code: 0 if all instances run, 3 if one is stopped, exited or fatal, 4 if a name is unknown.

    Example: wctl status -l messenger-worker
    """
    last_exits = _last_exits(session) if long else None
    manager = session.manager
    while True:
        found = look_up(session.inventory, names)
        processes = states.processes(manager, _once(found.asked))
        more = _details(session, processes, last_exits) if last_exits else {}
        processes += [_scaled_to_0(program) for program in found.empty]
        if as_json:
            import json

            text = json.dumps([_record(process, more) for process in processes], indent=2)
        else:
            text = "\n".join(_lines(processes, more))
        if found.unknown and (watch or not found.choices):
            raise UnknownNamesError(found.unknown, nothing=session.inventory.is_empty)
        if not watch:
            if text:
                echo(text)
            if not (processes or session.inventory.programs or session.quiet):
                _say_first_steps(session)
            return _exit_code(session, found, processes)
        clear()
        echo(text)
        time.sleep(_REDRAW)
        session.inventory.refresh()


def _once(instances: Iterable[Instance]) -> list[Instance]:
    return list({instance.unit: instance for instance in instances}.values())


def _scaled_to_0(program: Installed) -> Process:
    """Return the row of a program without an instance, under its own name."""
    name = program.name
    return Process(name, program.group, name, State.STOPPED, "scaled to 0")


def _exit_code(session: Session, found: Selection, processes: Iterable[Process]) -> int:
    """Return the exit code of what was shown, after a line for each unknown name."""
    if found.unknown:
        raise UnknownNamesError(found.unknown, nothing=session.inventory.is_empty)
    stopped = any(process.state in STOPPED_STATES for process in processes)
    return Exit.NOT_RUNNING if stopped else Exit.OK


def _say_first_steps(session: Session) -> None:
    from wctl.cli import first_steps  # rarely needed, and it reads much

    first_steps.tell(session)


_More = dict[str, tuple[Details, "str | None"]]


def _last_exits(session: Session) -> LastExits:
    from wctl.systemd.exits import LastExits

    return LastExits(user=session.user)


def _details(session: Session, processes: Sequence[Process], last_exits: LastExits) -> _More:
    from wctl.install.installed import enabled_since
    from wctl.operate.early_exits import explained
    from wctl.systemd import exits

    over = [process.unit for process in processes if process.state is State.EXITED]
    exited = session.manager.properties(
        [(unit, ("ExecMainCode", "ExecMainStatus")) for unit in over]
    )
    details = states.details(session.manager, [process.name for process in processes])
    more = {}
    for process in processes:
        since = enabled_since(session.layout, process)  # not of a removed program of this name
        how = last_exits.of(process.unit, since)
        how = explained(session.manager, process.unit, how, since)
        if process.unit in exited:  # what the journal has may be of an earlier run
            last = exits.main_exit(exited[process.unit])
            how = how if how is not None and how.startswith(last) else last
        more[process.name] = details[process.name], how
    return more


def _record(process: Process, more: _More) -> dict[str, object]:
    record: dict[str, object] = {
        "name": process.shown,
        "unit": process.unit if "@" in process.unit else None,
        "program": process.program,
        "group": process.group,
        "state": process.state.value,
        "description": process.description,
        "pid": process.pid or None,
    }
    if process.name in more:
        details, last_exit = more[process.name]
        from dataclasses import asdict

        from wctl.systemd.exits import UNKNOWN

        record.update(asdict(details), last_exit=None if last_exit == UNKNOWN else last_exit)
    return record


def _lines(processes: Sequence[Process], more: _More) -> list[str]:
    """Return a line per process, as supervisorctl prints it; terminals get a header and colours."""
    width = max([_NAME_WIDTH, *(len(process.shown) for process in processes)]) + 3
    lines = []
    if is_terminal() and processes:
        lines.append(click.style(f"{'NAME':<{width}}{'STATE':<10}DESCRIPTION", dim=True))
    for process in processes:
        word = click.style(f"{process.state:<10}", fg=_COLOURS.get(process.state))
        lines.append(f"{process.shown:<{width}}{word}{process.description}".rstrip())
        if process.name in more:
            lines.append(" " * 4 + _long(*more[process.name]))
    return lines


def _long(details: Details, last_exit: str | None) -> str:
    parts = []
    if details.memory is not None:
        limit = f" of {size_in_words(details.memory_max)}" if details.memory_max is not None else ""
        parts.append(f"memory {size_in_words(details.memory)}{limit}")
    if details.cpu is not None:
        parts.append(f"cpu {details.cpu:.1f} s")
    if details.tasks is not None:
        parts.append(f"tasks {details.tasks}")
    parts.append(f"restarts {details.restarts}")
    parts.append(f"last exit: {last_exit or 'none'}")
    return ", ".join(parts)


@click.command()
@shared
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_names)
@pass_session
def pid(session: Session, names: tuple[str, ...]) -> int:
    """Print the process IDs of workers, in the order of the NAMEs.

    Exit code: 0 if all of them run, 4 if a name is unknown, 7 if a worker does not run. wctl prints
    nothing for a worker that does not run: to kill(1), a 0 would mean the caller's own processes.

    Example: strace -p $(wctl pid messenger-worker@00)
    """
    found = look_up(session.inventory, names)
    processes = states.processes(session.manager, list(found.asked))
    for process in processes:
        if process.pid:
            echo(process.pid)
    empty = any(program.name in found.named for program in found.empty)
    down = empty or not all(process.pid for process in processes)
    return _exit_code(session, found, ()) or (Exit.NOT_STARTED if down else Exit.OK)


@click.command()
@shared
@click.argument("program", required=False, shell_complete=complete_programs)
@pass_session
def explain(session: Session, program: str | None) -> None:
    """Explain in words what happens to a program's workers, and when.

    The explanation follows the unit that systemd has loaded, including drop-ins.

    Example: wctl explain messenger-worker
    """
    from wctl.operate import explain as explanation

    installed = session.inventory.program(program)
    unit = installed.instance(installed.numprocs_start)
    sentences = explanation.explain(session.manager, unit)
    width = max(len(sentence.when) for sentence in sentences) + 2
    echo(f"{installed.shown}, from {installed.source}:")
    for sentence in sentences:
        echo(f"  {sentence.when:<{width}}{sentence.then}")


@click.command()
@shared
def version() -> None:
    """Print wctl's version.

    Example: wctl version
    """
    from wctl import __version__

    echo(__version__)
