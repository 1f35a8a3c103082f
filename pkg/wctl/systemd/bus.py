"""The connection to the bus of systemd, and whose messages on it count.

Every user of the machine may send a signal to our connection: the bus only says who sent it. So a
signal counts if its sender owns systemd's name at that moment, and an answer if we have asked.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jeepney import DBusAddress, HeaderFields, Message, MessageType, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection

from wctl.errors import NEEDS_ROOT, Exit, WctlError
from wctl.trust import accounts

SYSTEMD = "org.freedesktop.systemd1"
MANAGER = "/org/freedesktop/systemd1"
_TIMEOUT = 120.0  # seconds; a manager that reloads a thousand units answers late
# Calls without an answer yet. The bus allows one connection no more than 128 or so of them
# (max_replies_per_connection, dbus-daemon(1)).
_IN_FLIGHT = 100
_AT_ONCE = 50  # calls that are sent together, which saves the bus a wake-up for each call
_ANSWERS = (MessageType.method_return, MessageType.error)
_BUS = "org.freedesktop.DBus"
BUS = DBusAddress("/org/freedesktop/DBus", _BUS, _BUS)
_SIGNALS = (
    *(f"sender='{SYSTEMD}',interface='{SYSTEMD}.Manager',member='{member}'"
      for member in ("JobRemoved", "Reloading")),
    # systemd has another connection after "systemctl daemon-reexec".
    f"sender='{_BUS}',interface='{_BUS}',member='NameOwnerChanged',arg0='{SYSTEMD}'",
)  # fmt: skip
NOT_LOADED = f"{SYSTEMD}.NoSuchUnit"
NOT_PERMITTED = {
    "org.freedesktop.DBus.Error.AccessDenied",
    "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
}


class Bus:
    """One connection to the bus."""

    def __init__(self, *, user: bool) -> None:
        """Connect to the bus of the system, or of the user who runs wctl.

        Raises:
            WctlError: systemd does not run here, or the bus cannot be reached.
        """
        self._connection = _connect(user=user)
        self._systemd = ""  # the unique name of systemd's connection, while we watch
        self._results: dict[str, str] = {}
        self._reloads = False  # whether systemd has announced a reload

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def ask(self, calls: Sequence[Message]) -> list[Message]:
        """Send all calls without waiting in between; return their answers in the same order.

        Raises:
            WctlError: the connection was lost, or there is no answer for two minutes.
        """
        serials: list[int] = []
        answers: dict[int, Message] = {}
        with _connected():
            for first in range(0, len(calls), _AT_ONCE):
                while len(serials) - len(answers) > _IN_FLIGHT - _AT_ONCE:
                    self._receive(serials, answers)
                serials += self._send(calls[first : first + _AT_ONCE])
            while len(answers) < len(serials):
                self._receive(serials, answers)
        return [answers[serial] for serial in serials]

    def ask_to_reload(self, call: Message) -> Message | None:
        """Send the call, and return as soon as systemd has begun to reload, or with its answer."""
        self.watch()
        self._reloads = False
        answers: dict[int, Message] = {}
        with _connected():
            serials = self._send([call])
            # systemd answers at once only to refuse. A user's systemd sends signals only if a
            # client has subscribed; without signals, wait for the answer at the reload's end.
            while not (answers or self._reloads):
                self._receive(serials, answers)
        return answers.get(serials[0])

    def watch(self) -> None:
        """Receive systemd's signals about ended jobs and reloads from now on."""
        if self._systemd:
            return
        # Not Subscribe: systemd tells the client that asked for a job of its end anyway. Subscribe
        # would make systemd send every change of every unit as well.
        calls = [new_method_call(BUS, "AddMatch", "s", (f"type='signal',{rule}",))
                 for rule in _SIGNALS]  # fmt: skip
        calls.append(new_method_call(BUS, "GetNameOwner", "s", (SYSTEMD,)))
        self._systemd = [values(answer) for answer in self.ask(calls)][-1][0]

    def wait(self, jobs: Collection[str], timeout: float) -> tuple[str, str] | None:
        """Sleep until a job of ``jobs`` has ended; return it and its result; None on timeout."""
        end = time.monotonic() + timeout
        while True:
            job = next((path for path in self._results if path in jobs), None)
            if job is not None:
                return job, self._results.pop(job)
            left = end - time.monotonic()
            if left < 0:  # also where somebody keeps sending what does not count
                return None
            with _connected():
                try:
                    self._take(self._connection.receive(timeout=left))
                except TimeoutError:
                    return None

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
        header = message.header
        to = header.fields.get(HeaderFields.reply_serial)
        if header.message_type in _ANSWERS and to is not None and serials[0] <= to <= serials[-1]:
            answers[to] = message
        else:
            self._take(message)

    def _take(self, message: Message) -> None:
        """Take over what a signal says, if it comes from systemd or from the bus itself."""
        if message.header.message_type is not MessageType.signal:
            return
        fields = message.header.fields
        sender = fields.get(HeaderFields.sender)
        member = fields.get(HeaderFields.member)
        kind = member, fields.get(HeaderFields.signature)
        if sender == _BUS and kind == ("NameOwnerChanged", "sss"):
            name, _before, now = message.body
            if name == SYSTEMD:
                self._systemd = now or self._systemd
        elif sender == self._systemd and fields.get(HeaderFields.path) == MANAGER:
            if kind == ("JobRemoved", "uoss"):
                _id, job, _unit, result = message.body
                self._results[job] = result
            elif kind == ("Reloading", "b") and message.body[0]:
                self._reloads = True


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


class CallError(WctlError):
    """systemd or the bus refused a call. ``name`` is the name of the D-Bus error."""

    def __init__(self, name: str, message: str) -> None:
        permitted = name not in NOT_PERMITTED
        super().__init__(
            message,
            hint="" if permitted else NEEDS_ROOT,
            exit_code=Exit.FAILURE if permitted else Exit.UNKNOWN,
        )
        self.name = name


def values(answer: Message) -> Any:
    """Return the values of an answer.

    Raises:
        CallError: the answer is an error.
    """
    if answer.header.message_type == MessageType.error:
        text = answer.body[0] if answer.body else ""
        raise CallError(answer.header.fields[HeaderFields.error_name], str(text))
    return answer.body
