"""pid, explain, version: the verbs that only look."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from wctl.cli.app import pass_session, shared
from wctl.cli.completion import complete_names, complete_programs
from wctl.cli.output import echo, in_columns
from wctl.cli.status.command import exit_code
from wctl.errors import Exit, UnknownNamesError, WctlError
from wctl.operate import states
from wctl.operate.selection import look_up
from wctl.session.session import Session
from wctl.systemd import unit_name

if TYPE_CHECKING:
    from wctl.operate.explain import Sentence

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
@click.option(
    "--file", "from_file", is_flag=True,
    help="Explain what an update would make of the configuration, and not what is installed.",
)  # fmt: skip
@click.argument("program", required=False, shell_complete=complete_programs)
@pass_session
def explain(session: Session, program: str | None, from_file: bool) -> None:
    """Explain in words what happens to a program's workers, and when.

    The explanation follows the unit that systemd has loaded, including drop-ins. Of a program that
    is not installed yet, and with --file, it follows the configuration.

    Example: wctl explain messenger-worker
    """
    if not from_file:
        try:
            installed = session.inventory.program(program)
        except UnknownNamesError:
            if program is None or _configured(session, program) is None:
                raise
        else:
            from wctl.operate import explain as explanation

            unit = installed.instance(installed.numprocs_start)
            _explain(
                f"{installed.shown}, from {installed.source}:",
                explanation.explain(session.manager, unit),
            )
            return
    _explain_file(session, program)


def _configured(session: Session, name: str | None) -> str | None:
    """Return the name of a program in the configuration; without a name, of the only one.

    Raises:
        WctlError: a name is needed.
    """
    known = session.any_config.known
    if name is not None:
        names = unit_name.meant(name)
        return next((program.name for program in known if program.name in names), None)
    if len(known) > 1:
        which = ", ".join(sorted(program.title for program in known))
        raise WctlError(f"name one of the programs: {which}", exit_code=Exit.USAGE)
    return known[0].name if known else None


def _explain_file(session: Session, name: str | None) -> None:
    """Explain a program from the configuration; without a name, the only one.

    Raises:
        ConfigError: the configuration of the program has errors.
        WctlError: no program of the configuration is meant.
    """
    from wctl.config import load
    from wctl.operate import explain as explanation
    from wctl.units.render import render

    session.need_files()
    known = _configured(session, name) or name or ""
    config = load.only(session.valid_config(known), known)
    (program,) = config.programs
    files = {file.name: file.text for file in render(config, session.host())}
    update = session.command("update", program.title, files=session.files)
    _explain(
        f"{program.title}, from {program.place.file}, after '{update}':",
        explanation.explain_text(
            files[f"{program.name}@.service"], program.instance(program.numprocs_start)
        ),
    )


def _explain(title: str, sentences: Iterable[Sentence]) -> None:
    echo(title)
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
