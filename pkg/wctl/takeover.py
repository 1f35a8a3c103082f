"""A machine moves from Supervisor to systemd, one program at a time, while its workers work.

A program's workers run here before Supervisor's are stopped, and if they do not, Supervisor's go
on as if nothing had been tried. Whatever interrupts it, it can be run again: which processes run
where is asked anew.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from wctl import apply, install, operate
from wctl.config import Config
from wctl.errors import WctlError
from wctl.installed import Layout
from wctl.inventory import Inventory
from wctl.manager import Manager
from wctl.note import note
from wctl.operate import Ended, Event, Said, Verb
from wctl.program import Program
from wctl.render import render
from wctl.supervisorctl import Supervisorctl, running
from wctl.target import Target


@dataclass(frozen=True)
class Takeover:
    """What it takes to move programs of ``config`` here."""

    manager: Manager
    inventory: Inventory
    layout: Layout
    target: Target
    config: Config
    supervisor: Supervisorctl
    stop_first: bool  # for workers of which there must never be two

    def move(self, program: Program) -> Iterator[Event]:
        """Move one program: as many instances as Supervisor runs, of the same numbers.

        Raises:
            WctlError: it could not be moved. Before the last step Supervisor then runs it as
                before; where supervisord itself fails in that step, both do.
        """
        theirs = running(program, self.supervisor.states())
        added = yield from self._install(program)
        # Of one that waits for its next try, a start is that try.
        ours = operate.ready(self.manager, program.name)
        units = [unit for number in theirs if (unit := program.instance(number)) not in ours]
        names = list(theirs.values())
        if names and self.stop_first:
            self.supervisor.stop(names)
        if not (yield from self._start(program, units)):
            yield from self._back(program, units, added=added)
            if self.stop_first:
                self.supervisor.start(names)
            raise WctlError(
                f"{program.name}: not taken over, Supervisor runs it as before",
                hint="what its workers wrote last is above; run this again when it is mended, with"
                " --stop-first if there cannot be two (a port, a lock)",
            )
        if names and not self.stop_first:
            self.supervisor.stop(names)
        self._enable(program)
        yield Said(program.name, self._told(program, names, ours))

    def _install(self, program: Program) -> Generator[Event, None, bool]:
        """Write the program's units, and restart what runs with others; return if it is new."""
        plan = install.plan(self.config, render(self.config, self.target), self.layout)
        part = install.only(plan, (program.name, program.group))
        install.write(part)
        if part.writes:
            self.manager.reload()
        self.inventory.refresh()
        if program in part.changed:
            yield from operate.run(
                self.manager, Verb.RESTART, operate.running(self.manager, program.name)
            )
        return program in part.added

    def _start(self, program: Program, units: Sequence[str]) -> Generator[Event, None, bool]:
        """Start what is missing; return whether all of it is ready."""
        if units:
            operate.hold(self.manager, [(program.name, program.group)])
        ready = True
        for event in operate.run(self.manager, Verb.START, units):
            yield event
            ready = ready and (not isinstance(event, Ended) or event.ok)
        return ready

    def _back(self, program: Program, units: Sequence[str], *, added: bool) -> Iterator[Event]:
        """Take away what was started, and what was written."""
        if added:
            installed = self.inventory.program(program.name)
            plan = install.removal([installed], self.layout)
            nothing = Config((), (), ())
            yield from apply.update(self.manager, self.inventory, self.layout, plan, nothing)
        else:
            yield from operate.run(self.manager, Verb.STOP, units)
            operate.release(self.manager, self.inventory, [(program.name, program.group)])

    def _enable(self, program: Program) -> None:
        """Have the next boot start what it would have started there."""
        targets = {f"{program.name}.target", f"{program.group}.target"}
        instances = [program.instance(number) for number in program.numbers]
        self.manager.enable([*instances, *(sorted(targets) if program.autostart else ())])
        self.manager.reload()
        self.inventory.refresh()

    def _told(self, program: Program, names: Sequence[str], ours: Sequence[str]) -> str:
        if not names:
            return "runs here already" if ours else "installed; Supervisor runs none of it"
        note(program.name, f"taken over from Supervisor: {', '.join(names)}")
        count = f"{len(names)} process{'es' if len(names) > 1 else ''}"
        return f"taken over, {count} of Supervisor stopped"
