"""Groups: what an update changes of them, and their being added and removed.

To Supervisor, a program that no [group:x] has is a group of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from wctl.api.faults import Code, Fault
from wctl.api.names import Member, joined
from wctl.api.processes import Processes
from wctl.config.model import Config, Program
from wctl.errors import ConfigError
from wctl.install import changes
from wctl.install.changes import Plan
from wctl.install.installed import Installed
from wctl.operate import apply, jobs, verbs
from wctl.operate.lock import exclusive
from wctl.session.planning import Planned, planned, refuse_to_remove, settled
from wctl.session.session import Session


@dataclass(frozen=True)
class Changes:
    """The groups that an update adds, changes and removes, in Supervisor's order."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    # Of the changed ones: what runs in them runs on. They may get more processes, for example.
    kept: frozenset[str] = frozenset()

    def only(self, groups: Collection[str]) -> Changes:
        """Return the changes of some groups."""
        added, changed, removed = (
            tuple(group for group in some if group in groups)
            for some in (self.added, self.changed, self.removed)
        )
        return Changes(added, changed, removed, self.kept)

    @property
    def all(self) -> tuple[str, ...]:
        """All groups that change."""
        return (*self.removed, *self.changed, *self.added)


@dataclass(frozen=True)
class Configured:
    """A configured process, as "avail" shows it."""

    name: str  # with its group
    in_use: bool
    autostart: bool
    group_priority: int
    priority: int


