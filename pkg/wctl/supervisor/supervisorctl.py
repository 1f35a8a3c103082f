"""Operate a Supervisor that still runs, through its own supervisorctl."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from wctl.config import includes, load
from wctl.config.expansion import expand
from wctl.config.ini import Entry
from wctl.config.model import Program
from wctl.errors import Diagnostics, Exit, WctlError
from wctl.install.files import write_file
from wctl.operate.states import STOPPED_STATES, State
from wctl.supervisor.control import doubt, located
from wctl.trust import commands
from wctl.trust.commands import NOT_FOUND, Answer

ALIVE = frozenset(state.value for state in State if state not in STOPPED_STATES)
# Exit codes of "status" that are answers: 3 if a process is stopped (Supervisor 3 and newer).
_ANSWERED = (0, 3)


class Supervisorctl:
    """supervisorctl with the configuration ``file``; ``path`` is the program.

    A stop takes as long as the worker takes, so ``timeout`` (seconds) is None by default: no limit.
    """

    def __init__(
        self, file: Path, path: str = "supervisorctl", timeout: float | None = None
    ) -> None:
        self._file = Path(os.path.abspath(file))  # noqa: PTH100 - follows no links
        self._path = path
        self._timeout = timeout

    def states(self) -> dict[str, str]:
        """Return the state of every process by its name, as "status" prints it.

        Raises:
            WctlError: supervisorctl cannot be run, or supervisord does not answer.
        """
        done = self._run("status")
        rows = [line.split() for line in done.out.splitlines()]
        states = {row[0]: row[1] for row in rows if len(row) > 1 and row[1].isupper()}
        if done.code not in _ANSWERED or (rows and not states):
            raise self._error("status", done)
        return states

    def stop(self, names: Sequence[str]) -> None:
        """Stop processes, and return when they have ended.

        Raises:
            WctlError: a process still runs.
        """
        done = self._run("stop", *_together(names, self.states()))
        states = self.states()
        if any(states.get(name) in ALIVE for name in names):
            raise self._error("stop", done)

    def start(self, names: Sequence[str]) -> None:
        """Start processes, and return when they run.

        Raises:
            WctlError: a process does not run.
        """
        done = self._run("start", *names)
        states = self.states()
        if any(states.get(name) not in ALIVE for name in names):
            raise self._error("start", done)

    def _run(self, *words: str) -> Answer:
        import tempfile  # lazy: most runs of doctor find no Supervisor

        path = located(self._path)
        if path is None:
            raise WctlError(
                f"{self._path}: no such command",
                hint="give its path with --supervisorctl PATH",
                exit_code=Exit.UNKNOWN,
            )
        why = doubt(self._file, path)
        if why:
            raise WctlError(
                f"{path} would run as root what another user may have written: {why}",
                hint="make root the owner, and let nobody else write there",
                exit_code=Exit.UNKNOWN,
            )
        with tempfile.TemporaryDirectory(prefix="wctl-") as directory:
            own = Path(directory, "supervisorctl.conf")
            write_file(own, _connection(self._file), secret=True)
            command = [path, "-c", str(own), *words]
            environ = {**os.environ, "LC_ALL": "C.UTF-8"}
            answer = commands.run(command, None, timeout=self._timeout, environ=environ)
        if answer.code is None:
            raise WctlError(
                f"supervisord did not answer within {self._timeout:g} s", exit_code=Exit.UNKNOWN
            )
        if answer.code == NOT_FOUND and not answer.out:
            raise WctlError(answer.err.strip(), exit_code=Exit.UNKNOWN)
        return answer

    def _error(self, verb: str, done: Answer) -> WctlError:
        said = [line for line in done.lines if line.strip()] or [f"exit code {done.code}"]
        return WctlError(f"supervisorctl {verb}: {said[0]}", exit_code=Exit.UNKNOWN)


def _together(names: Sequence[str], states: Mapping[str, str]) -> Iterator[str]:
    """Yield the arguments of "stop" that stop a whole group at once, not process after process."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.partition(":")[0], []).append(name)
    for group, members in groups.items():
        alive = {
            process
            for process, state in states.items()
            if process.split(":")[0] == group and state in ALIVE
        }
        yield from (f"{group}:*",) if len(members) > 1 and alive <= {*members} else members


def process_name(program: Program, number: int) -> str:
    """Return Supervisor's name for instance ``number``: group:name, or name if both are equal."""
    name = program.process_name.text(number)
    return name if name == program.group_title else f"{program.group_title}:{name}"


def running(program: Program, states: Mapping[str, str]) -> dict[int, str]:
    """Return the numbers of the instances that Supervisor runs, with their process names."""
    names = {number: process_name(program, number) for number in program.numbers}
    return {number: name for number, name in names.items() if states.get(name) in ALIVE}


def _connection(file: Path) -> str:
    """Return a configuration with which supervisorctl finds supervisord, and nothing more.

    supervisorctl imports the modules that its configuration names ([ctlplugin:x]), and included
    files may belong to other users.
    """
    names = load.names_of(load.environ())
    sections = includes.read([file], names, Diagnostics()).by_name
    lines = ["[supervisorctl]"]
    given = sections.get("supervisorctl")
    for key in ("serverurl", "username", "password"):
        entry = given.entries.get(key) if given is not None else None
        if entry is not None:
            lines.append(f"{key}={_value(entry, names)}")
    socket = sections.get("unix_http_server")
    if not any(line.startswith("serverurl") for line in lines) and socket is not None:
        path = socket.entries.get("file")
        lines += [] if path is None else [f"serverurl=unix://{_value(path, names)}"]
    return "\n".join(lines) + "\n"


def _value(entry: Entry, names: Mapping[str, object]) -> str:
    """Return the value of an option, on one line as Supervisor writes it.

    Raises:
        WctlError: it has an expansion that Supervisor does not know, either.
    """
    try:
        text = expand(entry.value, {**names, "here": includes.here(entry.place)}).text(0)
    except ValueError as error:
        raise WctlError(f"{entry.place}: {entry.key}: {error}") from None
    return " ".join(text.split()).replace("%", "%%")
