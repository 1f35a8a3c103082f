"""What is wrong with instances: their states, how they ended, the limits that they meet."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wctl import ended, journal
from wctl.doctor.finding import Finding, edit_option, few, names
from wctl.doctor.history import Event, History
from wctl.installed import Installed
from wctl.logfiles import of_units
from wctl.manager import Manager
from wctl.program import Program
from wctl.starts import Starts
from wctl.state import Process, State

_MANY = 3  # crashes that are no accident
_NEARLY = 0.9  # of a limit
_TAIL = 4096  # bytes of a log file
_PROPERTIES = (
    "DropInPaths",
    "FragmentPath",
    "InactiveExitTimestampMonotonic",
    "LimitNOFILESoft",
    "MainPID",
    "MemoryMax",
    "NRestarts",
    "TasksCurrent",
    "TasksMax",
)
_INFINITY = (1 << 64) - 1
# With control groups of version 1, the kernel does not tell systemd why it killed.
_UNIFIED = Path("/sys/fs/cgroup/cgroup.controllers")


@dataclass(frozen=True)
class Patient:
    """A program and its instances."""

    program: Program
    installed: Installed
    processes: tuple[Process, ...]

    def running(self) -> list[Process]:
        """Return the instances that are up."""
        return [each for each in self.processes if each.state is State.RUNNING]


class Workers:
    """The instances of one program, as they are and as they were."""

    def __init__(self, manager: Manager, patient: Patient, history: History, since: float) -> None:
        self._manager = manager
        self._patient = patient
        self._program = patient.program
        self._wctl = "wctl --user" if manager.user else "wctl"
        # Of a stopped one, systemd would have to load the unit, and has nothing to tell.
        living = [each.unit for each in patient.processes if each.description != "Not started"]
        self._properties = manager.properties([(unit, _PROPERTIES) for unit in living])
        self._history = {
            each.name: history.of(each.unit, max(since, self._changed(each.unit)))
            for each in patient.processes
        }

    def findings(self) -> Iterator[Finding]:
        """Report everything, each once for all instances that have it."""
        yield from self._states()
        yield from self._memory()
        yield from self._crashes()
        yield from self._dropped()
        yield from self._limits()

    def _changed(self, unit: str) -> float:
        """Return when somebody last did something about a unit: what was before is mended, or not.

        That is a start by hand, after which systemd counts restarts from zero, or a change of the
        unit's files.
        """
        found = self._properties.get(unit, {})
        files = [found["FragmentPath"], *found["DropInPaths"]] if found else []
        times = [Path(file).stat().st_ctime for file in files if file and Path(file).exists()]
        if found and not found["NRestarts"]:
            monotonic = int(found["InactiveExitTimestampMonotonic"]) / 1e6
            times.append(time.time() - time.monotonic() + monotonic)
        return max(times, default=0.0)

    # ---- states --------------------------------------------------------------------------

    def _states(self) -> Iterator[Finding]:
        start = f"{self._wctl} start"
        for state, code, what, verb in (
            (State.FATAL, "fatal", "has been given up; mend what it died of, then start it", start),
            (State.UNKNOWN, "unknown", "is in a state that wctl does not know", "systemctl status"),
        ):
            down = [each for each in self._patient.processes if each.state is state]
            if down:
                yield self._finding(code, down, f"{state}: {what}", self._why(down[0]), verb)
        failing = [each for each in self._patient.processes if self._fails_to_start(each)]
        if failing:
            what, look = "does not start, time and again", f"{self._wctl} logs -n 50"
            yield self._finding("backoff", failing, what, self._why(failing[0]), look)
        wanted = set(map(self._patient.installed.instance, self._patient.installed.enabled))
        stopped = [
            each
            for each in self._patient.processes
            if each.state is State.STOPPED and each.unit in wanted and self._program.autostart
        ]
        if stopped:
            what = "STOPPED, though it starts at boot"
            yield self._finding("stopped", stopped, what, (stopped[0].description,), start)
        exited = [each for each in self._patient.processes if self._amiss(each)]
        if exited:
            evidence = (f"autorestart={self._program.autorestart}", *self._why(exited[0]))
            yield self._finding("exited", exited, "EXITED, and stays so", evidence, start)

    def _fails_to_start(self, process: Process) -> bool:
        """Tell whether an instance waits for its next try, or is at one after some have failed."""
        if process.state is not State.STARTING:
            return process.state is State.BACKOFF
        runtime = os.environ.get("XDG_RUNTIME_DIR", "") if self._manager.user else "/run"
        return Starts(f"{runtime}/wctl/{process.unit}").failed() > 1

    def _amiss(self, process: Process) -> bool:
        """Tell whether an instance that has ended was to go on: a job that is done was not."""
        if process.state is not State.EXITED:
            return False
        done = ended.last_exit(process.unit, user=self._manager.user) == "exit status 0"
        return not (done and self._program.autorestart == "false")

    def _why(self, process: Process) -> tuple[str, ...]:
        last = ended.last_exit(process.unit, user=self._manager.user)
        lines = [process.description, f"last exit: {last}" if last else ""]
        return (*few(lines), *self._last_lines(process))

    def _last_lines(self, process: Process) -> tuple[str, ...]:
        """Return what the worker wrote last, from wherever it logs."""
        (logs,) = of_units(self._manager, [process.unit])
        if logs.journal:
            found = journal.last([process.unit], 20, user=self._manager.user)
            lines = [each.text for each in found if each.identifier != "wctl"]
        else:
            newest = sorted(logs.present(), key=lambda file: file.stat().st_mtime)
            lines = _tail(newest[-1]) if newest else []
        return tuple(f"wrote: {line}" for line in few(lines)[-3:])

    # ---- the past ------------------------------------------------------------------------

    def _memory(self) -> Iterator[Finding]:
        told = {n: past.out_of_memory for n, past in self._history.items() if past.out_of_memory}
        likely = {
            name: past.kills
            for name, past in self._history.items()
            if past.kills and name not in told and self._limited(name) and not _UNIFIED.exists()
        }
        edit = edit_option(self._program, "memory_max", user=self._manager.user)
        for events, what in (
            (told, "was killed for want of memory; raise memory_max, or have it need less"),
            (likely, "was killed by SIGKILL, as for want of memory; raise memory_max if it was"),
        ):
            if events:
                name = min(events)
                limit = self._properties[f"{name}.service"]["MemoryMax"]
                size = "none" if limit == _INFINITY else f"{limit / (1 << 20):.0f}M"
                evidence = (_times(events[name]), f"MemoryMax={size}")
                yield self._past("out-of-memory", events, what, evidence, edit)

    def _limited(self, name: str) -> bool:
        found = self._properties.get(f"{name}.service", {})
        return int(found.get("MemoryMax", _INFINITY)) != _INFINITY

    def _crashes(self) -> Iterator[Finding]:
        told = (State.BACKOFF, State.FATAL)
        up = {each.name: each for each in self._patient.processes if each.state not in told}
        many = {
            name: past.crashes
            for name, past in self._history.items()
            if len(past.crashes) >= _MANY and name in up
        }
        if many:
            name = min(many)
            evidence = (_times(many[name]), *self._last_lines(up[name]))
            what = "crashes again and again after it was RUNNING"
            remedy = f"{self._wctl} logs -n 50 {names(self._program.name, sorted(many))}"
            yield self._past("crashing", many, what, evidence, remedy)

    def _dropped(self) -> Iterator[Finding]:
        dropped = {n: past.dropped for n, past in self._history.items() if past.dropped}
        if dropped:
            first = dropped[min(dropped)]
            what = "journald has dropped lines of it; wctl's units have no limit, find what set one"
            evidence = few(each.text for each in first)
            remedy = f"systemctl cat {min(dropped)} | grep -n LogRateLimit"
            yield self._past("log-lines-dropped", dropped, what, evidence, remedy)

    # ---- limits --------------------------------------------------------------------------

    def _limits(self) -> Iterator[Finding]:
        near: dict[str, dict[str, str]] = {"tasks-limit": {}, "files-limit": {}}
        for each in self._patient.running():
            found = self._properties[each.unit]
            tasks, most = int(found["TasksCurrent"]), int(found["TasksMax"])
            if _INFINITY not in (tasks, most) and tasks > _NEARLY * most:
                near["tasks-limit"][each.name] = f"{tasks} tasks of {most} (TasksMax=)"
            files, most = _open_files(int(found["MainPID"])), int(found["LimitNOFILESoft"])
            if files > _NEARLY * most:
                near["files-limit"][each.name] = f"{files} open files of {most} (LimitNOFILE=)"
        for (code, found_in), option in zip(near.items(), ("tasks_max", "minfds")):
            if found_in:
                what = "is about to meet a limit; find what leaks, or raise it"
                edit = edit_option(self._program, option, user=self._manager.user)
                yield self._past(code, found_in, what, few(found_in.values()), edit)

    # ---- findings ------------------------------------------------------------------------

    def _finding(
        self, code: str, who: Sequence[Process], what: str, evidence: tuple[str, ...], verb: str
    ) -> Finding:
        instances = tuple(each.name for each in who)
        remedy = f"{verb} {names(self._program.name, instances)}"
        return Finding(code, self._program.name, what, evidence, remedy, instances)

    def _past(
        self, code: str, who: Iterable[str], what: str, evidence: tuple[str, ...], remedy: str
    ) -> Finding:
        return Finding(code, self._program.name, what, evidence, remedy, tuple(sorted(who)))


def cpu(manager: Manager, units: Iterable[str]) -> float:
    """Return the seconds of processor time that ``units`` have used."""
    found: Mapping[str, Mapping[str, Any]]
    found = manager.properties([(unit, ("CPUUsageNSec",)) for unit in units])
    used = [int(each["CPUUsageNSec"]) for each in found.values()]
    return sum(each for each in used if each != _INFINITY) / 1e9


def _times(events: Sequence[Event]) -> str:
    last = events[-1]
    clock = time.strftime("%H:%M:%S", time.localtime(last.time))
    often = f"{len(events)} times, last" if len(events) > 1 else "once,"
    return f"{often} at {clock}: {last.text}"


def _open_files(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0  # it has just ended, or is another user's


def _tail(file: Path) -> list[str]:
    try:
        with file.open("rb") as log:
            log.seek(max(0, file.stat().st_size - _TAIL))
            return log.read().decode(errors="replace").splitlines()
    except OSError:
        return []