class Groups:
    """The groups that are configured, and those that are installed."""

    def __init__(
        self,
        session: Session,
        processes: Processes,
        waiting: Callable[[], None] = lambda: None,
    ) -> None:
        """Look at groups; call ``waiting`` before a wait for another wctl."""
        self._session = session
        self._processes = processes
        self._waiting = waiting

    def reread(self) -> Changes:
        """Return what update() would change.

        Raises:
            Fault: CANT_REREAD, with all errors of the configuration.
        """
        self._session.read_again()
        return self._changes(self._planned().plan)

    def known(self) -> set[str]:
        """Return the groups that are installed now."""
        self._session.current_inventory()
        return {program.group_title for program in self._installed}

    def update(self, groups: Collection[str] = ()) -> Changes:
        """Bring ``groups``, or all, to what their configuration says; return what has changed.

        In a group that has changed, it also starts what autostarts and was stopped. It returns when
        the workers are ready, or their starts have failed. It can be repeated.

        Raises:
            Fault: CANT_REREAD.
            WctlError: see apply.update() and refuse_to_remove().
        """
        found = self.reread()
        words = [f"{group}:" for group in found.only(groups).all] if groups else []
        if groups and not words:
            return Changes()
        down = {member.full for member in self._processes.down(found.changed)}
        done = self._carry_out(words)
        done = done.only(groups) if groups else done
        self._start(lambda member: member.group in done.changed and member.full in down)
        return done

    def add(self, name: str) -> None:
        """Install a group that is configured.

        Raises:
            Fault: BAD_NAME, ALREADY_ADDED or CANT_REREAD.
            WctlError: see apply.update().
        """
        self._session.read_again()
        if name in self.known():
            raise Fault(Code.ALREADY_ADDED, name)
        config = self._session.config
        if name not in _members(config):
            if config.errors:
                raise _cannot_read(map(str, config.errors))
            raise Fault(Code.BAD_NAME, name)
        self._carry_out([f"{name}:"])

    def remove(self, name: str) -> None:
        """Uninstall a group none of whose processes runs.

        Raises:
            Fault: BAD_NAME or STILL_RUNNING.
            WctlError: see apply.update().
        """
        session = self._session
        with exclusive(user=session.user, waiting=self._waiting):
            session.read_again()
            found = session.inventory.programs
            gone = [program for program in found if program.group_title == name]
            if not gone:
                raise Fault(Code.BAD_NAME, name)
            units = [jobs.units_of(session.manager, program.name) for program in gone]
            if not all(unit.down for some in units for unit in some):
                raise Fault(Code.STILL_RUNNING, name)
            self._apply(changes.removal(gone, session.layout))

    def configured(self) -> Iterator[Configured]:
        """Yield the configured processes, sorted by name.

        Raises:
            ConfigError: nothing of the configuration can be used.
        """
        self._session.read_again()
        config = self._session.config
        installed = self.known()
        of_group = {group.title: group.priority for group in config.groups}
        rows = [
            (_process_name(program, number), program)
            for program in config.programs
            for number in program.numbers
        ]
        for name, program in sorted(rows, key=lambda row: row[0]):
            yield Configured(
                joined(program.group_title, name),
                program.group_title in installed,
                program.autostart,
                of_group.get(program.group_title, program.priority),
                program.priority,
            )

    def reload(self) -> None:
        """Stop what runs, update everything, and start all that autostarts.

        Before the first stop, the lock is ours and the update is known to be possible. If it fails
        all the same, for example on a full disk, the workers are started from the units that exist.

        Raises:
            Fault: CANT_REREAD; nothing has been done.
            WctlError: see refuse_to_remove(), and nothing has been done; or see apply.update().
        """
        with exclusive(user=self._session.user, waiting=self._waiting):
            plan = self._settled([]).plan
            self._processes.refresh()
            self._processes.stop_all()
            try:
                self._apply(plan)
            finally:
                self._start(lambda _member: True)

    def _start(self, wanted: Callable[[Member], bool]) -> None:
        """Start the ``wanted`` processes that autostart, as Supervisor does with new ones."""
        session = self._session
        self._processes.refresh()
        starting = [
            member.instance
            for member in self._processes.names().members
            if member.program.autostart and wanted(member)
        ]
        deque(verbs.start(session.manager, session.inventory, starting), maxlen=0)

    @property
    def _installed(self) -> Sequence[Installed]:
        """The programs that the configuration is about, as far as they are installed."""
        session = self._session
        return (session.inventory if session.files else session.whole_inventory).programs

    def _planned(
        self, words: Sequence[str] = (), *, taken: Mapping[str, str] | None = None
    ) -> Planned:
        try:
            found = planned(self._session, words, taken=taken)
        except ConfigError as error:
            raise _cannot_read(map(str, error.diagnostics)) from None
        if not found.complete:
            raise _cannot_read(found.lines)
        return found

    def _changes(self, plan: Plan) -> Changes:
        """Return the changes of groups that the changes of programs are."""
        config = self._session.config
        new = _members(config)
        old: dict[str, set[str]] = {}
        for program in self._installed:
            old.setdefault(program.group_title, set()).add(program.name)
        gone = {program.name for program in plan.removed}
        more = {program.name for program in plan.rescaled}.union(plan.altered)
        touched = gone | {program.name for program in (*plan.added, *plan.changed)}
        changed = [
            group
            for group in _ordered(old.keys() & new.keys(), config)
            if (old[group] | new[group]) & (touched | more)
        ]
        moved = {name for names in new.values() for name in names}
        return Changes(
            tuple(_ordered(new.keys() - old.keys(), config)),
            tuple(changed),
            tuple(group for group in sorted(old.keys() - new.keys()) if old[group] <= gone | moved),
            frozenset(group for group in changed if not (old[group] | new[group]) & touched),
        )

    def _carry_out(self, words: Sequence[str]) -> Changes:
        """Carry out the plan for the groups ``words``, or for all."""
        with exclusive(user=self._session.user, waiting=self._waiting):
            found = self._settled(words)
            done = self._changes(found.plan)
            self._apply(found.plan)
        return done

    def _settled(self, words: Sequence[str]) -> Planned:
        """Return the plan for the groups ``words``, or for all, as it is under the lock."""
        found = settled(self._session, partial(self._planned, words))
        if not words:
            refuse_to_remove(self._session, found.plan)
        return found

    def _apply(self, plan: Plan) -> None:
        session = self._session
        events = apply.update(session.manager, session.whole_inventory, session.layout, plan)
        deque(events, maxlen=0)  # a worker that fails to start shows in its state


def _members(config: Config) -> dict[str, set[str]]:
    """Return the names of the configured programs by their group."""
    members: dict[str, set[str]] = {}
    for program in config.programs:
        members.setdefault(program.group_title, set()).add(program.name)
    return members


def _ordered(groups: Iterable[str], config: Config) -> list[str]:
    """Return groups in Supervisor's order: by priority, and then by name."""
    priorities = {program.group_title: program.priority for program in config.programs}
    priorities.update({group.title: group.priority for group in config.groups})
    return sorted(groups, key=lambda group: (priorities[group], group))


def _process_name(program: Program, number: int) -> str:
    return program.process_name.text(number)


def _cannot_read(lines: Iterable[str]) -> Fault:
    return Fault(Code.CANT_REREAD, "\n".join(lines))
