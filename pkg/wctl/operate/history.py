"""What happened to instances, and why: one event for each start, end, failure and request.

systemd logs up to four entries for one end of a worker, and none at all for some; of those that are
about the same end, we make one event.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from wctl.install.installed import Instance
from wctl.systemd import entries, exits, unit_name
from wctl.systemd.entries import Entry, Span
from wctl.systemd.journal_fields import UNIT_FIELDS
from wctl.trust.text import printable

_EACH = 8  # entries for one event, at most
_BY_RESULT = {  # UNIT_RESULT, after an exit or without one
    "oom-kill": "out of memory",
    "watchdog": "its watchdog timed out",
    "resources": "systemd could not start it",
    "start-limit-hit": "systemd has given up starting it",
}


@dataclass
class Event:
    """One thing that happened to an instance, or to a program."""

    time: float  # seconds since the epoch
    name: str  # of the instance or the program, as people type it
    kind: str  # ready, exit, killed, success, stopping, stopped, failed, note or request
    text: str
    again: bool = False  # systemd has then scheduled the next start


def history(instances: Sequence[Instance], span: Span, *, user: bool) -> list[Event]:
    """Return the events of ``instances`` and their programs, the oldest first.

    ``span.lines`` counts events.

    Raises:
        UnreadableError: the journal cannot be read, or has too many entries.
    """
    units = [instance.unit for instance in instances]
    programs = sorted({instance.program for instance in instances})
    lines = None if span.lines is None else _EACH * span.lines
    found = entries.history(units, programs, Span(span.since, span.until, lines), user=user)
    events = list(_events(found, user=user))
    return events if span.lines is None else events[len(events) - min(span.lines, len(events)) :]


def _events(found: Iterable[Entry], *, user: bool) -> Iterator[Event]:
    lives: dict[str, _Life] = {}
    unit_field, own = ("USER_UNIT" if user else "UNIT"), UNIT_FIELDS[user][-1]
    events: list[Event] = []
    for entry in found:
        if entries.by_manager(entry, user=user):
            unit = entry[unit_field]
            life = lives.setdefault(unit, _Life(unit_name.shown(unit_name.short(unit))))
            event = life.take(entry)
        elif entries.by_wctl(entry, user=user):
            name = entry["WCTL_PROGRAM"]
            event = Event(entry.time, unit_name.shown(name), "request", _said(entry, name))
        else:
            unit = unit_name.short(entry[own])
            event = Event(entry.time, unit_name.shown(unit), "note", _said(entry, unit))
        if event is not None:
            events.append(event)
    yield from sorted(events, key=lambda event: event.time)


def _said(entry: Entry, name: str) -> str:
    return printable(entry.message.removeprefix(f"{name}: ").removeprefix(f"{name}.service: "))


class _Life:
    """Makes events of systemd's entries about one unit."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._begun: float | None = None  # when the start under way began
        self._ready = True  # as far as we know
        self._end: Event | None = None  # of the run; more entries may tell more about it
        self._stop: Event | None = None  # under way

    def take(self, entry: Entry) -> Event | None:
        """Return a new event; None if the entry tells nothing, or more about an earlier event."""
        kind, now = entry["MESSAGE_ID"], entry.time
        if kind == entries.STARTING:
            self._begun, self._ready, self._end, self._stop = now, False, None, None
        elif kind == entries.STARTED:
            return self._started(now)
        elif kind == entries.PROCESS_EXIT:
            return self._exit(entry)
        elif kind == entries.UNIT_FAILED:
            return self._failed(entry)
        elif kind == entries.STOPPING:
            self._stop = Event(now, self._name, "stopping", "stopping")
            return self._stop
        elif kind in (entries.SUCCEEDED, entries.STOPPED):
            return self._over(kind, now)
        elif kind == entries.RESTART_SCHEDULED:
            return self._scheduled(now)
        return None

    def _started(self, now: float) -> Event:
        after = "" if self._begun is None else f" after {now - self._begun:.1f} s"
        # With RestartMode=direct, systemd logs no beginning of the next start.
        self._begun, self._ready, self._end, self._stop = None, True, None, None
        return Event(now, self._name, "ready", f"ready{after}")

    def _exit(self, entry: Entry) -> Event | None:
        code, status = entry["EXIT_CODE"], entry["EXIT_STATUS"]
        if (code, status) == exits.GAVE_UP:
            self._end = Event(entry.time, self._name, "failed", "")  # the wrapper says it better
            return None
        kind = "exit" if code == "exited" else "killed"
        early = "" if self._ready or self._stop else ", before it was ready"
        self._end = Event(entry.time, self._name, kind, exits.words(code, status) + early)
        return self._end

    def _failed(self, entry: Entry) -> Event | None:
        result = entry["UNIT_RESULT"]
        if result == "timeout":
            why = "it did not stop in time" if self._stop else self._late()
        elif result == "protocol" and self._end is None:
            why = exits.EARLY
        else:
            why = _BY_RESULT.get(result, "")
        if self._end is None:
            self._end = Event(entry.time, self._name, "failed", why or f"failed ({result})")
            return self._end
        if why and self._end.text:
            self._end.text += f": {why}"
        return None

    def _late(self) -> str:
        return "max_runtime was over" if self._ready else "it was not ready in time"

    def _over(self, kind: str, now: float) -> Event | None:
        if self._stop is not None:
            if kind == entries.STOPPED:
                seconds = now - self._stop.time
                self._stop.kind, self._stop.time = "stopped", now
                self._stop.text = f"stopped after {seconds:.1f} s"
            return None
        if kind == entries.STOPPED or self._end is not None:
            return None  # of a restart that was scheduled, or an end that we have
        self._end = Event(now, self._name, "success", "ended with success")
        return self._end

    def _scheduled(self, now: float) -> Event | None:
        new = self._end is None
        end = self._end or Event(now, self._name, "success", "ended with success")
        if not end.again and end.text:
            end.again = True
            end.text += "; systemd starts it again"
        self._end, self._begun, self._ready = None, now, False
        return end if new else None
