"""What the journal says about units: crashes, out-of-memory kills, dropped log lines.

systemd itself remembers only how a unit's last process ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from wctl.systemd import entries
from wctl.systemd.entries import Entry, UnreadableError
from wctl.systemd.exits import GAVE_UP, STARTS, Starts, words

_KINDS = (
    entries.PROCESS_EXIT,
    entries.UNIT_FAILED,
    entries.OUT_OF_MEMORY,
    entries.DROPPED,
    entries.STARTED,
    *STARTS,
)
_KILLED = ("killed", "9")
_MOST = 50_000  # entries, of up to a kilobyte: those of some 10,000 crashes


@dataclass(frozen=True)
class Event:
    """Something that happened to a unit."""

    unit: str
    time: float  # seconds since the epoch
    text: str  # for people to read


@dataclass(frozen=True)
class History:
    """Events of units, oldest first."""

    crashes: tuple[Event, ...] = ()  # unclean exits of RUNNING workers
    kills: tuple[Event, ...] = ()  # crashes by a SIGKILL that systemd did not send
    out_of_memory: tuple[Event, ...] = ()
    dropped: tuple[Event, ...] = ()
    by_hand: Mapping[str, float] = field(default_factory=dict)  # when units were last started so
    unreadable: str = ""  # why there are no events, if the journal cannot be read

    def of(self, unit: str, since: float) -> History:
        """Return the events of ``unit`` after ``since`` (seconds since the epoch).

        Events before its last start by hand do not count.
        """
        since = max(since, self.by_hand.get(unit, 0.0))

        def part(events: Iterable[Event]) -> tuple[Event, ...]:
            return tuple(event for event in events if event.unit == unit and event.time > since)

        return History(
            part(self.crashes), part(self.kills), part(self.out_of_memory), part(self.dropped)
        )


def read(since: float, *, user: bool) -> History:
    """Return the events in the journal from ``since`` on (seconds since the epoch)."""
    try:
        found = entries.read(_KINDS, _MOST, user=user, since=since)
    except UnreadableError as error:
        return History(unreadable=str(error))
    crashes, kills, out_of_memory, dropped = [], [], [], []
    exits: dict[str, Entry] = {}
    starts = Starts()
    last_end: dict[str, Event] = {}
    starting: set[str] = set()
    failed_starts: set[Event] = set()
    for entry in found:
        kind, unit = entry["MESSAGE_ID"], _unit(entry, user=user)
        starts.take(unit, entry)
        if kind == entries.STARTING:
            starting.add(unit)
        elif kind == entries.STARTED:
            starting.discard(unit)
        elif kind == entries.DROPPED:
            dropped.append(Event(unit, entry.time, entry["MESSAGE"]))
        elif kind == entries.OUT_OF_MEMORY:
            out_of_memory.append(Event(unit, entry.time, entry["MESSAGE"]))
        elif kind == entries.PROCESS_EXIT:
            exits[unit] = entry
        elif kind == entries.UNIT_FAILED:
            last_end.pop(unit, None)
            last = exits.pop(unit, None)
            end = ("", "") if last is None else (last["EXIT_CODE"], last["EXIT_STATUS"])
            if last is None or end == GAVE_UP:
                continue  # no process exited, or the wrapper gave up: no crash of the worker
            event = Event(unit, entry.time, words(*end))
            crashes.append(event)
            last_end[unit] = event
            if unit in starting:  # with RestartMode=direct, no START_FAILED follows
                failed_starts.add(event)
            if end == _KILLED and entry["UNIT_RESULT"] in ("signal", "oom-kill"):
                kills.append(event)
        elif kind == entries.START_FAILED and unit in last_end:
            failed_starts.add(last_end.pop(unit))
    crashes = [crash for crash in crashes if crash not in failed_starts]
    return History(
        tuple(crashes), tuple(kills), tuple(out_of_memory), tuple(dropped), starts.by_hand
    )


def _unit(entry: Entry, *, user: bool) -> str:
    field = "USER_UNIT" if user else "UNIT"
    own = "OBJECT_SYSTEMD_USER_UNIT" if user else "OBJECT_SYSTEMD_UNIT"
    return entry[field] or entry[own]
