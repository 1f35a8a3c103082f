"""The service manager, over D-Bus (org.freedesktop.systemd1(5)).

wctl uses one connection, and sends calls that do not depend on each other before it reads the first
answer: a hundred units take one round trip instead of hundreds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jeepney import DBusAddress, HeaderFields, Message, MessageType, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection

from wctl.errors import NEEDS_ROOT, Exit, WctlError
from wctl.trust import accounts

_BUS = "org.freedesktop.systemd1"
_MANAGER = DBusAddress("/org/freedesktop/systemd1", _BUS, f"{_BUS}.Manager")
_DBUS = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
_SIGNAL = f"type='signal',sender='{_BUS}',interface='{_BUS}.Manager',member="

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
    "SubState",
    "Wants",
}

_NOT_PERMITTED = {
    "org.freedesktop.DBus.Error.AccessDenied",
    "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
}
_TIMEOUT = 120.0  # seconds; a manager that reloads a thousand units answers late
# Calls without an answer yet. The bus allows one connection no more than 128 or so of them
# (max_replies_per_connection, dbus-daemon(1)).
_IN_FLIGHT = 100
_AT_ONCE = 50  # calls that are sent together, which saves the bus a wake-up for each call
# Jobs of ours that systemd may have at a time. systemd adds a match on us for each job, and the bus
# allows one connection no more than 512 (max_match_rules_per_connection, dbus-daemon(1)). With more
# matches systemd loses its connection, and no client hears of a job's end.
JOBS_AT_ONCE = 200


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


class CallError(WctlError):
    """The manager refused a call. ``name`` is the name of the D-Bus error."""

    def __init__(self, name: str, message: str) -> None:
        permitted = name not in _NOT_PERMITTED
        super().__init__(
            message,
            hint="" if permitted else NEEDS_ROOT,
            exit_code=Exit.FAILURE if permitted else Exit.UNKNOWN,
        )
        self.name = name


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
        self._connection = _connect(user=user)
        self._results: dict[str, str] = {}
        self._watching = False
        self._reloading = False  # whether systemd has announced a reload

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def version(self) -> str:
        """Return the manager's version, as its distribution writes it."""
        address = DBusAddress(_MANAGER.object_path, _BUS, "org.freedesktop.DBus.Properties")
        get = new_method_call(address, "Get", "ss", (f"{_BUS}.Manager", "Version"))
        return str(_body(self._all([get])[0])[0][1])

    def units(self, patterns: Sequence[str]) -> list[Unit]:
        """Return the loaded units whose names match one of ``patterns`` (globs)."""
        rows = self._call("ListUnitsByPatterns", "asas", ([], list(patterns)))[0]
        return [
            Unit(name=name, load=load, active=active, sub=sub, job=job)
            for name, _description, load, active, sub, _following, _path, _job_id, job, _job in rows
        ]

    def properties(
        self, wanted: Iterable[tuple[str, Iterable[str]]]
    ) -> Mapping[str, Mapping[str, Any]]:
        """Return the values of the ``wanted`` properties (of Unit or Service), by unit and name."""
        pairs = [(unit, name) for unit, names in wanted for name in names]
        answers = self._all([_get(unit, name) for unit, name in pairs])
        found: dict[str, dict[str, Any]] = {}
        for (unit, name), answer in zip(pairs, answers):
            found.setdefault(unit, {})[name] = _body(answer)[0][1]
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

    def activate(self, target: str, active: bool) -> None:
        """Mark a target as active or inactive, without starting or stopping its members."""
        # An active target passes its own stop and restart on to its members (PartOf=). An ordinary
        # start of the target would also start every member that a user has stopped.
        method = "StartUnit" if active else "StopUnit"
        answer = self._all([_call(method, "ss", (target, "ignore-dependencies"))])[0]
        if active:
            _body(answer)

    def wait(self, jobs: Collection[str], timeout: float) -> tuple[str, str] | None:
        """Sleep until a job of ``jobs`` has ended; return it and its result; None on timeout."""
        end = time.monotonic() + timeout
        while True:
            job = next((path for path in self._results if path in jobs), None)
            if job is not None:
                return job, self._results.pop(job)
            with _connected():
                try:
                    self._take(self._connection.receive(timeout=max(0.0, end - time.monotonic())))
                except TimeoutError:
                    return None

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
        self._watch()
        self._reloading = False
        answers: dict[int, Message] = {}
        with _connected():
            serials = self._send([_call("Reload")])
            # systemd answers at once only to refuse. A user's systemd sends signals only if a
            # client has subscribed; without signals, wait for the answer at the reload's end.
            while not (answers or self._reloading):
                self._receive(serials, answers)
        for answer in answers.values():
            _body(answer)

    def reset_failed(self, units: Iterable[str]) -> None:
        """Forget that ``units`` have failed; ignore refusals: some units may not be loaded."""
        self._all([_call("ResetFailedUnit", "s", (unit,)) for unit in units])

    def kill(self, unit: str, signal: int) -> None:
        """Send ``signal`` to the main process of ``unit``."""
        self._call("KillUnit", "ssi", (unit, "main", signal))

    def _jobs(self, method: str, units: Sequence[str]) -> Jobs:
        self._watch()
        answers = self._all([_call(method, "ss", (unit, "replace")) for unit in units])
        jobs: dict[str, str] = {}
        refused: dict[str, str] = {}
        for unit, answer in zip(units, answers):
            try:
                jobs[unit] = _body(answer)[0]
            except CallError as error:
                if error.name in _NOT_PERMITTED:
                    raise
                refused[unit] = error.message
        return jobs, refused

    def _watch(self) -> None:
        """Receive systemd's signals about ended jobs and reloads from now on."""
        if self._watching:
            return
        self._watching = True
        # Not Subscribe: systemd tells the client that asked for a job of its end anyway. Subscribe
        # would make systemd send every change of every unit as well.
        for answer in self._all(
            [
                new_method_call(_DBUS, "AddMatch", "s", (f"{_SIGNAL}'{member}'",))
                for member in ("JobRemoved", "Reloading")
            ]
        ):
            _body(answer)

    def _call(self, method: str, signature: str | None = None, body: tuple[Any, ...] = ()) -> Any:
        return _body(self._all([_call(method, signature, body)])[0])

    def _all(self, messages: Sequence[Message]) -> list[Message]:
        """Send all messages without waiting in between; return their answers in the same order."""
        serials: list[int] = []
        answers: dict[int, Message] = {}
        with _connected():
            for first in range(0, len(messages), _AT_ONCE):
                while len(serials) - len(answers) > _IN_FLIGHT - _AT_ONCE:
                    self._receive(serials, answers)
                serials += self._send(messages[first : first + _AT_ONCE])
            while len(answers) < len(serials):
                self._receive(serials, answers)
        return [answers[serial] for serial in serials]

    def _send(self, messages: Sequence[Message]) -> list[int]:
        """Send messages together; return their serial numbers."""
        connection = self._connection
        serials = [next(connection.outgoing_serial) for _ in messages]
        connection.sock.sendall(
            b"".join(message.serialise(serial) for message, serial in zip(messages, serials))
        )
        return serials

    def _receive(self, serials: Sequence[int], answers: dict[int, Message]) -> None:
        """Receive one message: an answer to one of ``serials``, or a signal."""
        message = self._connection.receive(timeout=_TIMEOUT)
        to = message.header.fields.get(HeaderFields.reply_serial)
        if to is not None and serials[0] <= to <= serials[-1]:
            answers[to] = message
        else:
            self._take(message)

    def _take(self, message: Message) -> None:
        fields = message.header.fields
        if fields.get(HeaderFields.member) == "JobRemoved":
            _id, job, _unit, result = message.body
            self._results[job] = result
        elif fields.get(HeaderFields.member) == "Reloading" and message.body[0]:
            self._reloading = True


