"""Map systemd's states to Supervisor's, by one table.

A unit tells more than Supervisor's eight states: ActiveState= and SubState= are its state, Result=
tells how it ended, and the wrapper's STATUS= whether a start is under way or waits for its turn.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from wctl.install.installed import Installed, Instance
from wctl.operate import ends
from wctl.systemd import unit_name
from wctl.systemd.manager import Manager, Unit
from wctl.trust.text import printable
from wctl.wrapper.starts import Counter


class State(str, Enum):
    """Supervisor's process states."""

    STOPPED = "STOPPED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    BACKOFF = "BACKOFF"
    STOPPING = "STOPPING"
    EXITED = "EXITED"
    FATAL = "FATAL"
    UNKNOWN = "UNKNOWN"

    def __str__(self) -> str:
        return self.value


# Supervisor's own two groups (supervisor.states); STOPPING is in neither group.
RUNNING_STATES = frozenset({State.STARTING, State.RUNNING, State.BACKOFF})
STOPPED_STATES = frozenset({State.STOPPED, State.EXITED, State.FATAL, State.UNKNOWN})

# (ActiveState, SubState) of a service; "*" is any other sub-state. None: see _how_it_ended().
_TABLE: Mapping[tuple[str, str], State | None] = {
    ("active", "exited"): State.EXITED,
    ("active", "*"): State.RUNNING,
    ("reloading", "*"): State.RUNNING,
    ("refreshing", "*"): State.RUNNING,
    ("activating", "*"): State.STARTING,
    ("deactivating", "*"): State.STOPPING,
    ("maintenance", "*"): State.STOPPED,
    ("inactive", "*"): None,
    ("failed", "*"): None,
}

# Sub-states of a unit whose process has ended, and which systemd starts again after RestartSec=.
_RESTARTING = frozenset(
    {
        "auto-restart",
        "auto-restart-queued",
        "dead-before-auto-restart",
        "failed-before-auto-restart",
    }
)
_WITH_PID = frozenset({State.STARTING, State.RUNNING, State.STOPPING})

NOT_STARTED = "Not started"  # the description of an instance whose unit is not loaded, or never ran
_RUNNING = ("MainPID", "ExecMainStartTimestampMonotonic")
_REMAINING = ("ExecMainExitTimestamp",)  # of a unit that stays active after its worker's exit
# SubState comes last: if it is still what ListUnits said, the others belong to that state.
_OTHER = ("MainPID", "StatusText", "InactiveEnterTimestamp", *ends.PROPERTIES, "SubState")
_LOOKS = 5  # at a unit that changes while we look


@dataclass(frozen=True)
class Process(Instance):
    """One instance as "wctl status" shows it to the user."""

    state: State
    description: str
    pid: int = 0
    since: float | None = None  # seconds since the epoch; None: unknown, or a state that passes


def processes(manager: Manager, instances: list[Instance], *, past: bool = True) -> list[Process]:
    """Return the state of each instance, in the order given.

    Without ``past``, an instance that systemd has forgotten is STOPPED, and was never started.
    """
    found: dict[str, Process] = {}
    left = instances
    for _ in range(_LOOKS):
        seen, left = _look(manager, left)
        found.update(seen)
        if not left:
            break
    forgotten = [process for process in found.values() if past and _unknown(process)]
    found.update(_remembered(forgotten, manager))
    return [found[instance.unit] for instance in instances]


def scaled_to_0(program: Installed) -> Process:
    """Return what is shown of a program without an instance, under its own name."""
    name = program.name
    return Process(name, program.group, name, State.STOPPED, "scaled to 0")


def _look(manager: Manager, instances: list[Instance]) -> tuple[dict[str, Process], list[Instance]]:
    """Return the processes of ``instances``, and those whose units changed while we looked."""
    loaded = {unit.name: unit for unit in _loaded(manager, instances)}
    properties = manager.properties([(unit.name, _wanted(unit)) for unit in loaded.values()])
    lacking = [unit for unit, found in properties.items() if ends.lacks_resources(found)]
    if lacking:
        more = manager.properties([(unit, ends.FOR_CAUSE) for unit in lacking])
        properties = {**properties, **{unit: {**properties[unit], **more[unit]} for unit in more}}
    now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    seen, moved = {}, []
    for instance in instances:
        name = instance.unit
        unit = loaded.get(name) or Unit(name, load="not-found", active="inactive", sub="dead")
        its = properties.get(name, {})
        seen[name] = _process(instance, unit, its, now, user=manager.user)
        ended = seen[name].state is State.RUNNING and not seen[name].pid
        if ended or its.get("SubState", unit.sub) != unit.sub:
            moved.append(instance)
    return seen, moved


def _wanted(unit: Unit) -> tuple[str, ...]:
    if unit.active != "active":
        return _OTHER
    return _REMAINING if unit.sub == "exited" else _RUNNING


def _loaded(manager: Manager, instances: list[Instance]) -> list[Unit]:
    names = {instance.unit for instance in instances}
    patterns = {f"{instance.program}@*.service" for instance in instances}
    return [unit for unit in manager.units(sorted(patterns)) if unit.name in names] if names else []


