"""How an instance's last processes ended, from systemd's own entries in the journal.

systemd keeps only the exit of the last process. While a worker is in BACKOFF or FATAL, the wrapper
is the last process. The journal has all exits (systemd.journal-fields(7)).
"""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wctl.systemd import entries
from wctl.systemd.entries import Entry, UnreadableError
from wctl.systemd.quantities import size_in_words
from wctl.trust import commands
from wctl.wrapper.exits import GIVE_UP_SIGNAL

GAVE_UP = ("killed", str(int(GIVE_UP_SIGNAL)))  # EXIT_CODE, EXIT_STATUS of a wrapper
STARTS = (entries.STARTING, entries.START_FAILED, entries.RESTART_SCHEDULED)
ENDS = (
    entries.PROCESS_EXIT, entries.UNIT_FAILED, entries.SUCCEEDED, entries.RESTART_SCHEDULED,
    entries.STOPPING,
)  # fmt: skip
UNKNOWN = "unknown"  # instead of an exit, if the journal cannot be read
EARLY = "exit status 0, before it was ready"
CLEAN = "a clean exit"  # of an instance that systemd has forgotten, which it does after no other
STOPPED = "stopped"
_CODES = {1: "exited", 2: "killed", 3: "dumped"}  # CLD_EXITED, CLD_KILLED, CLD_DUMPED of waitid(2)
_NOT_READY = "protocol"  # UNIT_RESULT: the worker ended with success, but before READY
# What systemd and the wrapper say: of a process that is left when the first one ends, of a wait.
_KILLED = re.compile(r": Killing process [0-9]+ \((.*)\) with signal ")
_WAITED = re.compile(r", next try in ([0-9]{1,6}) s$")
_LEFT = re.compile(r": the worker ended and left (.*) behind, which gets the stop signal$")
_MANY = 300  # entries: up to three for each automatic restart
_LOOK_BACK = 6  # entries: systemd logs up to two for each exit
_BEHIND, _MOMENT = 2.0, 0.05  # seconds
_LOOK_BACK_RUNS = 12  # entries: up to three for each run


class LastExits:
    """The last exits of many workers; a journal that fails once is not asked again."""

    def __init__(self, *, user: bool) -> None:
        self._user = user
        self._failed = False

    def of_failed(self, unit: str, since: float) -> str | None:
        """Return of() for a start that has just failed: journald may not have read of it yet."""
        end = time.monotonic() + _BEHIND
        while True:
            how = self.of(unit, since)
            if how is not None or time.monotonic() >= end:
                return how
            time.sleep(_MOMENT)

    def of(self, unit: str, since: float) -> str | None:
        """Return the worker's last_exit(), or UNKNOWN."""
        try:
            return UNKNOWN if self._failed else last_exit(unit, user=self._user, since=since)
        except UnreadableError:
            self._failed = True
            return UNKNOWN


def last_exit(unit: str, *, user: bool, since: float = 0.0) -> str | None:
    """Return how the worker last ended: "exit status 3", "killed by SIGSEGV"; None if it did not.

    An end before ``since`` (seconds since the epoch) does not count. If the kernel killed the
    worker for want of memory, ", out of memory (limit 256M)" follows, with the limit as it is now.
    With cgroup version 1 the cause stays unknown: systemd does not look there, and the kernel's
    count is gone with the cgroup when the worker is started again.

    Raises:
        UnreadableError: nobody can tell.
    """
    kinds = (entries.PROCESS_EXIT, entries.UNIT_FAILED)
    found = list(entries.read(kinds, _LOOK_BACK, user=user, since=since, unit=unit))
    last = newest(reversed(found))
    if last is None:
        return None
    return last.words + (_limit(unit, user=user) if last.out_of_memory else "")


@dataclass(frozen=True)
class LastExit:
    """How a worker last ended."""

    words: str
    time: float | None = None  # seconds since the epoch
    code: int | None = None  # its exit status
    signal: str | None = None  # that killed it
    out_of_memory: bool = False


