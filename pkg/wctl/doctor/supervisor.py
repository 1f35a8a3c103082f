"""A Supervisor on the same machine that runs wctl's programs, or will from the next boot on.

The workers of both then consume. This happens when only some programs have moved to wctl, or when
the administrator has not disabled supervisord after the move.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from wctl.config import load
from wctl.config.model import Program
from wctl.doctor.finding import Finding, editor, few
from wctl.errors import WctlError
from wctl.supervisor.daemons import Daemon
from wctl.supervisor.supervisorctl import Supervisorctl, running
from wctl.systemd import unit_name
from wctl.trust.text import shell_join


@dataclass(frozen=True)
class Rival:
    """A program in the configuration of a Supervisor."""

    program: Program
    processes: tuple[str, ...] | None  # that run now; None: supervisord does not answer


def programs(daemon: Daemon, *, timeout: float) -> list[Rival]:
    """Return the programs that ``daemon`` runs or starts at boot; wait ``timeout`` seconds."""
    if daemon.doubt or daemon.file is None:
        return []
    if not os.path.exists(daemon.file):  # noqa: PTH110 - Path.exists() may raise
        return []
    states: dict[str, str] | None = {}
    if daemon.pid:
        try:
            states = Supervisorctl(daemon.file, daemon.control, timeout).states()
        except WctlError:
            states = None  # supervisord has no socket, or hangs
    found = []
    for program in load.load([daemon.file], load.environ()).programs:
        processes = None if states is None else tuple(running(program, states).values())
        by_itself = program.autostart and program.numprocs > 0
        if processes or (by_itself and (processes is None or daemon.at_boot)):
            found.append(Rival(program, processes))
    return found


def findings(
    daemon: Daemon, rivals: Sequence[Rival], here: Collection[str], installed: Collection[str]
) -> Iterator[Finding]:
    """Report the rivals whose names are in ``here``; ``installed`` names all programs of wctl."""
    others = [rival.program.title for rival in rivals if rival.program.name not in installed]
    for rival in rivals:
        program = rival.program
        if program.name not in here:
            continue
        if rival.processes:
            what = "Supervisor also runs it, so both consume"
            evidence = [f"{daemon.who}, runs {', '.join(rival.processes)}"]
        elif rival.processes is None:
            what = "Supervisor also has it, and both may consume; supervisord does not answer"
            evidence = [f"{daemon.who}, does not answer {daemon.control}"]
        else:
            what = "Supervisor also starts it at the next boot, and then both consume"
            evidence = [f"{daemon.who}, is enabled"]
        evidence.append(f"{program.place} has [{program.section}]")
        if others:
            what += "; remove it there, but keep Supervisor's other programs"
            evidence.append(f"only Supervisor has {', '.join(others)}")
        remedy = _without(daemon, program) if others else _end(daemon)
        yield Finding("supervisor-too", program.name, what, few(evidence), remedy)


def _end(daemon: Daemon) -> str:
    """Return the command that stops a supervisord for good."""
    if daemon.unit:
        return shell_join(["systemctl", "disable", "--now", unit_name.short(daemon.unit)])
    return shell_join([daemon.control, "-c", str(daemon.file), "shutdown"])


def _without(daemon: Daemon, program: Program) -> str:
    """Return the command that opens Supervisor's configuration, then makes supervisord apply it."""
    update = shell_join([daemon.control, "-c", str(daemon.file), "update", program.group_title])
    return f"{editor(program.place)}{f' && {update}' if daemon.pid else ''}"
