"""Operate a Supervisor that still runs, through its own supervisorctl."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from wctl.config.model import Program
from wctl.errors import Exit, WctlError
from wctl.install.files import write_file
from wctl.operate.states import STOPPED_STATES, State
from wctl.supervisor import connection
from wctl.supervisor.connection import SilentError
from wctl.supervisor.control import doubt, located
from wctl.trust import commands
from wctl.trust.commands import NOT_FOUND, Answer
from wctl.trust.text import shell_join

ALIVE = frozenset(state.value for state in State if state not in STOPPED_STATES)
# Exit codes of "status" that are answers: 3 if a process is stopped (Supervisor 3 and newer).
_ANSWERED = (0, 3)
_PATIENCE = 30.0  # seconds within which supervisord answers, besides what it waits for
_UP = (State.RUNNING,)
_BETWEEN = 0.5  # seconds between two questions
_NO_CHANGES = "No config updates"
_EDITED = ("available", "changed", "disappeared")
_STOP, _START = 10, 1  # seconds: Supervisor's own stopwaitsecs and startsecs


class Supervisorctl:
    """supervisorctl with the configuration ``file``; ``path`` is the program.

    supervisord answers within ``timeout`` seconds. A stop or start may take as long as the options
    of ``programs`` allow, in addition.
    """

    def __init__(
        self,
        file: Path,
        path: str = "supervisorctl",
        timeout: float = _PATIENCE,
        programs: Iterable[Program] = (),
    ) -> None:
        self._file = Path(os.path.abspath(file))  # noqa: PTH100 - follows no links
        self._path = path
        self._timeout = timeout
        self._configured = {
            process_name(program, number): program
            for program in programs
            for number in program.numbers
        }

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

    def pid(self) -> int:
        """Return the process ID of supervisord itself.

        Raises:
            WctlError: supervisorctl cannot be run, or supervisord does not answer.
        """
        done = self._run("pid")
        answer = done.out.strip()
        if not (answer.isascii() and answer.isdecimal()):
            raise self._error("pid", done)
        return int(answer)

    def edited(self) -> dict[str, str]:
        """Return the groups that supervisord runs otherwise than its files say now, and how.

        How: available (only in the files), changed, disappeared (no longer in the files).
        "reread" changes nothing that runs.

        Raises:
            WctlError: supervisorctl cannot be run, or supervisord cannot read its files.
        """
        done = self._run("reread")
        rows = [line.rpartition(": ") for line in done.out.splitlines()]
        found = {group: how for group, _, how in rows if group and how in _EDITED}
        if not found and not done.out.startswith(_NO_CHANGES):
            raise self._error("reread", done)
        return found

    def stop(self, names: Sequence[str]) -> None:
        """Stop processes, and return when they have ended.

        Raises:
            WctlError: a process still runs.
        """
        together = _together(names, self.states())
        found = [self._configured.get(name) for name in names]
        seconds = sum(_STOP if program is None else program.stopwaitsecs for program in found)
        done = self._run("stop", *together, seconds=seconds)
        end = time.monotonic() + self._timeout + seconds
        while True:
            # supervisorctl does not wait for a process that supervisord is stopping already.
            states = self.states()
            left = {states[name] for name in names if states.get(name) in ALIVE}
            if not left:
                return
            if left != {State.STOPPING} or time.monotonic() >= end:
                raise self._error("stop", done)
            time.sleep(_BETWEEN)

    def start(self, names: Sequence[str]) -> None:
        """Start processes, and return when they run.

        Raises:
            WctlError: a process does not run.
        """
        done = self._run("start", *names, seconds=sum(map(self._startsecs, names)))
        states = self.states()
        if any(states.get(name) not in ALIVE for name in names):
            raise self._error("start", done)

    def run(self, names: Sequence[str]) -> None:
        """Start the processes that do not run, and return when all run or have done their work.

        Raises:
            WctlError: a process fails to start, or is not up in time.
        """
        states = self.states()
        down = [name for name in names if states.get(name) not in _UP]
        if not down:
            return
        seconds = sum(self._startsecs(name) for name in down)
        done = self._run("start", *down, seconds=seconds)
        end = time.monotonic() + self._timeout + seconds
        while True:
            # supervisorctl does not wait for a process that supervisord itself was starting.
            states = self.states()
            left = [name for name in down if states.get(name) not in (*_UP, State.EXITED)]
            if not left:
                return
            if any(states.get(name) != State.STARTING for name in left):
                raise self._error("start", done)
            if time.monotonic() >= end:
                raise WctlError(f"{', '.join(left)}: not up in time", exit_code=Exit.UNKNOWN)
            time.sleep(_BETWEEN)

    def _startsecs(self, name: str) -> int:
        program = self._configured.get(name)
        return _START if program is None else program.startsecs

    def _run(self, *words: str, seconds: float = 0.0) -> Answer:
        """Run supervisorctl; supervisord may wait for ``seconds`` before it answers.

        Raises:
            WctlError: supervisorctl cannot be run, or supervisord does not answer.
        """
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
        limit = self._timeout + seconds
        held, temporary = connection.configuration(self._file), tempfile.TemporaryDirectory
        with held as text, temporary(prefix="wctl-") as directory:
            own = Path(directory, "supervisorctl.conf")
            write_file(own, text, secret=True)
            command = [path, "-c", str(own), *words]
            environ = {**os.environ, "LC_ALL": "C.UTF-8"}
            answer = commands.run(command, None, timeout=limit, environ=environ)
        if answer.code is None:
            raise SilentError(
                f"supervisord did not answer '{shell_join(words)}' within {limit:g} s",
                exit_code=Exit.UNKNOWN,
            )
        if answer.code == NOT_FOUND and not answer.out:
            raise WctlError(answer.err.strip(), exit_code=Exit.UNKNOWN)
        return answer

    def _error(self, verb: str, done: Answer) -> WctlError:
        said = [line for line in done.lines if line.strip()] or [f"exit code {done.code}"]
        return SilentError(f"supervisorctl {verb}: {said[0]}", exit_code=Exit.UNKNOWN)


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