def newest(found: Iterable[Entry], *, whole: bool = True) -> LastExit | None:
    """Return the last end of a worker in entries about one unit, the newest first; None: unknown.

    The entries are of ENDS, or without those that tell of ends with success, and of stops. If they
    are not ``whole``, older ones may tell that the oldest was an end of another kind.
    """
    why, clean = "", None
    failed = None
    for entry in found:
        kind = entry["MESSAGE_ID"]
        if kind == entries.PROCESS_EXIT:
            code, status = entry["EXIT_CODE"], entry["EXIT_STATUS"]
            if (code, status) != GAVE_UP:
                return _last(code, status, time=entry.time, out_of_memory=why == "oom-kill")
            why, clean = "", None
        elif why == _NOT_READY:
            break
        elif kind == entries.UNIT_FAILED:
            why, clean, failed = entry["UNIT_RESULT"], None, entry
        elif clean is not None:
            return LastExit(STOPPED if kind == entries.STOPPING else CLEAN, clean.time)
        elif kind != entries.STOPPING:
            why, clean = "", entry
    # systemd logs no exit with status 0; before READY, the unit has failed all the same.
    if why == _NOT_READY and failed is not None:
        return LastExit(EARLY, failed.time, 0)
    return LastExit(CLEAN, clean.time) if clean is not None and whole else None


def _last(
    code: str, status: str, *, time: float | None = None, out_of_memory: bool = False
) -> LastExit:
    """Return an exit, from systemd's EXIT_CODE and EXIT_STATUS."""
    how = words(code, status)
    return LastExit(
        how + (", out of memory" if out_of_memory else ""),
        time,
        int(status) if code == "exited" and status.isdecimal() else None,
        None if code == "exited" else how.removeprefix("killed by ").partition(",")[0],
        out_of_memory,
    )


@dataclass(frozen=True)
class Run:
    """One run of a unit: from one start by systemd up to the next.

    A worker's own lines are told by these times alone. systemd tells journald the ID of the unit's
    first run only, if RestartMode=direct starts the next one (_SYSTEMD_INVOCATION_ID).
    """

    invocation: str  # the ID that systemd gave it (systemd.exec(5), $INVOCATION_ID)
    since: float  # seconds since the epoch
    until: float | None  # the beginning of the next run


def last_run(unit: str, *, user: bool, since: float, failed: bool) -> Run | None:
    """Return the last run of ``unit``, or with ``failed`` the last run in which the worker failed.

    A run in which the wrapper does nothing but give up does not count, unless there is no other.
    The result is None if the journal has no such run since ``since`` (seconds since the epoch).

    Raises:
        UnreadableError: nobody can tell.
    """
    kinds = (entries.STARTING, entries.PROCESS_EXIT, entries.UNIT_FAILED)
    begun: dict[str, float] = {}
    runs: list[str] = []
    gave_up: set[str] = set()
    for entry in entries.read(kinds, _LOOK_BACK_RUNS, user=user, since=since, unit=unit):
        run = entry["USER_INVOCATION_ID" if user else "INVOCATION_ID"]
        if entry["MESSAGE_ID"] == entries.STARTING:
            begun[run] = entry.time
        if (entry["EXIT_CODE"], entry["EXIT_STATUS"]) == GAVE_UP:
            gave_up.add(run)
        if not failed or entry["MESSAGE_ID"] == entries.UNIT_FAILED:
            runs.append(run)
    if not runs:
        return None
    last = next((run for run in reversed(runs) if run not in gave_up), runs[-1])
    first = begun.get(last, since)
    return Run(last, first, min((time for time in begun.values() if time > first), default=None))


@dataclass(frozen=True)
class EarlyRun:
    """A run that ended with success before the worker was ready."""

    seconds: float | None  # that the worker lived; None if unknown
    left: str = ""  # the name of a process that it left behind


