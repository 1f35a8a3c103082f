"""The service manager, over D-Bus (org.freedesktop.systemd1(5)).

wctl uses one connection, and sends calls that do not depend on each other before it reads the first
answer: a hundred units take one round trip instead of hundreds.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jeepney import DBusAddress, Message, new_method_call

from wctl.systemd.bus import (
    BUS,
    MANAGER,
    NOT_LOADED,
    NOT_PERMITTED,
    SYSTEMD,
    Bus,
    CallError,
    values,
)

_MANAGER = DBusAddress(MANAGER, SYSTEMD, f"{SYSTEMD}.Manager")

# Properties of every unit; all other properties that we ask for belong to a service.
_OF_UNIT = {
    "ActiveExitTimestampMonotonic",
    "ActiveState",
    "DropInPaths",
    "FreezerState",
    "FragmentPath",
    "InactiveEnterTimestamp",
    "InactiveExitTimestamp",
    "InactiveExitTimestampMonotonic",
    "LoadState",
    "NeedDaemonReload",
    "StartLimitBurst",
    "StartLimitIntervalUSec",
    "StateChangeTimestampMonotonic",
    "SubState",
    "Wants",
}

# Jobs of ours that systemd may have at a time. systemd adds a match on us for each job, and the bus
# allows one connection no more than 512 (max_match_rules_per_connection, dbus-daemon(1)). With more
# matches systemd loses its connection, and no client hears of a job's end.
JOBS_AT_ONCE = 200


_DEACTIVATE = 10.0  # seconds; the job of a target has nothing to wait for but systemd itself

# The ActiveState of units that have been READY (org.freedesktop.systemd1(5)).
_UP = frozenset({"active", "reloading", "refreshing"})
_DOWN = frozenset({"inactive", "failed"})
# The types of the jobs after which a unit runs (org.freedesktop.systemd1(5), Job objects).
_STARTS = frozenset({"start", "restart", "reload-or-start"})


@dataclass(frozen=True)
class Unit:
    """A loaded unit, as ListUnits shows it.

    A job that systemd has taken but not begun does not show in ``active`` and ``sub``. On a busy
    machine, or behind another unit (After=), a job can wait for long.
    """

    name: str
    load: str
    active: str
    sub: str
    job: str = ""  # the type of its job, if systemd has one

    @property
    def program(self) -> str:
        """The program of an instance: what is before the @."""
        return self.name.partition("@")[0]

    @property
    def up(self) -> bool:
        """Whether the unit is READY, and is not about to stop or restart."""
        return self.active in _UP and self.job not in ("stop", "restart")

    @property
    def alive(self) -> bool:
        """Whether the unit runs, or is about to start or restart; not if it is to stop."""
        return self.job in _STARTS or (self.active not in _DOWN and self.job != "stop")

    @property
    def down(self) -> bool:
        """Whether the unit does not run, and is not about to start."""
        return self.active in _DOWN and self.job not in _STARTS


Jobs = tuple[dict[str, str], dict[str, str]]
"""The paths of the jobs that systemd made, by unit; the reasons why it made none, by unit."""


class Manager:
    """The service manager of the system, or the user's own."""

    def __init__(self, *, user: bool = False) -> None:
        """Connect to the manager.

        Raises:
            WctlError: systemd does not run here, or cannot be reached.
        """
        self.user = user
        self._bus = Bus(user=user)

    def close(self) -> None:
        """Close the connection."""
        self._bus.close()

    def version(self) -> str:
        """Return the manager's version, as its distribution writes it."""
        return str(self._own("Version"))

    def pid(self) -> int:
        """Return the manager's process ID."""
        call = new_method_call(BUS, "GetConnectionUnixProcessID", "s", (SYSTEMD,))
        return int(values(self._bus.ask([call])[0])[0])

    def environment(self) -> dict[str, str]:
        """Return the variables that every service gets (systemctl show-environment)."""
        return dict(row.split("=", 1) for row in self._own("Environment"))

    def units(self, patterns: Sequence[str]) -> list[Unit]:
        """Return the loaded units whose names match one of ``patterns`` (globs)."""
        rows = self._call("ListUnitsByPatterns", "asas", ([], list(patterns)))[0]
        return [
            Unit(name=name, load=load, active=active, sub=sub, job=job)
            for name, _description, load, active, sub, _following, _path, _job_id, job, _job in rows
        ]

    def properties(
        self, wanted: Iterable[tuple[str, Iterable[str]]], *, stopped: bool = False
    ) -> Mapping[str, Mapping[str, Any]]:
        """Return the values of the ``wanted`` properties (of Unit or Service), by unit and name.

        Tell if some units may be ``stopped``. For each value of such a unit, systemd would load the
        unit, its target and all that the target wants, and forget them again: 1,000 units, 4 s.
        """
        pairs = [(unit, name) for unit, names in wanted for name in names]
        # A unit that we refer to stays loaded, with its target; systemd may refuse that to us.
        held = {unit.partition("@")[0]: unit for unit, _ in pairs} if stopped else {}
        calls = [_unit_call(unit, "Ref") for unit in held.values()]
        calls += [_get(unit, name) for unit, name in pairs]
        calls += [_unit_call(unit, "Unref") for unit in held.values()]
        answers = self._bus.ask(calls)[len(held) :]
        found: dict[str, dict[str, Any]] = {}
        for (unit, name), answer in zip(pairs, answers):
            found.setdefault(unit, {})[name] = values(answer)[0][1]
        return found

    def start(self, units: Sequence[str]) -> Jobs:
        """Ask systemd to start ``units``."""
        return self._jobs("StartUnit", units)

    def stop(self, units: Sequence[str]) -> Jobs:
        """Ask systemd to stop ``units``."""
        return self._jobs("StopUnit", units)

    def restart(self, units: Sequence[str]) -> Jobs:
        """Ask systemd to restart ``units``."""
        return self._jobs("RestartUnit", units)

    def activate(self, target: str) -> None:
        """Mark a target as active, without starting its members."""
        # An active target passes its own stop and restart on to its members (PartOf=). An ordinary
        # start of the target would also start every member that a user has stopped.
        self._call("StartUnit", "ss", (target, "ignore-dependencies"))

    def deactivate(self, targets: Sequence[str]) -> None:
        """Mark targets as inactive, without stopping their members, and wait until they are."""
        self._bus.watch()
        for first in range(0, len(targets), JOBS_AT_ONCE):
            some = targets[first : first + JOBS_AT_ONCE]
            calls = [_call("StopUnit", "ss", (target, "ignore-dependencies")) for target in some]
            # What is not loaded is not active.
            found = map(_values_if_loaded, self._bus.ask(calls))
            jobs = {answer[0] for answer in found if answer is not None}
            end = time.monotonic() + _DEACTIVATE
            while jobs and (ended := self.wait(jobs, max(0.0, end - time.monotonic()))):
                jobs.remove(ended[0])

    def wait(self, jobs: Collection[str], timeout: float) -> tuple[str, str] | None:
        """Sleep until a job of ``jobs`` has ended; return it and its result; None on timeout."""
        return self._bus.wait(jobs, timeout)

    def enable(self, units: Sequence[str]) -> None:
        """Create the links that [Install] asks for (systemctl enable)."""
        if units:
            self._call("EnableUnitFiles", "asbb", (list(units), False, True))

    def disable(self, units: Sequence[str]) -> None:
        """Remove the links of ``units`` (systemctl disable)."""
        if units:
            self._call("DisableUnitFiles", "asb", (list(units), False))

    def reload(self) -> None:
        """Make systemd read all unit files again (systemctl daemon-reload)."""
        self._call("Reload")

    def begin_reload(self) -> None:
        """Make systemd read all unit files again, and return as soon as it has begun.

        systemd answers no call until it is done, so the next call finds systemd up to date.
        """
        answer = self._bus.ask_to_reload(_call("Reload"))
        if answer is not None:
            values(answer)

    def reset_failed(self, units: Iterable[str]) -> None:
        """Forget that ``units`` have failed; systemd has forgotten those that are not loaded."""
        for answer in self._bus.ask([_call("ResetFailedUnit", "s", (unit,)) for unit in units]):
            _values_if_loaded(answer)

    def set_properties(self, unit: str, properties: Mapping[str, int]) -> None:
        """Set properties that are numbers, until the next boot (systemctl set-property)."""
        values = [(name, ("t", value)) for name, value in properties.items()]
        self._call("SetUnitProperties", "sba(sv)", (unit, True, values))

    def kill(self, unit: str, signal: int, whom: str = "main") -> None:
        """Send ``signal`` to the main process of ``unit``, or to "all" of its processes."""
        self._call("KillUnit", "ssi", (unit, whom, signal))

    def _own(self, name: str) -> Any:
        """Return a property of the manager itself."""
        address = DBusAddress(_MANAGER.object_path, SYSTEMD, "org.freedesktop.DBus.Properties")
        get = new_method_call(address, "Get", "ss", (f"{SYSTEMD}.Manager", name))
        return values(self._bus.ask([get])[0])[0][1]

    def _jobs(self, method: str, units: Sequence[str]) -> Jobs:
        self._bus.watch()
        answers = self._bus.ask([_call(method, "ss", (unit, "replace")) for unit in units])
        jobs: dict[str, str] = {}
        refused: dict[str, str] = {}
        for unit, answer in zip(units, answers):
            try:
                jobs[unit] = values(answer)[0]
            except CallError as error:
                if error.name in NOT_PERMITTED:
                    raise
                refused[unit] = error.message
        return jobs, refused

    def _call(self, method: str, signature: str | None = None, body: tuple[Any, ...] = ()) -> Any:
        return values(self._bus.ask([_call(method, signature, body)])[0])


