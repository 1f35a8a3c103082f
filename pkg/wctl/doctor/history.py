"""What the journal says about units: crashes, out-of-memory kills, dropped log lines.

systemd itself remembers only how a unit's last process ended.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from wctl.systemd.exits import GAVE_UP, words

# Message IDs from systemd's catalog, which describes each message (journalctl --catalog).
_PROCESS_EXIT = "98e322203f7a4ed290d09fe03c09fe15"
_FAILURE_RESULT = "d9b373ed55a64feb8242e02dbe79a49c"
_START_FAILED = "be02cf6855d2428ba40df7e9d022f03d"  # follows the two above
_OUT_OF_MEMORY = "fe6faa94e7774663a0da52717891d8ef"
_DROPPED = "a596d6fe7bfa4994828e72309e95d61e"
_KILLED = ("killed", "9")


@dataclass(frozen=True)
class Event:
    """Something that happened to a unit."""

    unit: str
    time: float  # seconds since the epoch
    text: str  # for people to read


@dataclass(frozen=True)
class History:
    """Events of units, oldest first."""

    crashes: tuple[Event, ...]  # unclean exits of RUNNING workers
    kills: tuple[Event, ...]  # crashes by a SIGKILL that systemd did not send
    out_of_memory: tuple[Event, ...]
    dropped: tuple[Event, ...]

    def of(self, unit: str, since: float) -> History:
        """Return the events of ``unit`` after ``since`` (seconds since the epoch)."""

        def part(events: Iterable[Event]) -> tuple[Event, ...]:
            return tuple(event for event in events if event.unit == unit and event.time > since)

        return History(
            part(self.crashes), part(self.kills), part(self.out_of_memory), part(self.dropped)
        )


def read(since: float, *, user: bool) -> History:
    """Return the events in the journal from ``since`` on (seconds since the epoch)."""
    crashes, kills, out_of_memory, dropped = [], [], [], []
    exits: dict[str, dict[str, Any]] = {}
    last_end: dict[str, Event] = {}
    failed_starts: set[Event] = set()
    for entry in _entries(since, user=user):
        kind = entry.get("MESSAGE_ID")
        unit = _unit(entry, user=user)
        time = int(entry["__REALTIME_TIMESTAMP"]) / 1e6
        if kind == _DROPPED:
            dropped.append(Event(unit, time, str(entry.get("MESSAGE"))))
        elif kind == _OUT_OF_MEMORY:
            out_of_memory.append(Event(unit, time, str(entry.get("MESSAGE"))))
        elif kind == _PROCESS_EXIT:
            exits[unit] = entry
        elif kind == _FAILURE_RESULT:
            last_end.pop(unit, None)
            last = exits.pop(unit, {})
            end = str(last.get("EXIT_CODE")), str(last.get("EXIT_STATUS"))
            if not last or end == GAVE_UP:
                continue  # no process exited, or the wrapper gave up: no crash of the worker
            event = Event(unit, time, words(*end))
            crashes.append(event)
            last_end[unit] = event
            if end == _KILLED and entry.get("UNIT_RESULT") in ("signal", "oom-kill"):
                kills.append(event)
        elif kind == _START_FAILED and unit in last_end:
            failed_starts.add(last_end.pop(unit))
    crashes = [crash for crash in crashes if crash not in failed_starts]
    return History(tuple(crashes), tuple(kills), tuple(out_of_memory), tuple(dropped))


def _unit(entry: dict[str, Any], *, user: bool) -> str:
    field = "USER_UNIT" if user else "UNIT"
    own = "OBJECT_SYSTEMD_USER_UNIT" if user else "OBJECT_SYSTEMD_UNIT"
    return str(entry.get(field) or entry.get(own) or "")


def _entries(since: float, *, user: bool) -> Iterator[dict[str, Any]]:
    command = ["journalctl", "--quiet", "--output=json", f"--since=@{since:.6f}"]
    command += ["--user"] if user else []
    kinds = (_PROCESS_EXIT, _FAILURE_RESULT, _START_FAILED, _OUT_OF_MEMORY, _DROPPED)
    command += [f"MESSAGE_ID={kind}" for kind in kinds]
    try:
        shown = subprocess.run(command, capture_output=True, timeout=30, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return
    yield from map(json.loads, shown.splitlines())