@contextmanager
def _connected() -> Iterator[None]:
    """Raise errors of the connection as WctlError, in our own words."""
    try:
        yield
    except TimeoutError:
        raise WctlError(f"systemd did not answer within {_TIMEOUT:.0f} s") from None
    except OSError as error:
        raise WctlError(f"the connection to systemd was lost: {error}") from None


def _connect(*, user: bool) -> DBusConnection:
    if not user and not Path("/run/systemd/system").is_dir():
        raise WctlError(
            "systemd does not run this machine (PID 1 is not systemd)",
            hint="'wctl check', 'wctl render' and 'wctl run' work without it",
            exit_code=Exit.UNKNOWN,
        )
    try:
        return open_dbus_connection(_user_bus() if user else "SYSTEM")
    except (BrokenPipeError, ConnectionResetError):
        # dbus-daemon(1) closes the connection of a user that it does not find.
        raise _unreachable(f"it refuses user {accounts.name(os.getuid())}", user=user) from None
    except (OSError, ValueError) as error:
        raise _unreachable(str(error), user=user) from None


def _user_bus() -> str:
    """Return the address of the user's bus (sd_bus_default_user(3)).

    Raises:
        WctlError: the user has no bus.
    """
    if "DBUS_SESSION_BUS_ADDRESS" in os.environ:
        return "SESSION"
    bus = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}", "bus")
    if not bus.exists():
        why = f"DBUS_SESSION_BUS_ADDRESS is not set, and {bus} does not exist"
        raise _unreachable(why, user=True)
    return f"unix:path={bus}"


def _unreachable(why: str, *, user: bool) -> WctlError:
    return WctlError(
        f"cannot reach the {'user' if user else 'system'} bus: {why}",
        hint="'loginctl enable-linger' keeps a user's manager running"
        if user
        else "is the package dbus installed and running?",
        exit_code=Exit.UNKNOWN,
    )


def _call(method: str, signature: str | None = None, body: tuple[Any, ...] = ()) -> Message:
    return new_method_call(_MANAGER, method, signature, body)


def _get(unit: str, name: str) -> Message:
    address = DBusAddress(_path(unit), _BUS, "org.freedesktop.DBus.Properties")
    interface = f"{_BUS}.{'Unit' if name in _OF_UNIT else 'Service'}"
    return new_method_call(address, "Get", "ss", (interface, name))


def _path(unit: str) -> str:
    """Return a unit's object path, with _xx for a leading digit and all but letters and digits."""
    escaped = "".join(
        character
        if character.isascii() and character.isalnum() and (index or character.isalpha())
        else f"_{ord(character):02x}"
        for index, character in enumerate(unit)
    )
    return f"/org/freedesktop/systemd1/unit/{escaped}"


def _body(message: Message) -> Any:
    """Return the values of an answer.

    Raises:
        CallError: the answer is an error.
    """
    if message.header.message_type == MessageType.error:
        text = message.body[0] if message.body else ""
        raise CallError(message.header.fields[HeaderFields.error_name], str(text))
    return message.body
