"""A Supervisor that still runs, operated through its own supervisorctl."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from wctl.config.model import Program
from wctl.errors import Exit, WctlError
from wctl.operate.states import STOPPED_STATES, State

ALIVE = frozenset(state.value for state in State if state not in STOPPED_STATES)
# Of "status": 3 where something is stopped, with Supervisor 3 and newer.
_ANSWERED = (0, 3)


class Supervisorctl:
    """supervisorctl with the configuration ``file``; ``path`` is the program.

    A stop takes as long as a worker does, so that there is no ``timeout`` (seconds) by default.
    """

    def __init__(
        self, file: Path, path: str = "supervisorctl", timeout: float | None = None
    ) -> None:
        self._command = (path, "-c", str(file))
        self._timeout = timeout

    def states(self) -> dict[str, str]:
        """Return the state of every process by its name, as "status" prints it.

        Raises:
            WctlError: supervisorctl is not there, or supervisord does not answer.
        """
        done = self._run("status")
        words = [line.split() for line in done.stdout.splitlines()]
        states = {each[0]: each[1] for each in words if len(each) > 1 and each[1].isupper()}
        if done.returncode not in _ANSWERED or (words and not states):
            raise self._error("status", done)
        return states

    def stop(self, names: Sequence[str]) -> None:
        """Stop processes, and return when they are gone.

        Raises:
            WctlError: one of them is not.
        """
        done = self._run("stop", *_together(names, self.states()))
        states = self.states()
        if any(states.get(name) in ALIVE for name in names):
            raise self._error("stop", done)

    def start(self, names: Sequence[str]) -> None:
        """Start processes, and return when they run.

        Raises:
            WctlError: one of them does not.
        """
        done = self._run("start", *names)
        states = self.states()
        if any(states.get(name) not in ALIVE for name in names):
            raise self._error("start", done)

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [*self._command, *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
                env={**os.environ, "LC_ALL": "C.UTF-8"},
                timeout=self._timeout,
            )
        except subprocess.TimeoutExpired:
            raise WctlError(
                f"supervisord did not answer within {self._timeout:g} s", exit_code=Exit.UNKNOWN
            ) from None
        except OSError as error:
            raise WctlError(
                f"{self._command[0]}: {error.strerror}",
                hint="name it with --supervisorctl PATH",
                exit_code=Exit.UNKNOWN,
            ) from None

    def _error(self, verb: str, done: subprocess.CompletedProcess[str]) -> WctlError:
        said = (done.stdout + done.stderr).strip().splitlines() or [f"exit code {done.returncode}"]
        return WctlError(f"supervisorctl {verb}: {said[0]}", exit_code=Exit.UNKNOWN)


def _together(names: Sequence[str], states: Mapping[str, str]) -> Iterator[str]:
    """Yield what to name, so that a whole group stops at once and not one after the other."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.partition(":")[0], []).append(name)
    for group, members in groups.items():
        alive = {n for n, state in states.items() if n.split(":")[0] == group and state in ALIVE}
        yield from (f"{group}:*",) if len(members) > 1 and alive <= {*members} else members


def process_name(program: Program, number: int) -> str:
    """Return what Supervisor calls instance ``number``: group:name, or name where both are one."""
    name = program.process_name.text(number)
    return name if name == program.group_title else f"{program.group_title}:{name}"


def running(program: Program, states: Mapping[str, str]) -> dict[int, str]:
    """Return the numbers of a program's instances that run, with their processes' names."""
    names = {number: process_name(program, number) for number in program.numbers}
    return {number: name for number, name in names.items() if states.get(name) in ALIVE}
