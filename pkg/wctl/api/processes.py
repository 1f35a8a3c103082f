"""Processes: their states, and the operations of supervisor.rpcinterface that change them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from wctl.api.faults import Code, Fault, Result
from wctl.api.names import Member, Names, split
from wctl.install.installed import Instance
from wctl.operate import states, verbs
from wctl.operate.jobs import Ended, Event
from wctl.operate.states import RUNNING_STATES, Process, State
from wctl.session.session import Session

# How a job ends that systemd has taken (org.freedesktop.systemd1(5), JobRemoved).
_RESULTS = frozenset({"done", "canceled", "timeout", "failed", "dependency", "skipped"})
_SIGNALLED = frozenset({State.STARTING, State.RUNNING, State.STOPPING})


class Processes:
    """All processes: their names as they are at each refresh, and their states as they are now."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._names: Names | None = None

    def refresh(self) -> None:
        """Look up the processes again: programs may have come, gone or been scaled.

        Raises:
            WctlError: systemd does not run here, or cannot be reached.
        """
        self._names = Names(self._session.current_inventory())

    def names(self) -> Names:
        """Return the names of the processes."""
        if self._names is None:
            self.refresh()
        assert self._names is not None
        return self._names

    def member(self, name: str) -> Member:
        """Return the process ``name``.

        Raises:
            Fault: BAD_NAME.
        """
        member = self.names().find(name)
        if member is None:
            raise Fault(Code.BAD_NAME, name)
        return member

    def all(self) -> list[tuple[Member, Process]]:
        """Return every process with its state, sorted by group and name."""
        return self.now(self.names().members)

    def now(self, members: Sequence[Member]) -> list[tuple[Member, Process]]:
        """Return processes with their states, in the order given."""
        instances = [member.instance for member in members]
        return list(zip(members, states.processes(self._session.manager, instances)))

    def one(self, name: str) -> tuple[Member, Process]:
        """Return the process ``name`` with its state.

        Raises:
            Fault: BAD_NAME.
        """
        member = self.member(name)
        return self.now([member])[0]

    def down(self, groups: Collection[str]) -> list[Member]:
        """Return the processes of ``groups`` that can be started."""
        members = [member for member in self.names().members if member.group in groups]
        return self._in(members, verbs.START.states)

    def start(self, name: str) -> None:
        """Start a process, and return when it is READY.

        Raises:
            Fault: BAD_NAME, NO_FILE, NOT_EXECUTABLE, ALREADY_STARTED, ABNORMAL_TERMINATION or
                SPAWN_ERROR.
        """
        member = self.member(name)
        for code in self._unusable([member]).values():
            raise Fault(code, name)
        if not self._in([member], verbs.START.states):
            raise Fault(Code.ALREADY_STARTED, name)
        self._raise(self._started([member]), name)

    def start_all(self, group: str | None = None) -> list[Result]:
        """Start the processes of a group, or all, that do not run.

        Raises:
            Fault: BAD_NAME.
        """
        down = self._in(self._members(group), verbs.START.states)
        unusable = self._unusable(down)
        results = {member: _result(member, code) for member, code in unusable.items()}
        # Those at the end have the last word about the exit code of a client.
        results.update(self._started([member for member in down if member not in results]))
        return list(results.values())

    def stop(self, name: str) -> None:
        """Stop a process, and return when it has ended.

        Raises:
            Fault: BAD_NAME, NOT_RUNNING or FAILED.
        """
        member = self.member(name)
        if not self._in([member], RUNNING_STATES):
            raise Fault(Code.NOT_RUNNING, name)
        self._raise(self._stopped([member]), name)

    def stop_all(self, group: str | None = None) -> list[Result]:
        """Stop the processes of a group, or all, that run.

        Raises:
            Fault: BAD_NAME.
        """
        return list(self._stopped(self._in(self._members(group), RUNNING_STATES)).values())

    def signal(self, name: str, signal: str) -> None:
        """Send a signal, by its name or number, to a process.

        Raises:
            Fault: BAD_NAME, BAD_SIGNAL or NOT_RUNNING.
        """
        member = self.member(name)
        number = _signal(signal)
        if not (self._in([member], _SIGNALLED) and self._signalled(member, number)):
            raise Fault(Code.NOT_RUNNING, name)

    def signal_all(self, signal: str, group: str | None = None) -> list[Result]:
        """Send a signal to the processes of a group, or all, that run.

        Raises:
            Fault: BAD_NAME.
        """
        members = self._in(self._members(group), _SIGNALLED)
        try:
            number = _signal(signal)
        except Fault as fault:
            return [_result(member, fault.code) for member in members]
        return [
            _result(member, Code.SUCCESS if sent else Code.NOT_RUNNING)
            for member in members
            for sent in [self._signalled(member, number)]
        ]

    def _members(self, group: str | None) -> Sequence[Member]:
        names = self.names()
        found = names.members if group is None else names.group(group)
        if group is not None and not found:
            raise Fault(Code.BAD_NAME, group)
        return found

    def _in(self, members: Sequence[Member], wanted: frozenset[State]) -> list[Member]:
        """Return the members that are in one of the ``wanted`` states."""
        instances = [member.instance for member in members]
        found = states.processes(self._session.manager, instances, past=False)
        return [member for member, process in zip(members, found) if process.state in wanted]

    def _unusable(self, members: Sequence[Member]) -> dict[Member, Code]:
        """Return the members whose commands are missing, or cannot be executed."""
        from wctl.operate import executable  # lazy: "status" pays for no start

        wrong = executable.wrong(self._session.manager, [one.instance.unit for one in members])
        codes = {
            executable.MISSING: Code.NO_FILE,
            executable.NOT_EXECUTABLE: Code.NOT_EXECUTABLE,
        }
        return {
            member: codes[problem]
            for member in members
            if (problem := wrong.get(member.instance.unit)) is not None
        }

    def _started(self, members: Sequence[Member]) -> dict[Member, Result]:
        return self._carried_out(verbs.start, members, _of_start)

    def _stopped(self, members: Sequence[Member]) -> dict[Member, Result]:
        return self._carried_out(verbs.stop, members, _of_stop)

    def _carried_out(
        self,
        operation: Callable[..., Iterator[Event]],
        members: Sequence[Member],
        code: Callable[[Ended], Code],
    ) -> dict[Member, Result]:
        if not members:
            return {}
        instances: list[Instance] = [member.instance for member in members]
        events = operation(self._session.manager, self._session.inventory, instances)
        ended = _by_unit(events)
        self._names = None
        return {
            member: _result(member, code(end), "" if end.result in _RESULTS else end.result)
            for member in members
            for end in [ended[member.instance.unit]]
        }

    def _signalled(self, member: Member, number: int) -> bool:
        if not number:  # asks whether there is a process (kill(2))
            return True
        return verbs.signal(self._session.manager, member.instance.unit, number)

    @staticmethod
    def _raise(results: dict[Member, Result], name: str) -> None:
        """Raise the fault that the result of one process is, if it is one."""
        for result in results.values():
            if result.code is not Code.SUCCESS:
                raise Fault(result.code, name, result.text)


def group_of(name: str) -> str | None:
    """Return the group if ``name`` means all processes of one: ``group:*`` or ``group:``."""
    group, process = split(name)
    return group if process is None else None


def _signal(name: str) -> int:
    from wctl.config import values  # lazy, as above

    try:
        return 0 if name == "0" else values.stop_signal(name)
    except ValueError:
        raise Fault(Code.BAD_SIGNAL, name) from None


def _by_unit(events: Iterable[Event]) -> dict[str, Ended]:
    return {event.unit: event for event in events if isinstance(event, Ended)}


def _of_start(end: Ended) -> Code:
    """Return the code of a start: another command has stopped the process, or the process ended."""
    if end.ok:
        return Code.SUCCESS
    return Code.ABNORMAL_TERMINATION if end.result == "canceled" else Code.SPAWN_ERROR


def _of_stop(end: Ended) -> Code:
    return Code.SUCCESS if end.ok else Code.FAILED


def _result(member: Member, code: Code, text: str = "") -> Result:
    return Result(member.group, member.name, code, "OK" if code is Code.SUCCESS else text)
