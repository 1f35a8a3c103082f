"""All examinations of all programs, in the order in which an operator would look."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wctl.check import checker
from wctl.config.model import Config
from wctl.doctor import history, messenger, queues, supervisor, units
from wctl.doctor.finding import Commands, Finding, few
from wctl.doctor.runner import CANNOT_RUN, Answer, NotPermittedError, Runner
from wctl.doctor.workers import ExaminedProgram, Workers
from wctl.errors import Exit, WctlError, nearest
from wctl.operate import states
from wctl.operate.inventory import Inventory
from wctl.operate.states import Process, State
from wctl.supervisor import daemons
from wctl.systemd import unit_name
from wctl.systemd.manager import ALIVE
from wctl.units.host import Host

_LOOKS = 5
_MOMENT = 0.2  # seconds; RestartSec= is half of that


@dataclass(frozen=True)
class Timeouts:
    """How far back to look, and how long to wait; all in seconds."""

    since: float = 3600.0
    command: float = 10.0  # for one health_command or queue_command
    queue: float = 10.0  # for a queue to move


class Examination:
    """What "wctl doctor" looks at."""

    def __init__(
        self,
        config: Config,
        inventory: Inventory,
        host: Host,
        timeouts: Timeouts,
        commands: Commands,
    ) -> None:
        self._config = config
        self._inventory = inventory
        self._layout = inventory.layout
        self._manager = inventory.manager
        self._host = host
        self._timeouts = timeouts
        self._commands = commands
        self.unexamined: list[str] = []  # programs whose commands only root could run

    def findings(self, chosen: Sequence[str]) -> Iterator[Finding]:
        """Yield what is wrong with the programs of these names, by default with all.

        Raises:
            WctlError: there is no such program.
        """
        names = self._names(chosen)
        programs = {each.name: each for each in self._config.programs}
        for each in (*self._of_units(), *self._of_boot(names)):
            # A program with errors is neither configured nor, perhaps, installed.
            if each.program in names or not chosen:
                yield each
        yield from self._beside(names)
        since = time.time() - self._timeouts.since
        past = history.read(since, user=self._layout.user)
        for installed in self._inventory.programs:
            program = programs.get(installed.name)
            if installed.name in names and program is not None:
                processes = self._processes(installed.name)
                examined = ExaminedProgram(program, installed, processes, self._commands)
                yield from Workers(self._manager, examined, past, since).findings()
                yield from self._outside(examined, messenger.consumed(programs))

    def _processes(self, program: str) -> tuple[Process, ...]:
        """Return the instances, none of them within the moment between an exit and its restart."""
        instances = self._inventory.select([f"{program}@*"])
        for _ in range(_LOOKS):
            found = states.processes(self._manager, instances)
            if not any(each.state is State.BACKOFF and not _waits(each) for each in found):
                break
            time.sleep(_MOMENT)
        return tuple(found)

    def _names(self, chosen: Sequence[str]) -> set[str]:
        known = {each.name: each.group for each in self._config.programs}
        known.update((each.name, each.group) for each in self._inventory.programs)
        names = set()
        for name in map(unit_name.typed, chosen):
            found = {each for each, group in known.items() if name in (each, group)}
            if not found:
                raise WctlError(
                    f"{name}: no such program{nearest(name, known)}", exit_code=Exit.UNKNOWN
                )
            names |= found
        return names or set(known)

    def _of_units(self) -> Iterator[Finding]:
        """Compare configuration, files and systemd; of what differs the last is not looked at."""
        found = [*self._config.diagnostics, *checker.check(self._config, self._layout)]
        yield from units.configuration(found, self._commands)
        differing = set()
        if not any(each.error for each in found):
            for each in units.units(self._config, self._host, self._layout, self._commands):
                differing.add(each.program)
                yield each
        rest = [each for each in self._inventory.programs if each.name not in differing]
        yield from units.loaded(self._manager, self._layout, rest, self._commands)

    def _of_boot(self, names: set[str]) -> Iterator[Finding]:
        programs = self._inventory.programs
        yield from units.at_boot(self._layout, self._config, programs, self._commands)
        yield from units.lingering(
            self._layout, [each.name for each in programs if each.name in names]
        )

    def _beside(self, names: set[str]) -> Iterator[Finding]:
        """Look for a Supervisor that has the programs, too; not for one of a user's own."""
        if self._layout.user or not self._inventory.programs:
            return
        installed = {each.name for each in self._inventory.programs}
        units = self._manager.units([f"{name}@*.service" for name in installed])
        here = {each.name.partition("@")[0] for each in units if each.active in ALIVE}
        here |= {each.name for each in self._inventory.programs if each.enabled}
        for each in daemons.daemons(self._manager):
            has = supervisor.programs(each, timeout=self._timeouts.command)
            yield from supervisor.findings(each, has, here & names, installed)

    def _outside(self, examined: ExaminedProgram, consumed: frozenset[str]) -> Iterator[Finding]:
        """Examine what only the program's own user, with its variables, can tell."""
        program = examined.program
        environment = self._layout.environment
        timeout, user = self._timeouts.command, self._layout.user
        runner = Runner(program, environment, timeout=timeout, user=user)
        try:
            yield from units.log_directories(runner, self._commands)
            unhealthy = list(_health(runner, self._commands))
            yield from unhealthy
            if any(each.code == "health" for each in unhealthy):
                return  # without its services, nothing moves anyway
            if program.queue_command is not None:
                yield from queues.by_command(runner, examined, self._manager, self._timeouts.queue)
            console = messenger.console_of(program)
            if console is not None:
                symfony = messenger.Messenger(runner, console, examined, self._manager)
                yield from symfony.findings(self._timeouts.queue, consumed)
        except NotPermittedError:
            self.unexamined.append(program.name)


def _waits(process: Process) -> bool:
    """Tell whether the wrapper itself says that it waits before another try."""
    return "failed start" in process.description


def _health(runner: Runner, commands: Commands) -> Iterator[Finding]:
    command = runner.program.health_command
    answer = Answer(0, "", "") if command is None else runner.run(command)
    if command is None or answer.code == 0:
        return
    what = f"its health_command {queues.ending(answer, runner.timeout)}"
    if answer.code in CANNOT_RUN:
        what = f"{what}, so that it tells nothing; correct it"
        edit = commands.edit_option(runner.program, "health_command")
        yield Finding("health-unknown", runner.program.name, what, few(answer.lines), edit)
        return
    what = f"{what}: something that it needs is not there; start it, then see if this succeeds"
    remedy = runner.shown(command)
    yield Finding("health", runner.program.name, what, few(answer.lines), remedy)
