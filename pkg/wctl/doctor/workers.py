"""What is wrong with instances: their states, how they ended, the limits that they meet."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wctl.config.model import Program
from wctl.doctor.finding import Commands, Finding, few, names
from wctl.doctor.history import Event, History
from wctl.install.installed import Installed
from wctl.operate.log_files import of_units
from wctl.operate.states import Process, State
from wctl.systemd import exits, journal
from wctl.systemd.manager import Manager
from wctl.systemd.quantities import INFINITY, size_in_words
from wctl.wrapper.starts import Counter

_DIRECTIVE = "systemd.Service.{}"  # as it is passed through
_ERR = 3  # the priority, of syslog(3)
_GAVE_UP = "gave up after"  # which the description says already
_NOT_RUN = "systemd cannot run it"  # so begins the description, see states.py
_MANY = 3  # crashes that are no accident
# Seconds: an update writes, has systemd read it, then restarts; what ends until then is no news.
_SETTLED = 5.0
_NEARLY = 0.9  # of a limit
_TAIL = 4096  # bytes of a log file
_PROPERTIES = (
    "DropInPaths",
    "ExecMainCode",
    "ExecMainStatus",
    "FragmentPath",
    "InactiveExitTimestampMonotonic",
    "LimitNOFILESoft",
    "MainPID",
    "MemoryMax",
    "NRestarts",
    "TasksCurrent",
    "TasksMax",
)
_HOW = {1: "exited", 2: "killed", 3: "dumped"}  # CLD_EXITED and so on, of waitid(2)
_DONE = "exit status 0"
# With control groups of version 1, the kernel does not tell systemd why it killed.
_UNIFIED = Path("/sys/fs/cgroup/cgroup.controllers")


@dataclass(frozen=True)
class ExaminedProgram:
    """A program and its instances."""

    program: Program
    installed: Installed
    processes: tuple[Process, ...]
    commands: Commands

    def running(self) -> list[Process]:
        """Return the instances that are up."""
        return [each for each in self.processes if each.state is State.RUNNING]


class Workers:
    """The instances of one program, as they are and as they were."""

    def __init__(
        self, manager: Manager, examined: ExaminedProgram, history: History, since: float
    ) -> None:
        self._manager = manager
        self._examined = examined
        self._program = examined.program
        self._commands = examined.commands
        # Of a stopped one, systemd would have to load the unit, and has nothing to tell.
        living = [each.unit for each in examined.processes if each.description != "Not started"]
        self._properties = manager.properties([(unit, _PROPERTIES) for unit in living])
        self._history = {
            each.name: history.of(each.unit, max(since, self._changed(each.unit)))
            for each in examined.processes
            if each.unit in self._properties
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
        found = self._properties[unit]
        files = [found["FragmentPath"], *found["DropInPaths"]]
        times = [_ctime(file) + _SETTLED for file in files if file]
        if not found["NRestarts"]:
            monotonic = int(found["InactiveExitTimestampMonotonic"]) / 1e6
            times.append(time.time() - time.monotonic() + monotonic)
        return max(times, default=0.0)

    # ---- states --------------------------------------------------------------------------

    def _states(self) -> Iterator[Finding]:
        start, logs = self._commands.wctl("start"), self._commands.wctl("logs", "-n", "50")
        given_up = self._in(State.FATAL)
        if given_up:
            what = "FATAL: it was given up; mend what it died of, then start it"
            finding = self._finding("fatal", given_up, what, self._why(given_up[0]), start)
            limited = [each for each in given_up if each.description.startswith(_NOT_RUN)]
            # systemd has given it up itself, and refuses a start until it is told, or time passes.
            reset = self._commands.systemctl("reset-failed", *(each.unit for each in limited))
            yield replace(finding, remedy=f"{reset}; {finding.remedy}") if limited else finding
        strange = self._in(State.UNKNOWN)
        if strange:
            what, look = "in a state that wctl does not know", self._commands.systemctl("status")
            yield self._finding("unknown", strange, what, self._why(strange[0]), look)
        failing = [each for each in self._examined.processes if self._fails_to_start(each)]
        if failing:
            what = "does not start, time and again; mend what it dies of, it tries again by itself"
            yield self._finding("backoff", failing, what, self._why(failing[0]), logs)
        wanted = set(map(self._examined.installed.instance, self._examined.installed.enabled))
        stopped = [
            each
            for each in self._in(State.STOPPED)
            if each.unit in wanted and self._program.autostart
        ]
        if stopped:
            what = "STOPPED, though it starts at boot"
            yield self._finding("stopped", stopped, what, (_since(stopped[0]),), start)
        exited = [each for each in self._examined.processes if self._amiss(each)]
        if exited:
            what = f"EXITED, and autorestart={self._program.autorestart} leaves it so"
            yield self._finding("exited", exited, what, self._why(exited[0]), start)

    def _in(self, state: State) -> list[Process]:
        return [each for each in self._examined.processes if each.state is state]

    def _fails_to_start(self, process: Process) -> bool:
        """Tell whether an instance waits for its next try, or is at one after some have failed."""
        if process.state is not State.STARTING:
            return process.state is State.BACKOFF
        runtime = os.environ.get("XDG_RUNTIME_DIR", "") if self._manager.user else "/run"
        return Counter(f"{runtime}/wctl/{process.unit}").failed() > 1

    def _amiss(self, process: Process) -> bool:
        """Tell whether an instance that has ended was to go on: a job that is done was not."""
        if process.state is not State.EXITED:
            return False
        return not (self._last_exit(process) == _DONE and self._program.autorestart == "false")

    def _last_exit(self, process: Process) -> str | None:
        """Return how the worker last ended; of a clean end the journal has nothing."""
        if process.state is not State.EXITED:
            return exits.last_exit(process.unit, user=self._manager.user)
        found = self._properties[process.unit]
        how = _HOW.get(int(found["ExecMainCode"]))
        return None if how is None else exits.words(how, str(found["ExecMainStatus"]))

    def _why(self, process: Process) -> tuple[str, ...]:
        last = self._last_exit(process)
        lines = [_since(process), f"last exit: {last}" if last else ""]
        return (*few(lines), *self._last_lines(process))

    def _last_lines(self, process: Process) -> tuple[str, ...]:
        """Return what the worker wrote last, from wherever it logs, or why it never came to it."""
        (logs,) = of_units(self._manager, [process.unit])
        found = journal.last([process.unit], 20, user=self._manager.user)
        if logs.journal:
            lines = [each.text for each in found if each.identifier != "wctl"]
        else:
            newest = sorted(logs.present(), key=lambda file: file.stat().st_mtime)
            lines = _tail(newest[-1]) if newest else []
        own = [each.text for each in found if each.identifier == "wctl" and each.priority <= _ERR]
        whys = [text.partition(": ")[2] for text in own if _GAVE_UP not in text]
        # Tries that fail in the same way say the same, and the last one counts.
        said = [*(f"wctl: {why}" for why in whys[-1:]), *(f"wrote: {line}" for line in few(lines))]
        return tuple(reversed(dict.fromkeys(reversed(said))))[-3:]

    # ---- the past ------------------------------------------------------------------------

    def _memory(self) -> Iterator[Finding]:
        told = {n: past.out_of_memory for n, past in self._history.items() if past.out_of_memory}
        edit = self._commands.edit_option(
            self._program, "memory_max", _DIRECTIVE.format("MemoryMax")
        )
        for events, what in (
            (told, "killed because it was out of memory; raise memory_max, or have it need less"),
            (self._likely(), "killed, most likely because it was out of memory; raise memory_max"),
        ):
            if events:
                name = min(events)
                limit = self._properties[f"{name}.service"]["MemoryMax"]
                size = "infinity" if limit == INFINITY else size_in_words(limit)
                evidence = (_times(events[name]), f"MemoryMax={size}")
                yield self._past("out-of-memory", events, what, evidence, edit)

    def _likely(self) -> dict[str, Sequence[Event]]:
        """Return the kills where nobody tells why, but memory is the likely reason."""
        return {
            name: past.kills
            for name, past in self._history.items()
            if past.kills
            and not past.out_of_memory
            and self._limited(name)
            and not _UNIFIED.exists()
        }

    def _limited(self, name: str) -> bool:
        return int(self._properties[f"{name}.service"]["MemoryMax"]) != INFINITY

    def _crashes(self) -> Iterator[Finding]:
        told = (State.BACKOFF, State.FATAL)
        up = {each.name: each for each in self._examined.processes if each.state not in told}
        likely = self._likely()
        many = {}
        for name, past in self._history.items():
            # A kill for want of memory is told already.
            told_of = past.kills if past.out_of_memory or name in likely else ()
            crashes = [each for each in past.crashes if each not in told_of]
            if len(crashes) >= _MANY and name in up:
                many[name] = crashes
        if many:
            name = min(many)
            evidence = (_times(many[name]), *self._last_lines(up[name]))
            what = "crashes again and again after it was RUNNING; mend why, then restart it"
            which = names(self._program.name, sorted(many))
            remedy = self._commands.wctl("logs", "-n", "50", *which)
            yield self._past("crashing", many, what, evidence, remedy)

    def _dropped(self) -> Iterator[Finding]:
        dropped = {n: past.dropped for n, past in self._history.items() if past.dropped}
        if dropped:
            first = dropped[min(dropped)]
            what = "journald has dropped lines of it; take out the limit that this shows"
            evidence = few(each.text for each in first)
            remedy = f"{self._commands.systemctl('cat', min(dropped))} | grep -n LogRateLimit"
            yield self._past("log-lines-dropped", dropped, what, evidence, remedy)

    # ---- limits --------------------------------------------------------------------------

    def _limits(self) -> Iterator[Finding]:
        near: dict[str, dict[str, str]] = {"tasks-limit": {}, "files-limit": {}}
        for each in self._examined.running():
            found = self._properties[each.unit]
            tasks, most = int(found["TasksCurrent"]), int(found["TasksMax"])
            if INFINITY not in (tasks, most) and tasks > _NEARLY * most:
                near["tasks-limit"][each.name] = f"{tasks} tasks of {most} (TasksMax=)"
            files, most = _open_files(int(found["MainPID"])), int(found["LimitNOFILESoft"])
            if files > _NEARLY * most:
                near["files-limit"][each.name] = f"{files} open files of {most} (LimitNOFILE=)"
        for code, things, option, directive in (
            ("tasks-limit", "processes", "tasks_max", "TasksMax"),
            ("files-limit", "open files", "minfds", "LimitNOFILE"),
        ):
            if near[code]:
                what = f"about to meet its limit of {things}; find what leaks, or raise {option}"
                edit = self._commands.edit_option(
                    self._program, option, _DIRECTIVE.format(directive)
                )
                yield self._past(code, near[code], what, few(near[code].values()), edit)

    # ---- findings ------------------------------------------------------------------------

    def _finding(
        self, code: str, who: Sequence[Process], what: str, evidence: tuple[str, ...], verb: str
    ) -> Finding:
        instances = tuple(each.name for each in who)
        remedy = f"{verb} {shlex.join(names(self._program.name, instances))}"
        return Finding(code, self._program.name, what, evidence, remedy, instances)

    def _past(
        self, code: str, who: Iterable[str], what: str, evidence: tuple[str, ...], remedy: str
    ) -> Finding:
        return Finding(code, self._program.name, what, evidence, remedy, tuple(sorted(who)))


def cpu(manager: Manager, units: Iterable[str]) -> float:
    """Return the seconds of processor time that ``units`` have used."""
    found: Mapping[str, Mapping[str, Any]]
    found = manager.properties([(unit, ("CPUUsageNSec", "MainPID")) for unit in units])
    return sum(
        # With control groups of version 1 systemd counts where it was told to, alone.
        _processor_time(int(each["MainPID"]))
        if each["CPUUsageNSec"] == INFINITY
        else int(each["CPUUsageNSec"]) / 1e9
        for each in found.values()
    )


def _processor_time(pid: int) -> float:
    """Return the seconds that a process, its children and those that have ended have used."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    own = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")  # utime to cstime, proc(5)
    return own + sum(_processor_time(int(child)) for child in children)


def _ctime(file: str) -> float:
    try:
        return Path(file).stat().st_ctime
    except OSError:
        return 0.0


def _since(process: Process) -> str:
    """Return what systemd tells of a state; of one that is over, since when."""
    over = process.state in (State.STOPPED, State.EXITED) and process.description != "Not started"
    return f"since {process.description}" if over else process.description


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
