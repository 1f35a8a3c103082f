"""All examinations of all programs, in the order in which an operator would look."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wctl.check import checker, doctor_codes
from wctl.config import load
from wctl.config.blame import blame
from wctl.config.model import Config, Program
from wctl.doctor import history, lost_output, messenger, overrides, queues, supervisor, units
from wctl.doctor.finding import Commands, Finding, printed
from wctl.doctor.history import History
from wctl.doctor.runner import Runner, identity
from wctl.doctor.workers import ExaminedProgram, Workers
from wctl.errors import WctlError
from wctl.install.held import hold
from wctl.install.installed import Installed
from wctl.operate import states
from wctl.operate.inventory import Inventory
from wctl.operate.selection import select
from wctl.operate.states import Process, State
from wctl.supervisor import daemons
from wctl.systemd import env_file, unit_name
from wctl.trust.commands import CANNOT_RUN, Answer, RefusedError
from wctl.trust.text import printable
from wctl.units.host import Host

_LOOKS = 5
_MOMENT = 0.2  # seconds: twice the RestartSec= of our units


@dataclass(frozen=True)
class Timeouts:
    """How far back to look, and how long to wait; all in seconds."""

    since: float = 3600.0
    command: float = 10.0  # for one health_command or queue_command
    queue: float = 10.0  # for a queue to move


class Examination:
    """One run of "wctl doctor": what it examines, and how."""

    def __init__(
        self,
        config: Config,
        inventory: Inventory,
        host: Host,
        timeouts: Timeouts,
        commands: Commands,
        *,
        watching: Callable[[str], None] = lambda _what: None,
    ) -> None:
        """Prepare an examination; ``watching`` hears of what takes a while."""
        self._config = config
        self._inventory = inventory
        self._layout = inventory.layout
        self._manager = inventory.manager
        self._host = host
        self._timeouts = timeouts
        self._commands = commands
        self._watching = watching
        self.unexamined: list[str] = []  # what we left out, and why
        self._programs = {program.name: program for program in config.programs}
        self._read_shipped(inventory.programs)
        self._consumed = messenger.consumed(self._programs.values())

    def _read_shipped(self, programs: Iterable[Installed]) -> None:
        """Read what a package's programs were made from: no configuration here describes them."""
        for installed in programs:
            if not installed.shipped or installed.name in self._programs:
                continue
            found = load.load([Path(installed.source)], load.environ())
            ours = [program for program in found.programs if program.name == installed.name]
            if found.errors or not ours:
                why = f"doctor cannot read {installed.source}"
                self.unexamined.append(f"{installed.name}: not fully examined: {why}")
            else:
                self._programs[installed.name] = ours[0]

    def findings(self, chosen: Sequence[str]) -> Iterator[Finding]:
        """Yield the findings about the programs that ``chosen`` names; if empty, about all.

        What concerns the whole machine comes first, then one program after the other.

        Raises:
            UnknownNamesError: some of the names are of no program, group or instance.
        """
        for finding in self._all(() if "all" in chosen else chosen):
            can = doctor_codes.can_be_ignored(finding.code)
            if not (can and finding.code in self._ignored(finding)):
                yield finding

    def _ignored(self, finding: Finding) -> Sequence[str]:
        """Return the codes that the program's configuration, or all of it, silences."""
        program = self._programs.get(finding.program)
        return self._config.wctl_ignore if program is None else program.wctl_ignore

    def _all(self, chosen: Sequence[str]) -> Iterator[Finding]:
        names = self._names(chosen)
        concerned = self._with_groups(names)
        dormant = [program for program in self._inventory.dormant if program.name in names]
        self._read_shipped(dormant)
        early: dict[str, list[Finding]] = {}
        for finding in (*self._of_units(), *self._of_boot(names), *self._beside(names)):
            # A program with errors is not in the Config, and perhaps not installed either.
            if finding.program in concerned or not chosen:
                early.setdefault(finding.program, []).append(finding)
        yield from early.pop("", ())
        journaled = [program.name for program in self._programs.values() if program.logs != "file"]
        yield from lost_output.of_journald(self._manager, sorted(journaled), self._commands)
        since = time.time() - self._timeouts.since
        past = history.read(since, user=self._layout.user)
        if names.intersection(program.name for program in self._inventory.programs):
            yield from lost_output.of_journal(past, self._commands)
        installed = {program.name: program for program in (*self._inventory.programs, *dormant)}
        for name in sorted({*early, *names}):
            yield from early.get(name, ())
            program = self._programs.get(name)
            if name in names and name in installed and program is not None:
                self._watching(f"{program.title}: examining")
                found = self._of_program(program, installed[name], past, since)
                yield from self._held(program, found)

    def _of_program(
        self, program: Program, installed: Installed, past: History, since: float
    ) -> Iterator[Finding]:
        processes = self._processes(installed.name)
        examined = ExaminedProgram(program, installed, processes, self._commands)
        yield from overrides.findings(self._manager, examined)
        yield from Workers(self._manager, examined, past, since).findings()
        closed = self._closed(examined)
        for finding in lost_output.by_notes(self._manager, processes, past, since):
            if finding.code != "log-file-fails" or not closed:  # closed tells why it fails
                yield finding
        yield from closed
        yield from self._outside(examined)

    def _held(self, program: Program, findings: Iterator[Finding]) -> Iterator[Finding]:
        """Yield ``findings``; a fault of ours in them ends the examination of ``program`` alone.

        Such a fault may be what a worker, or a command of its user, has brought about.
        """
        try:
            yield from findings
        except WctlError:  # systemd is gone, for example: that concerns all programs
            raise
        except Exception as error:
            why = printable(f"{type(error).__name__}: {error}")
            self.unexamined.append(
                f"{program.name}: not fully examined: {why}; please report this as a bug of wctl"
            )

    def _processes(self, program: str) -> tuple[Process, ...]:
        """Return the instances; look again while one of them is between exit and restart."""
        instances = list(select(self._inventory, [program]).instances)
        for _ in range(_LOOKS):
            found = states.processes(self._manager, instances)
            if not any(process.state is State.BACKOFF and not _waits(process) for process in found):
                break
            time.sleep(_MOMENT)
        return tuple(found)

    def _names(self, chosen: Sequence[str]) -> set[str]:
        """Return the programs that ``chosen`` names, or all: those configured, or installed."""
        known = {program.name: program.group for program in self._config.known}
        installed = self._inventory.installed if chosen else self._inventory.programs
        known.update((program.name, program.group) for program in installed)
        if not chosen:
            return set(known)
        titles = {program.title: program.name for program in self._config.known}
        found = {word: _called(titles.get(word, word), known) for word in chosen}
        others = [word for word in chosen if not found[word]]
        if others:
            found[""] = {one.program for one in select(self._inventory, others).instances}
        return set().union(*found.values())

    def _with_groups(self, names: set[str]) -> set[str]:
        """Return ``names`` of programs, their groups, and "": what concerns all concerns them."""
        programs = (*self._config.known, *self._inventory.installed)
        groups = {program.group for program in programs if program.name in names}
        # A group may have another name than its section (see config/load.py).
        titles = {group.title for group in self._config.groups if group.name in groups}
        return names | groups | set(map(unit_name.typed, titles)) | {""}

    def _of_units(self) -> Iterator[Finding]:
        """Compare the configuration with unit files; if they match, the files with systemd."""
        found = [*self._config.diagnostics, *checker.check(self._config, self._layout)]
        yield from units.configuration(found, self._commands)
        differing = set()
        errors = [diagnostic for diagnostic in found if diagnostic.error]
        blamed = blame(self._config, errors)
        if not blamed.everything:
            config, _ = hold(self._config, blamed, self._layout)
            for finding in units.units(config, self._host, self._layout, self._commands):
                differing.add(finding.program)
                yield finding
        rest = [program for program in self._inventory.programs if program.name not in differing]
        yield from units.loaded(self._manager, self._layout, rest, self._commands)

    def _of_boot(self, names: set[str]) -> Iterator[Finding]:
        programs = self._inventory.programs
        yield from units.at_boot(self._layout, self._config, programs, self._commands)
        yield from units.lingering(
            self._layout, [program.name for program in programs if program.name in names]
        )

    def _beside(self, names: set[str]) -> Iterator[Finding]:
        """Report the programs that a Supervisor has as well; with --user, report nothing."""
        if self._layout.user or not self._inventory.programs:
            return
        installed = {program.name for program in self._inventory.programs}
        loaded = self._manager.units([f"{name}@*.service" for name in installed])
        here = {unit.program for unit in loaded if unit.alive}
        here |= {program.name for program in self._inventory.programs if program.enabled}
        for daemon in daemons.daemons(self._manager):
            if daemon.doubt:
                self.unexamined.append(f"{daemon.who}: not asked: {daemon.doubt}")
            rivals = supervisor.programs(daemon, timeout=self._timeouts.command)
            yield from supervisor.findings(daemon, rivals, here & names, installed)

    def _runner(self, examined: ExaminedProgram) -> Runner:
        """Return what runs commands as the program's user.

        Raises:
            RefusedError: we cannot tell who that is.
        """
        program = examined.program
        unit = examined.installed.instance(examined.installed.numprocs_start)
        return Runner(
            program,
            self._layout.environment,
            identity(self._manager, program, unit),
            timeout=self._timeouts.command,
            user=self._layout.user,
            systemd=self._host.systemd,
        )

    def _closed(self, examined: ExaminedProgram) -> list[Finding]:
        """Return the findings about log files that the program's user cannot write."""
        try:
            return list(units.log_files(self._runner(examined), self._commands))
        except (RefusedError, env_file.InvalidError):
            return []  # _outside() tells what that keeps us from

    def _outside(self, examined: ExaminedProgram) -> Iterator[Finding]:
        """Examine by commands that need the program's own user and its variables."""
        program = examined.program
        console = messenger.console_of(program)
        try:
            runner = self._runner(examined)
            unhealthy = list(_health(runner, self._commands))
            yield from unhealthy
            if any(finding.code == "health" for finding in unhealthy):
                return  # no queue moves while a service that the program needs is down
            if program.queue_command is not None or console is not None:
                seconds = f"{self._timeouts.queue:g} s"
                self._watching(f"{program.title}: watching its queue for up to {seconds}")
            if program.queue_command is not None:
                yield from queues.by_command(runner, examined, self._manager, self._timeouts.queue)
            if console is not None:
                symfony = messenger.Messenger(runner, console, examined, self._manager)
                yield from symfony.findings(self._timeouts.queue, self._consumed)
        except RefusedError as refused:
            if program.health_command or program.queue_command or console:
                self._runs_none(program, str(refused))
        except env_file.InvalidError as error:
            self._runs_none(program, str(error))

    def _runs_none(self, program: Program, why: str) -> None:
        self.unexamined.append(f"{program.name}: doctor runs none of its commands: {why}")