def _call(method: str, signature: str | None = None, body: tuple[Any, ...] = ()) -> Message:
    return new_method_call(_MANAGER, method, signature, body)


def _values_if_loaded(answer: Message) -> Any:
    """Return the values of an answer about a unit; None if systemd has not loaded the unit.

    Raises:
        CallError: systemd has refused the call for another reason.
    """
    try:
        return values(answer)
    except CallError as error:
        if error.name == NOT_LOADED:
            return None
        raise


def _get(unit: str, name: str) -> Message:
    address = DBusAddress(_path(unit), SYSTEMD, "org.freedesktop.DBus.Properties")
    interface = f"{SYSTEMD}.{'Unit' if name in _OF_UNIT else 'Service'}"
    return new_method_call(address, "Get", "ss", (interface, name))


def _unit_call(unit: str, method: str) -> Message:
    return new_method_call(DBusAddress(_path(unit), SYSTEMD, f"{SYSTEMD}.Unit"), method)


def _path(unit: str) -> str:
    """Return a unit's object path, with _xx for a leading digit and all but letters and digits."""
    escaped = "".join(
        character
        if character.isascii() and character.isalnum() and (index or character.isalpha())
        else f"_{ord(character):02x}"
        for index, character in enumerate(unit)
    )
    return f"/org/freedesktop/systemd1/unit/{escaped}"
