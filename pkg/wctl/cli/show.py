"""pid, explain, version: the verbs that only look."""

from __future__ import annotations

import click

from wctl.cli.app import pass_session, shared
from wctl.cli.completion import complete_names, complete_programs
from wctl.cli.output import echo, in_columns
from wctl.cli.status.command import exit_code
from wctl.errors import Exit
from wctl.operate import states
from wctl.operate.selection import look_up
from wctl.session.session import Session

_EXPLAINED = 35  # columns of what happens when


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
    return exit_code(session, found, ()) or (Exit.NOT_STARTED if down else Exit.OK)


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
    echo(f"{installed.shown}, from {installed.source}:")
    for sentence in sentences:
        echo("\n".join(in_columns(f"  {sentence.when}", _EXPLAINED, sentence.then, {})))


@click.command()
@shared
def version() -> None:
    """Print wctl's version.

    Example: wctl version
    """
    from wctl import __version__

    echo(__version__)
