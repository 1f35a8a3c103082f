"""Findings about instances: their states, their exits, the limits that they reach."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wctl.config.model import Program
from wctl.doctor import usage
from wctl.doctor.finding import Commands, Finding, few, names, wrote
from wctl.doctor.history import Event, History
from wctl.install.installed import Installed
from wctl.operate.early_exits import explained
from wctl.operate.last_words import last_words
from wctl.operate.states import NOT_STARTED, Process, State, failed_starts
from wctl.systemd import exits
from wctl.systemd.entries import UnreadableError
from wctl.systemd.manager import Manager
from wctl.systemd.quantities import INFINITY, size_in_words
from wctl.trust.text import printable, shell_join

_DIRECTIVE = "systemd.Service.{}"  # a passed-through directive in the configuration
_GAVE_UP = "gave up after"  # words of the wrapper that the description repeats
_NOT_RUN = "systemd cannot run it"  # the description begins so, see states.py
_MANY = 3  # this many crashes are no accident
# Seconds within which "wctl update" writes units, reloads systemd and restarts workers: we ignore
# exits until then.
_SETTLED = 5.0
_NEARLY = 0.9  # of a limit
_PROPERTIES = (
    "ActiveState",
    "ControlGroup",
    "DropInPaths",
    "ExecMainCode",
    "ExecMainStatus",
    "FragmentPath",
    "MainPID",
    "MemoryMax",
    "TasksCurrent",
    "TasksMax",
)
_DONE = ("exit status 0", exits.CLEAN)


def is_loaded(process: Process) -> bool:
    """Tell whether systemd has the unit of an instance in memory, as far as its state tells."""
    return not (process.state is State.STOPPED and process.description == NOT_STARTED)


@dataclass(frozen=True)
class ExaminedProgram:
    """A program and its instances."""

    program: Program
    installed: Installed
    processes: tuple[Process, ...]
    commands: Commands

    def running(self) -> list[Process]:
        """Return the instances that are RUNNING."""
        return [process for process in self.processes if process.state is State.RUNNING]


class Workers:
    """The instances of one program, now and in the past."""

    def __init__(
        self, manager: Manager, examined: ExaminedProgram, history: History, since: float
    ) -> None:
        self._manager = manager
        self._examined = examined
        self._program = examined.program
        self._commands = examined.commands
        # systemd would have to load the unit of a stopped instance, and knows nothing about it.
        living = [process.unit for process in examined.processes if is_loaded(process)]
        self._asked = dict(manager.properties([(unit, _PROPERTIES) for unit in living]))
        self._journal = history
        self._history = {
            process.name: history.of(process.unit, max(since, self._changed(process.unit)))
            for process in examined.processes
            if process.unit in self._asked
        }

    def _properties(self, unit: str) -> Mapping[str, Any]:
        """Return the properties of an instance; ask for those of one that seemed not loaded."""
        if unit not in self._asked:
            self._asked.update(self._manager.properties([(unit, _PROPERTIES)], stopped=True))
        return self._asked[unit]

    def _changed(self, unit: str) -> float:
        return _changed(self._properties(unit), time.time())

    def findings(self) -> Iterator[Finding]:
        """Yield all findings, each once for all instances that have the problem."""
        yield from self._states()
        yield from self._memory()
        yield from self._children()
        yield from self._crashes()
        yield from self._dropped()
        yield from self._limits()

    # ---- states --------------------------------------------------------------------------

    def _states(self) -> Iterator[Finding]:
        start, logs = self._commands.wctl("start"), self._commands.wctl("logs", "-n", "50")
        given_up = self._in(State.FATAL)
        if given_up:
            what = "FATAL: wctl gave up starting it; fix the cause below, then start it"
            finding = self._finding("fatal", given_up, what, self._why(given_up[0]), start)
            limited = [process for process in given_up if process.description.startswith(_NOT_RUN)]
            # systemd itself gave up: it refuses a start before reset-failed, unless
            # StartLimitIntervalSec= is over.
            reset = self._commands.systemctl("reset-failed", *(process.unit for process in limited))
            yield replace(finding, remedy=f"{reset}; {finding.remedy}") if limited else finding
        strange = self._in(State.UNKNOWN)
        if strange:
            what, look = "in a state that wctl does not know", self._commands.systemctl("status")
            yield self._finding("unknown", strange, what, self._why(strange[0]), look)
        failing = [process for process in self._examined.processes if self._fails_to_start(process)]
        if failing:
            what = "fails to start again and again; fix the cause below, then it starts by itself"
            yield self._finding("backoff", failing, what, self._why(failing[0]), logs)
        wanted = set(map(self._examined.installed.instance, self._examined.installed.enabled))
        stopped = [
            process
            for process in self._in(State.STOPPED)
            if process.unit in wanted and self._examined.installed.at_boot
        ]
        if stopped:
            what = "STOPPED, although it starts at boot"
            yield self._finding("stopped", stopped, what, (_since(stopped[0]),), start)
        exited = [process for process in self._examined.processes if self._amiss(process)]
        if exited:
            what = f"EXITED, and autorestart={self._program.autorestart} does not restart it"
            # To systemd, a unit with RemainAfterExit= is started already.
            remain = any(self._remains(process) for process in exited)
            what += "; its unit stays active (RemainAfterExit=)" if remain else ""
            again = self._commands.wctl("restart") if remain else start
            yield self._finding("exited", exited, what, self._why(exited[0]), again)

    def _remains(self, process: Process) -> bool:
        return bool(self._properties(process.unit)["ActiveState"] == "active")

    def _in(self, state: State) -> list[Process]:
        return [process for process in self._examined.processes if process.state is state]

    def _fails_to_start(self, process: Process) -> bool:
        """Tell whether an instance waits for its next try, or is starting after failed tries."""
        if process.state is not State.STARTING:
            return process.state is State.BACKOFF
        return failed_starts(process.unit, user=self._manager.user) > 1

    def _amiss(self, process: Process) -> bool:
        """Tell whether an EXITED instance should still run: if it did not end as configured."""
        if process.state is not State.EXITED:
            return False
        last = self._last_exit(process)
        expected = {f"exit status {code}" for code in self._program.exitcodes}
        return last not in {*_DONE, *expected} or self._program.autorestart == "true"

    def _last_exit(self, process: Process) -> str | None:
        """Return how the worker last ended; the journal has no entry for a clean exit."""
        if process.state is not State.EXITED:
            try:
                since = self._first_start(process)
                how = exits.last_exit(process.unit, user=self._manager.user, since=since)
                return explained(self._manager, process.unit, how, since)
            except UnreadableError:
                return exits.UNKNOWN
        return exits.main_exit(self._properties(process.unit)).words

    def _why(self, process: Process) -> tuple[str, ...]:
        last = self._last_exit(process)
        lines = [_since(process), f"last exit: {last}" if last else ""]
        return (*few(lines), *self._last_lines(process))

    def _last_lines(self, process: Process) -> tuple[str, ...]:
        """Return the wrapper's last error, and the last lines of the worker from where it logs."""
        try:
            since = self._first_start(process)
        except UnreadableError:
            return ()
        failed = process.state is not State.EXITED
        said = last_words(self._manager, process.unit, since=since, failed=failed)
        whys = [text.partition(": ")[2] for text in said.wrapper if _GAVE_UP not in text]
        # Tries that fail in the same way write the same lines: keep the last of each.
        shown = [*(f"wctl: {printable(why)}" for why in whys[-1:]), *wrote(said.worker)]
        return tuple(reversed(dict.fromkeys(reversed(shown))))[-3:]

    def _first_start(self, process: Process) -> float:
        """Return when somebody last started the instance by hand (seconds since the epoch).

        Raises:
            UnreadableError: nobody can tell. A journal that fails is asked once, and not again.
        """
        if self._journal.unreadable:
            raise UnreadableError(self._journal.unreadable)
        first = self._journal.by_hand.get(process.unit)
        return exits.first_start(process.unit, user=self._manager.user) if first is None else first

    # ---- the past ------------------------------------------------------------------------

    def _memory(self) -> Iterator[Finding]:
        told = {
            instance: past.out_of_memory
            for instance, past in self._history.items()
            if past.out_of_memory
        }
        edit = self._commands.edit_option(
            self._program, "memory_max", _DIRECTIVE.format("MemoryMax")
        )
        for events, what in (
            (told, "killed because it ran out of memory; raise memory_max, or make it use less"),
            (self._likely(), "killed, most likely because it ran out of memory; raise memory_max"),
        ):
            if events:
                name = min(events)
                limit = self._properties(f"{name}.service")["MemoryMax"]
                size = "infinity" if limit == INFINITY else size_in_words(limit)
                evidence = (_times(events[name]), f"MemoryMax={size}")
                yield self._past("out-of-memory", events, what, evidence, edit)

    def _children(self) -> Iterator[Finding]:
        """Report running workers that have lost processes for want of memory."""
        killed = {
            process.name: count
            for process in self._examined.running()
            if (count := usage.oom_kills(str(self._properties(process.unit)["ControlGroup"])))
        }
        if killed:
            name = min(killed)
            what = "the kernel killed a process that the worker had started: memory ran out"
            limit = self._properties(f"{name}.service")["MemoryMax"]
            size = "infinity" if limit == INFINITY else size_in_words(limit)
            times = "once" if killed[name] == 1 else f"{killed[name]} times"
            evidence = (f"{times} since its start", f"MemoryMax={size}")
            edit = self._commands.edit_option(
                self._program, "memory_max", _DIRECTIVE.format("MemoryMax")
            )
            yield self._past("child-out-of-memory", killed, what, evidence, edit)

    def _likely(self) -> dict[str, Sequence[Event]]:
        """Return the kills that systemd cannot explain, but that memory is likely to explain."""
        return {
            name: past.kills
            for name, past in self._history.items()
            if past.kills
            and not past.out_of_memory
            and self._limited(name)
            and not usage.is_unified()
        }

    def _limited(self, name: str) -> bool:
        return int(self._properties(f"{name}.service")["MemoryMax"]) != INFINITY

    def _crashes(self) -> Iterator[Finding]:
        told = (State.BACKOFF, State.FATAL)
        up = {
            process.name: process
            for process in self._examined.processes
            if process.state not in told
        }
        likely = self._likely()
        many = {}
        for name, past in self._history.items():
            # _memory() has reported the kills for lack of memory.
            told_of = set(past.kills if past.out_of_memory or name in likely else ())
            crashes = [crash for crash in past.crashes if crash not in told_of]
            if len(crashes) >= _MANY and name in up:
                many[name] = crashes
        if many:
            name = min(many)
            evidence = (_times(many[name]), *self._last_lines(up[name]))
            what = "crashes again and again after it was RUNNING; fix the cause, then restart it"
            which = names(self._program.name, sorted(many))
            remedy = self._commands.wctl("logs", "-n", "50", *which)
            yield self._past("crashing", many, what, evidence, remedy)

    def _dropped(self) -> Iterator[Finding]:
        dropped = {
            instance: past.dropped for instance, past in self._history.items() if past.dropped
        }
        if dropped:
            first = dropped[min(dropped)]
            what = "journald dropped some of its lines; remove the limit that the command shows"
            evidence = few(event.text for event in first)
            remedy = f"{self._commands.systemctl('cat', min(dropped))} | grep -n LogRateLimit"
            yield self._past("log-lines-dropped", dropped, what, evidence, remedy)

    # ---- limits --------------------------------------------------------------------------

    def _limits(self) -> Iterator[Finding]:
        near: dict[str, dict[str, str]] = {"tasks-limit": {}, "files-limit": {}}
        for process in self._examined.running():
            found = self._properties(process.unit)
            tasks, most = int(found["TasksCurrent"]), int(found["TasksMax"])
            if INFINITY not in (tasks, most) and tasks > _NEARLY * most:
                near["tasks-limit"][process.name] = f"{tasks} tasks of {most} (TasksMax=)"
            files, most = usage.open_files(int(found["MainPID"]))
            if files > _NEARLY * most:
                near["files-limit"][process.name] = f"{files} open files of {most} (LimitNOFILE=)"
        for code, things, option, directive in (
            ("tasks-limit", "processes", "tasks_max", "TasksMax"),
            ("files-limit", "open files", "minfds", "LimitNOFILE"),
        ):
            if near[code]:
                what = f"close to its limit of {things}; find the leak, or raise {option}"
                edit = self._commands.edit_option(
                    self._program, option, _DIRECTIVE.format(directive)
                )
                yield self._past(code, near[code], what, few(near[code].values()), edit)

    # ---- findings ------------------------------------------------------------------------

    def _finding(
        self, code: str, who: Sequence[Process], what: str, evidence: tuple[str, ...], verb: str
    ) -> Finding:
        instances = tuple(process.name for process in who)
        remedy = f"{verb} {shell_join(names(self._program.name, instances))}"
        return Finding(code, self._program.name, what, evidence, remedy, instances)

    def _past(
        self, code: str, who: Iterable[str], what: str, evidence: tuple[str, ...], remedy: str
    ) -> Finding:
        return Finding(code, self._program.name, what, evidence, remedy, tuple(sorted(who)))


def _changed(found: Mapping[str, Any], now: float) -> float:
    """Return when a unit was last changed; older events do not count.

    A change is a new ctime of the unit's file, or of a drop-in; one of the future is that of a
    clock which was set back since.
    """
    files = filter(None, [found["FragmentPath"], *found["DropInPaths"]])
    times = [ctime + _SETTLED for ctime in map(_ctime, files) if ctime <= now]
    return max(times, default=0.0)


def _ctime(file: str) -> float:
    try:
        return Path(file).stat().st_ctime
    except OSError:
        return 0.0


def _since(process: Process) -> str:
    """Return the description of a process; "since" precedes the time of an end."""
    over = process.state in (State.STOPPED, State.EXITED) and process.description != NOT_STARTED
    return f"since {process.description}" if over else process.description


def _times(events: Sequence[Event]) -> str:
    last = events[-1]
    clock = time.strftime("%H:%M:%S", time.localtime(last.time))
    often = f"{len(events)} times, last" if len(events) > 1 else "once,"
    return f"{often} at {clock}: {last.text}"
