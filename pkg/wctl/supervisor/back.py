"""Move programs back from systemd to Supervisor, one at a time, while their workers work.

From the first moment on, Supervisor owns all of them at boot. A program's configuration leaves
wctl when Supervisor's processes run, and its units after that: whenever the move is cut short,
"wctl update" starts nothing that Supervisor runs, and the move can be run again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wctl.config.model import Config, Program
from wctl.errors import WctlError
from wctl.install import changes, files
from wctl.install.installed import Installed, Instance, Layout
from wctl.operate import apply, jobs, verbs
from wctl.operate.boot import groups_at_boot
from wctl.operate.inventory import Inventory
from wctl.operate.jobs import Event, Said
from wctl.operate.states import RUNNING_STATES
from wctl.supervisor import stopped
from wctl.supervisor.supervisorctl import Supervisorctl, process_name
from wctl.supervisor.takeover import so_far
from wctl.systemd.log import note
from wctl.systemd.manager import Manager


def owned(programs: Iterable[Program], installed: Iterable[Installed], layout: Layout) -> list[str]:
    """Return the names of the programs whose units wctl has written."""
    names = {one.name for one in installed if one.file.parent == layout.units}
    return [program.name for program in programs if program.name in names]


def sources(programs: Iterable[Program], ours: Config, directory: Path) -> dict[str, Path]:
    """Return the files of wctl that have these programs, by title.

    Raises:
        WctlError: such a file cannot be renamed, because it also has something else.
    """
    titles = {program.title for program in programs}
    found: dict[str, Path] = {}
    for program in ours.programs:
        if program.title in titles:
            found[program.title] = Path(program.place.file)
    for program in ours.programs:
        if program.title not in titles and Path(program.place.file) in found.values():
            raise WctlError(
                f"{program.place}: [{program.section}] is in a file with programs that go back",
                hint="move it into a file of its own in conf.d",
            )
    for title, file in found.items():
        if file.parent != directory / "conf.d":
            raise WctlError(
                f"{file} has {title}, and 'wctl import --back' renames only files in"
                f" {directory / 'conf.d'}",
                hint=f"move the program into a file of its own in {directory / 'conf.d'}",
            )
    return found


@dataclass(frozen=True)
class Back:
    """The move of programs back to Supervisor."""

    manager: Manager
    inventory: Inventory
    layout: Layout
    supervisor: Supervisorctl
    sources: Mapping[str, Path]
    stop_first: bool

    def alive(self, program: Program) -> list[str]:
        """Return the units of a program that run."""
        units = jobs.units_of(self.manager, program.name)
        return [unit.name for unit in units if unit.program == program.name and unit.alive]

    def ran(self, program: Program) -> list[str]:
        """Return the units of a program that run, or that an interrupted move has stopped."""
        noted = map(program.instance, sorted(stopped.read(self.layout, program.name)))
        return list(dict.fromkeys((*self.alive(program), *noted)))

    def wanted(self, program: Program) -> list[str]:
        """Return Supervisor's names of the processes that must run: those that ran here, and all
        that Supervisor starts by itself."""
        ran = self.ran(program)
        return [
            process_name(program, number)
            for number in program.numbers
            if program.autostart or program.instance(number) in ran
        ]

    def leave_boot(self, programs: Sequence[Program]) -> list[str]:
        """Have no boot start these programs under systemd; return the targets that one did start.

        A target of a group that has other programs, too, stays.
        """
        gone = {program.name for program in programs}
        installed = self.inventory.installed
        ours = [one for one in installed if one.name in gone and one.at_boot]
        rest = {one.group for one in installed if one.name not in gone}
        groups = {one.group for one in ours} & groups_at_boot(installed, {})
        names = {one.name for one in ours} | (groups - rest)
        targets = [f"{name}.target" for name in sorted(names)]
        self.manager.disable(targets)
        return targets

    def stop(self, programs: Iterable[Program]) -> Iterator[Event]:
        """Stop the workers of these programs under systemd."""
        chosen = []
        for program in programs:
            units = self.alive(program)
            numbers = [number for number in program.numbers if program.instance(number) in units]
            stopped.note(self.layout, program.name, numbers)
            chosen += [self._instance(program, unit) for unit in units]
        yield from verbs.stop(self.manager, self.inventory, chosen)

    def start(self, program: Program, units: Sequence[str]) -> Iterator[Event]:
        """Start workers under systemd again."""
        chosen = [self._instance(program, unit) for unit in units]
        yield from verbs.start(self.manager, self.inventory, chosen)
        stopped.forget(self.layout, program.name)

    def move(
        self, program: Program, names: Sequence[str], before: Sequence[str]
    ) -> Iterator[Event]:
        """Move one program: ``names`` are Supervisor's processes, ``before`` the units that ran.

        Raises:
            WctlError: Supervisor cannot run it, and systemd runs it as before.
        """
        ran = [process_name(program, n) for n in program.numbers if program.instance(n) in before]
        if self.stop_first:
            yield from self.stop([program])
        try:
            self.supervisor.run([name for name in names if name in ran])
        except WctlError as error:
            yield from self._undo(program, names, before)
            raise WctlError(
                f"{program.title}: not moved back: {error.message}; systemd runs it as before",
                hint="fix the cause, then run this command again; add --stop-first if two workers"
                " cannot run at once (a port, a lock)",
            ) from None
        yield from self._start_rest(program, names)
        source = self.sources.get(program.title)
        if source is not None and source.exists():
            yield Said(program.title, f"{source} is now {files.set_aside(source).name}")
        yield from self._uninstall(program)
        stopped.forget(self.layout, program.name)
        note(program.name, f"moved back to Supervisor: {', '.join(names)}")
        states = self.supervisor.states()
        up = [name for name in names if states.get(name) in RUNNING_STATES]
        count = f"{len(up)} process{'es' if len(up) > 1 else ''}" if up else "none of it"
        yield Said(program.title, f"moved back; Supervisor runs {count}")

    def _start_rest(self, program: Program, names: Sequence[str]) -> Iterator[Event]:
        """Have Supervisor start what nobody runs; where it cannot, nothing is lost."""
        try:
            self.supervisor.run(names)
        except WctlError as error:
            yield Said(program.title, f"{error.message}; systemd did not run it, either")

    def _undo(
        self, program: Program, names: Sequence[str], before: Sequence[str]
    ) -> Iterator[Event]:
        """Stop what Supervisor has started of a program, and run it under systemd as before."""
        if before:
            with so_far(f"{program.title}: systemd runs it, and Supervisor may run it, too"):
                self.supervisor.stop(names)
        if self.stop_first:
            yield from self.start(program, before)

    def _uninstall(self, program: Program) -> Iterator[Event]:
        """Stop the workers, and remove the units; that of the group with its last program."""
        self.inventory.refresh()
        known = {one.name: one for one in self.inventory.programs}
        installed = known.pop(program.name, None)
        if installed is None:
            return
        count = len(self.inventory.numbers(installed))
        if count != program.numprocs:
            yield Said(program.title, f"was scaled to {count}; under Supervisor, numprocs counts")
        plan = changes.removal([installed], self.layout)
        if installed.group not in {one.group for one in known.values()}:
            target = self.layout.units / f"{installed.group}.target"
            if target not in plan.deletes:
                plan = replace(plan, deletes=(*plan.deletes, target))
        yield from apply.update(self.manager, self.inventory, self.layout, plan)
        self.inventory.refresh()

    def _instance(self, program: Program, unit: str) -> Instance:
        return Instance(program.name, program.group, unit)