def _called(word: str, known: Mapping[str, str]) -> set[str]:
    """Return the programs among ``known`` (program → group) that a word names: PROGRAM, GROUP:*."""
    name, separator, which = word.partition(":")
    name = unit_name.typed(name)
    if not separator:
        matching = fnmatch.filter(known, name)
        return {*matching, *(program for program, group in known.items() if group == name)}
    groups = (name, f"{name}{unit_name.GROUP}") if which in ("", "*") else ()
    return {program for program, group in known.items() if group in groups}


def _waits(process: Process) -> bool:
    """Tell whether the wrapper has reported that it waits before the next try."""
    return "failed start" in process.description


def _health(runner: Runner, commands: Commands) -> Iterator[Finding]:
    command = runner.program.health_command
    answer = Answer(0, "", "") if command is None else runner.run(command)
    if command is None or answer.code == 0:
        return
    what = f"its health_command {queues.ending(answer, runner.timeout)}"
    if answer.code in CANNOT_RUN:
        what = f"{what}, so doctor learns nothing from it; correct the command"
        edit = commands.edit_option(runner.program, "health_command")
        yield Finding("health-unknown", runner.program.name, what, printed(answer.lines), edit)
        return
    what = f"{what}; start the service that the program needs, then run the command below again"
    remedy = runner.shown(command)
    yield Finding("health", runner.program.name, what, printed(answer.lines), remedy)
