"""Move a machine from Supervisor to systemd, one program at a time, while its workers work.

systemd runs a program's workers before wctl stops Supervisor's. If systemd's workers do not become
READY, Supervisor's go on as if nothing had happened. The user can run an interrupted takeover
again: wctl asks Supervisor and systemd anew which processes run.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import NoReturn

from wctl.config.model import Config, Program
from wctl.errors import WctlError
from wctl.install import changes, pending
from wctl.install.installed import Instance, Layout
from wctl.install.pending import Intent
from wctl.operate import apply, jobs, verbs
from wctl.operate.boot import groups_at_boot
from wctl.operate.inventory import Inventory
from wctl.operate.jobs import Ended, Event, Said
from wctl.operate.states import STOPPED_STATES, State
from wctl.supervisor import log_files, stopped
from wctl.supervisor.supervisorctl import Supervisorctl, process_name, running
from wctl.systemd import unit_name
from wctl.systemd.log import note
from wctl.systemd.manager import Manager
from wctl.units.host import Host
from wctl.units.render import render


@contextmanager
def so_far(done: str) -> Iterator[None]:
    """Add to an error of supervisord what we have done when it occurs."""
    try:
        yield
    except WctlError as error:
        raise WctlError(f"{error.message}; {done}", error.hint, error.exit_code) from None


@dataclass(frozen=True)
class Takeover:
    """The takeover of programs of ``config`` by systemd."""

    manager: Manager
    inventory: Inventory
    layout: Layout
    host: Host
    config: Config
    supervisor: Supervisorctl
    theirs: Mapping[str, Program]  # as Supervisor's files configure them, by title
    stop_first: bool  # for workers of which two must never run at once

    def move(self, program: Program) -> Iterator[Event]:
        """Move one program: start the instances with the numbers that Supervisor runs.

        Raises:
            WctlError: the program could not be moved, and Supervisor runs it as before. If
                supervisord itself fails in the last step, Supervisor and systemd both run it.
        """
        with so_far(f"{program.name} was not moved"):
            states = self.supervisor.states()
        theirs = running(self.theirs[program.title], states)
        intent = yield from self._install(program)
        # An instance that waits for its next try is not READY: a start makes that try.
        ours = [unit.name for unit in jobs.units_of(self.manager, program.name) if unit.up]
        wanted = {number for number, name in theirs.items() if states[name] != State.STOPPING}
        wanted |= stopped.read(self.layout, program.name)
        chosen = map(program.instance, [number for number in program.numbers if number in wanted])
        units = [unit for unit in chosen if unit not in ours]
        names = list(theirs.values())
        if names and self.stop_first:
            stopped.note(self.layout, program.name, wanted)
            yield from self._stop_first(program, names, intent)
        yield from self._hand_over(program)
        if not (yield from self._start(program, units)):
            yield from self._give_up(program, units, intent)
        if names and not self.stop_first:
            with so_far(f"systemd runs {program.name}, and Supervisor may still run it"):
                self.supervisor.stop(names)
            yield from self._hand_over(program, again=True)
        self._enable(program)
        pending.end(self.layout, intent)
        stopped.forget(self.layout, program.name)
        yield Said(program.name, self._told(program, states, units, ours))

    def _give_up(
        self, program: Program, units: Sequence[str], intent: Intent
    ) -> Generator[Event, None, NoReturn]:
        """Leave a program that systemd cannot start to Supervisor.

        Raises:
            WctlError: always.
        """
        yield from self._back(program, units, added=bool(intent.added))
        pending.end(self.layout, intent)
        theirs, down = self.theirs[program.title], stopped.read(self.layout, program.name)
        with so_far(f"systemd cannot start {program.name}; Supervisor may not run it"):
            if down:
                self.supervisor.start([process_name(theirs, number) for number in sorted(down)])
            states = self.supervisor.states()
        stopped.forget(self.layout, program.name)
        now = {states[name] for name in running(theirs, states).values()}
        # A process in BACKOFF counts as alive, too.
        how = "runs it as before" if State.RUNNING in now else "has not got it running, either"
        raise WctlError(
            f"{program.name}: not taken over; Supervisor {how}",
            hint="fix the cause (see the last lines above), then run this command again; add"
            " --stop-first if two workers cannot run at once (a port, a lock)",
        )

    def _hand_over(self, program: Program, *, again: bool = False) -> Iterator[Event]:
        """Give the log files to the worker's user; ``again``: those that Supervisor made since."""
        for name, what in log_files.hand_over([program], news=again):
            yield Said(name, what)

    def _stop_first(
        self, program: Program, names: Sequence[str], intent: Intent
    ) -> Iterator[Event]:
        """Stop Supervisor's processes; if that fails, leave nothing of the program behind."""
        try:
            with so_far(f"systemd has not started {program.name}; Supervisor may have stopped it"):
                self.supervisor.stop(names)
        except WctlError:
            yield from self._back(program, (), added=bool(intent.added))
            pending.end(self.layout, intent)
            with suppress(WctlError):  # what it has stopped stays noted, for the next takeover
                self.supervisor.run(names)
                stopped.forget(self.layout, program.name)
            raise

    def _install(self, program: Program) -> Generator[Event, None, Intent]:
        """Write the program's units, and restart workers of other units.

        Return what is noted until the program is enabled: without that, no boot would start it.
        """
        plan = changes.plan(self.config, render(self.config, self.host), self.layout)
        plan = apply.with_unfinished(plan, self.config, self.layout)
        part = changes.only(plan, (program.name,), self.layout)
        name = (program.name,)
        intent = Intent(
            added=name if program in part.added else (),
            changed=name if program in (*part.changed, *part.replaced) else (),
            touched=name,
        )
        pending.begin(self.layout, intent)
        changes.write(part)
        if part.writes or intent.changed:
            self.manager.reload()
        self.inventory.refresh()
        if intent.changed:
            units = jobs.units_of(self.manager, program.name)
            alive = _instances(program, [unit.name for unit in units if unit.alive])
            yield from verbs.restart(self.manager, self.inventory, alive)
        return intent

    def _start(self, program: Program, units: Sequence[str]) -> Generator[Event, None, bool]:
        """Start the missing ``units``; return whether all of them became READY."""
        ready = True
        for event in verbs.start(self.manager, self.inventory, _instances(program, units)):
            yield event
            ready = ready and (not isinstance(event, Ended) or event.ok)
        return ready

    def _back(self, program: Program, units: Sequence[str], *, added: bool) -> Iterator[Event]:
        """Stop the started ``units``; if the program is new (``added``), uninstall it."""
        if added:
            installed = self.inventory.program(program.name)
            plan = changes.removal([installed], self.layout)
            yield from apply.update(self.manager, self.inventory, self.layout, plan)
        else:
            yield from verbs.stop(self.manager, self.inventory, _instances(program, units))

    def _enable(self, program: Program) -> None:
        """Enable the program, so that the next boot starts it as it would have under Supervisor.

        The target of its group would start programs that "wctl disable" keeps down.
        """
        at_boot = {program.name: program.autostart}
        groups = groups_at_boot(self.inventory.installed, at_boot)
        targets = {f"{name}.target" for name in {program.name, *({program.group} & groups)}}
        instances = [program.instance(number) for number in program.numbers]
        self.manager.enable([*instances, *(sorted(targets) if program.autostart else ())])
        self.manager.reload()
        self.inventory.refresh()

    def _told(
        self,
        program: Program,
        states: Mapping[str, str],
        units: Sequence[str],
        ours: Sequence[str],
    ) -> str:
        """Return what has become of a program; ``states`` are those before its move."""
        theirs = self.theirs[program.title]
        names = list(running(theirs, states).values())
        if names:
            note(program.name, f"taken over from Supervisor: {', '.join(names)}")
            count = f"{len(names)} Supervisor process{'es' if len(names) > 1 else ''}"
            done = f"taken over; stopped {count}"
        elif units:
            done = "taken over; an earlier takeover has stopped Supervisor's processes"
        elif ours:
            return "already runs under systemd"
        else:
            done = "installed"
        rest = {
            program.instance(number): states.get(process_name(theirs, number), "")
            for number in program.numbers
        }
        down = [
            f"{unit_name.short(unit)} ({state})"
            for unit, state in rest.items()
            if state in STOPPED_STATES and unit not in (*units, *ours)
        ]
        return f"{done}; not started, as in Supervisor: {log_files.few(down)}" if down else done


def _instances(program: Program, units: Sequence[str]) -> list[Instance]:
    return [Instance(program.name, program.group, unit) for unit in units]