def early_run(unit: str, *, user: bool, since: float = 0.0) -> EarlyRun:
    """Return what is known about the run whose end last_exit() calls EARLY.

    Raises:
        UnreadableError: nobody can tell.
    """
    found = entries.read((entries.UNIT_FAILED,), _LOOK_BACK, user=user, since=since, unit=unit)
    early = [entry for entry in found if entry["UNIT_RESULT"] == _NOT_READY]
    invocation = early[-1]["USER_INVOCATION_ID" if user else "INVOCATION_ID"] if early else ""
    if not invocation:
        return EarlyRun(None)
    begun: float | None = None
    left: list[str] = []
    for entry in entries.of_run(unit, invocation, until=early[-1].time, user=user):
        wrapper = entry["SYSLOG_IDENTIFIER"] == "wctl"
        killed = (_LEFT if wrapper else _KILLED).search(entry["MESSAGE"])
        waited = _WAITED.search(entry["MESSAGE"])
        if entry["MESSAGE_ID"] == entries.STARTING and not wrapper:
            begun, left = entry.time, []  # what the wrapper wrote before is of an earlier run
        elif wrapper and waited:
            begun = entry.time + int(waited[1])
        elif killed:
            left.append(killed[1])
    # The wrapper's own process may have been there still: it waits for the worker's end.
    own = next((name for name in left if name.startswith("python")), None)
    if own is not None:
        left.remove(own)
    seconds = None if begun is None else max(0.0, early[-1].time - begun)
    return EarlyRun(seconds, left[0] if left else "")


class Starts:
    """The last start of each unit by hand, or at boot, from the entries of STARTS in their order.

    Before each automatic restart, systemd logs that it has scheduled the restart. Its own count
    (NRestarts) tells less: it has no time, and some versions keep it over "systemctl restart".
    """

    def __init__(self) -> None:
        self.by_hand: dict[str, float] = {}  # seconds since the epoch
        self._scheduled: set[str] = set()

    def take(self, unit: str, entry: Entry) -> None:
        """Take the next entry about a unit into account; one of another kind changes nothing."""
        if entry["MESSAGE_ID"] == entries.RESTART_SCHEDULED:
            self._scheduled.add(unit)
        elif entry["MESSAGE_ID"] == entries.START_FAILED:
            self._scheduled.discard(unit)  # StartLimitBurst= has stopped what was scheduled
        elif entry["MESSAGE_ID"] == entries.STARTING:
            if unit not in self._scheduled:
                self.by_hand[unit] = entry.time
            self._scheduled.discard(unit)


def first_start(unit: str, *, user: bool) -> float:
    """Return when a unit was last started by hand, or at boot: its first start of this life.

    The result is in seconds since the epoch: of many restarts, the last hundred count; 0 if the
    journal does not know.

    Raises:
        UnreadableError: nobody can tell.
    """
    starts, oldest = Starts(), 0.0
    for entry in entries.read(STARTS, _MANY, user=user, unit=unit):
        starts.take(unit, entry)
        oldest = oldest or entry.time
    return starts.by_hand.get(unit, oldest)


def _limit(unit: str, *, user: bool) -> str:
    """Return the memory limit of ``unit`` in words; "" if the unit has none or it is unknown."""
    scope = "--user" if user else "--system"
    shown = commands.output(
        ["systemctl", scope, "show", "--property=MemoryMax", "--value", "--", unit]
    )
    size = (shown or "").strip()
    return f" (limit {size_in_words(int(size))})" if size.isdecimal() else ""


def main_exit(properties: Mapping[str, Any]) -> LastExit:
    """Return how the worker of an instance that is EXITED ended, from ExecMainCode= and Status=.

    The journal does not know: systemd logs no clean exit, such as one with an expected code.
    """
    code = _CODES.get(int(properties["ExecMainCode"]))
    if code is None:
        return LastExit(CLEAN)
    return _last(code, str(properties["ExecMainStatus"]))


def words(code: str, status: str) -> str:
    """Return in words how a process ended, from systemd's EXIT_CODE and EXIT_STATUS."""
    if code == "exited":
        return f"exit status {status}"
    try:
        name = signal.Signals(int(status)).name
    except ValueError:
        name = f"signal {status}"
    return f"killed by {name}" + (", core dumped" if code == "dumped" else "")
