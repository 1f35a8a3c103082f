"""Shows how operations go: Supervisor's words, a bar on terminals, the causes of failures."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from wctl.cli.output import draw, echo, is_terminal
from wctl.operate.jobs import Begun, Ended, Event, Said, Verb, Waiting
from wctl.session.session import Session
from wctl.systemd import unit_name
from wctl.trust.text import printable

if TYPE_CHECKING:
    from wctl.systemd.exits import LastExits

_DONE = {Verb.START: "started", Verb.STOP: "stopped", Verb.RESTART: "restarted"}
_DOING = {Verb.START: "starting", Verb.STOP: "stopping", Verb.RESTART: "restarting"}
_FAILED = {
    "failed": "abnormal termination",
    "timeout": "timed out",
    "canceled": "canceled by another command",
    "dependency": "a required unit failed",
}
_LAST_LINES = 5
_BAR = 20  # characters


class Progress:
    """Prints events as they come."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._terminal = not session.quiet and is_terminal(err=True)
        self._begun = 0.0
        self._since = 0.0
        self._all = 0
        self._left: set[str] = set()
        self._last_exits: LastExits | None = None

    def show(self, events: Iterable[Event]) -> list[str]:
        """Print all events; return the units that failed."""
        failed = []
        try:
            for event in events:
                self._clear()
                if isinstance(event, Begun):
                    self._begin(event)
                elif isinstance(event, Said):
                    self._line(f"{unit_name.shown(event.name)}: {event.what}")
                elif isinstance(event, Ended):
                    self._left.discard(event.unit)
                    if event.ok:
                        self._end(event)
                    else:
                        self._fail(event)
                        failed.append(event.unit)
                self._draw(event)
        finally:
            self._clear()
        return failed

    def _begin(self, event: Begun) -> None:
        self._begun = time.monotonic()
        self._since = event.since
        self._all = len(event.units)
        self._left = set(event.units)

    def _end(self, event: Ended) -> None:
        line = f"{_name(event.unit)}: {_DONE[event.verb]}"
        if event.killed is None:
            self._line(line)
        else:  # its work is lost, which also -q tells
            echo(f"{line} (killed: it did not end within {event.killed:g} s)")

    def _fail(self, event: Ended) -> None:
        reason = _FAILED.get(event.result, event.result)
        echo(f"{_name(event.unit)}: ERROR ({reason})")
        if event.result != "failed":
            return
        try:
            self._explain(event.unit)
        except Exception as error:
            # Whatever keeps us from telling, the other units still wait for their turn.
            echo(f"    (cannot tell why: {printable(str(error))})", err=True)

    def _explain(self, unit: str) -> None:
        """Show how a worker ended, and what it wrote last.

        Raises:
            WctlError: the journal cannot be read, or systemd cannot be asked.
        """
        from wctl.operate.early_exits import explained  # lazy: failures are rare
        from wctl.operate.last_words import last_words
        from wctl.systemd import exits

        self._last_exits = self._last_exits or exits.LastExits(user=self._session.user)
        how = self._last_exits.of_failed(unit, self._since)
        how = explained(self._session.manager, unit, how, self._since)
        if how not in (None, exits.UNKNOWN):
            echo(f"    {how}; its last lines:", err=True)
        said = last_words(self._session.manager, unit, since=self._since)
        for text in (*(said.worker[-_LAST_LINES:] or ["(none)"]), *said.wrapper[-1:]):
            echo(f"    {printable(text)}", err=True)

    def _line(self, text: str) -> None:
        if not self._session.quiet:
            echo(text)

    def _draw(self, event: Event) -> None:
        """Show the units that we still wait for, in one line that the next event overwrites."""
        if not (self._terminal and self._left and isinstance(event, (Begun, Ended, Waiting))):
            return
        done = self._all - len(self._left)
        filled = _BAR * done // self._all
        bar = "█" * filled + "░" * (_BAR - filled)
        seconds = time.monotonic() - self._begun
        waits = ", ".join(sorted(map(_name, self._left)))
        draw(f"{bar} {done}/{self._all} {seconds:3.0f} s, {_DOING[event.verb]} {waits}")

    def _clear(self) -> None:
        if self._terminal:
            draw("")


def _name(unit: str) -> str:
    return unit_name.shown(unit_name.short(unit))