def _unknown(process: Process) -> bool:
    """Tell whether systemd knows of no end: it never ran, or its unit was unloaded since."""
    return process.state is State.STOPPED and process.description == NOT_STARTED


def _remembered(processes: list[Process], manager: Manager) -> dict[str, Process]:
    """Return processes with the ends that the journal knows."""
    if not processes:
        return {}
    from wctl.operate.past_ends import past_ends  # lazy: rarely needed, and it imports much

    past = past_ends(processes, user=manager.user)
    return {
        process.unit: replace(
            process,
            state=State.EXITED if end.exited else State.STOPPED,
            description=_clock(end.time),
            since=end.time,
        )
        for process in processes
        if (end := past.get(process.unit)) is not None
    }


def _process(
    instance: Instance, unit: Unit, properties: Mapping[str, Any], now: int, *, user: bool
) -> Process:
    state = state_of(unit, properties)
    # In BACKOFF, the main process is our wrapper, which waits.
    pid = int(properties.get("MainPID", 0)) if state in _WITH_PID else 0
    text, since = "", None
    if state is State.RUNNING:
        begun = int(properties.get("ExecMainStartTimestampMonotonic", now))
        text = f"pid {pid}, uptime {uptime((now - begun) // 1_000_000)}"
        since = time.time() - (now - begun) / 1e6
    elif state in STOPPED_STATES:
        since = _end(unit, properties)
        text = NOT_STARTED if since is None else _clock(since)
    if state in (State.BACKOFF, State.FATAL):
        text = _reason(state, unit.name, properties, user=user)
    return Process(instance.program, instance.group, instance.unit, state, text, pid, since)


def _end(unit: Unit, properties: Mapping[str, Any]) -> float | None:
    """Return when a unit ended (seconds since the epoch); None if it never ran."""
    name = _REMAINING[0] if unit.active == "active" else "InactiveEnterTimestamp"
    ended = int(properties.get(name, 0))
    return ended / 1e6 if ended else None


def state_of(unit: Unit, properties: Mapping[str, Any]) -> State:
    """Return Supervisor's state for a loaded unit."""
    if unit.sub in _RESTARTING or _restarts(unit, properties):
        # Supervisor starts a worker again that was RUNNING, and waits after a failed start.
        return State.STARTING if ends.was_ready(properties) else State.BACKOFF
    if (unit.active, unit.sub) in _TABLE:
        state = _TABLE[unit.active, unit.sub]
    else:
        state = _TABLE.get((unit.active, "*"), State.UNKNOWN)
    if state is State.STARTING and str(properties.get("StatusText", "")).startswith("BACKOFF"):
        return State.BACKOFF
    if state is not None:
        return state
    # A start may wait for the jobs of other units (After=), and a stop would cancel it.
    return _how_it_ended(unit, properties) if unit.down else State.STARTING


def _restarts(unit: Unit, properties: Mapping[str, Any]) -> bool:
    """Tell whether a unit only has leftovers of its last run to kill before its next start."""
    return (
        unit.active == "deactivating"
        and unit.job not in ("stop", "restart")
        and int(properties.get("MainPID", 0)) == 0
        and ends.restart_due(properties)
    )


def _how_it_ended(unit: Unit, properties: Mapping[str, Any]) -> State:
    if ends.given_up(properties, failed=unit.active == "failed"):
        return State.FATAL
    return State.EXITED if ends.exited(properties) else State.STOPPED


def _reason(state: State, unit: str, properties: Mapping[str, Any], *, user: bool) -> str:
    """Return why a start failed: the wrapper's STATUS=, without the state at its beginning."""
    status = str(properties.get("StatusText", ""))
    if status.startswith(("BACKOFF: ", "FATAL: ")):
        # Every process of the unit may send a status (NotifyAccess=all).
        return "Exited too quickly: " + printable(status.partition(": ")[2])
    in_systemd = ends.never_ran(properties) or (state is State.FATAL and ends.limit_hit(properties))
    if in_systemd and not failed_starts(unit, user=user):
        return "systemd cannot run it: " + ends.cause(unit, properties, user=user)
    return "Exited too quickly (process log may have details)"


def failed_starts(unit: str, *, user: bool) -> int:
    """Return how many starts in a row the wrapper has counted that have not been READY, so far.

    A start that fails in systemd, before the wrapper runs, does not count.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR", "") if user else "/run"
    return Counter(f"{runtime}/wctl/{unit_name.directory(unit)}").failed()


def uptime(seconds: int) -> str:
    """Return ``seconds`` as Supervisor writes an uptime: H:MM:SS, with days before the hours."""
    days, rest = divmod(max(0, seconds), 86_400)
    clock = f"{rest // 3600}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return f"{days} day{'s' if days > 1 else ''}, {clock}" if days else clock


def _clock(seconds: float) -> str:
    return time.strftime("%b %d %I:%M %p", time.localtime(seconds))
