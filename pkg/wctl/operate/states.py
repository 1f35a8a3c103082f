"""Map systemd's states to Supervisor's, by one table.

A unit tells more than Supervisor's eight states: ActiveState= and SubState= are its state, Result=
tells how it ended, and the wrapper's STATUS= whether a start is under way or waits for its turn.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from wctl.install.installed import Instance
from wctl.systemd.manager import Manager, Unit
from wctl.systemd.quantities import known
from wctl.trust.text import printable
from wctl.wrapper.exits import GIVE_UP_SIGNAL


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
    ("activating", "auto-restart"): State.BACKOFF,
    ("activating", "auto-restart-queued"): State.BACKOFF,
    ("activating", "*"): State.STARTING,
    ("deactivating", "*"): State.STOPPING,
    ("maintenance", "*"): State.STOPPED,
    ("inactive", "*"): None,
    ("failed", "*"): None,
}

NOT_STARTED = "Not started"  # the description of an instance whose unit is not loaded, or never ran
_CLD_EXITED = 1  # the code of waitid(2), as in ExecMainCode=

# Exit codes with which systemd says why it failed (systemd.exec(5), "Process Exit Codes").
_SYSTEMD_CODES = {
    200: "its directory cannot be entered",
    203: "its command cannot be executed",
    216: "its group is missing",
    217: "its user is missing",
    218: "its capabilities cannot be set",
    219: "its cgroup cannot be set up",
    226: "its namespace cannot be set up",
    228: "its system call filter cannot be set",
    243: "its credentials cannot be read",
}

_RUNNING = ("MainPID", "ExecMainStartTimestampMonotonic")
_DETAILS = ("CPUUsageNSec", "MemoryCurrent", "MemoryMax", "NRestarts", "TasksCurrent")
_OTHER = (
    "ExecMainStartTimestampMonotonic",  # of a worker that reloads its configuration
    "MainPID",
    "StatusText",
    "Result",
    "NRestarts",
    "ExecMainCode",
    "ExecMainStatus",
    "ExecMainStartTimestamp",
    "ExecMainExitTimestamp",
    "ExecMainExitTimestampMonotonic",
    "ActiveExitTimestampMonotonic",
    "InactiveEnterTimestamp",
    "InactiveExitTimestampMonotonic",
    "StartLimitBurst",
    "StartLimitIntervalUSec",
)


@dataclass(frozen=True)
class Process(Instance):
    """One instance as "wctl status" shows it to the user."""

    state: State
    description: str
    pid: int = 0


@dataclass(frozen=True)
class Details:
    """The columns that "wctl status -l" adds. None: systemd does not know, or sets no limit."""

    memory: int | None  # bytes
    memory_max: int | None  # bytes
    cpu: float | None  # seconds
    tasks: int | None
    restarts: int  # automatic restarts since the last manual start


def processes(manager: Manager, instances: list[Instance]) -> list[Process]:
    """Return the state of each instance, in the order given."""
    loaded = {unit.name: unit for unit in _loaded(manager, instances)}
    wanted = [
        (unit.name, _RUNNING if unit.active == "active" else _OTHER) for unit in loaded.values()
    ]
    properties = manager.properties(wanted)
    now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    return [
        _process(instance, loaded.get(instance.unit), properties.get(instance.unit, {}), now)
        for instance in instances
    ]


def details(manager: Manager, names: Iterable[str]) -> dict[str, Details]:
    """Return the details of each instance by its name (messenger-worker@00)."""
    units = {f"{name}.service": name for name in names}
    found = manager.properties([(unit, _DETAILS) for unit in units])
    return {units[unit]: _details(properties) for unit, properties in found.items()}


def _details(properties: Mapping[str, Any]) -> Details:
    cpu = known(properties["CPUUsageNSec"])
    return Details(
        memory=known(properties["MemoryCurrent"]),
        memory_max=known(properties["MemoryMax"]),
        cpu=None if cpu is None else cpu / 1e9,
        tasks=known(properties["TasksCurrent"]),
        restarts=int(properties["NRestarts"]),
    )


def _loaded(manager: Manager, instances: list[Instance]) -> list[Unit]:
    names = {instance.unit for instance in instances}
    patterns = {f"{instance.program}@*.service" for instance in instances}
    return [unit for unit in manager.units(sorted(patterns)) if unit.name in names] if names else []


def _process(
    instance: Instance, unit: Unit | None, properties: Mapping[str, Any], now: int
) -> Process:
    program, group, name = instance.program, instance.group, instance.unit
    if unit is None:
        return Process(program, group, name, State.STOPPED, NOT_STARTED)
    state = state_of(unit, properties)
    pid = int(properties.get("MainPID", 0))
    text = _description(state, properties, now)
    return Process(program, group, name, state, text, pid)


def state_of(unit: Unit, properties: Mapping[str, Any]) -> State:
    """Return Supervisor's state for a loaded unit."""
    if (unit.active, unit.sub) in _TABLE:
        state = _TABLE[unit.active, unit.sub]
    else:
        state = _TABLE.get((unit.active, "*"), State.UNKNOWN)
    if state is State.STARTING and str(properties.get("StatusText", "")).startswith("BACKOFF"):
        return State.BACKOFF
    return _how_it_ended(unit, properties) if state is None else state


def _how_it_ended(unit: Unit, properties: Mapping[str, Any]) -> State:
    if _gave_up(properties):
        return State.FATAL
    exited = int(properties.get("ExecMainExitTimestampMonotonic", 0))
    left_active = int(properties.get("ActiveExitTimestampMonotonic", 0))
    if unit.active == "failed" and (
        _lacks_resources(properties)
        or (left_active < exited and (_limit_hit(properties) or _never_ran(properties)))
    ):
        return State.FATAL
    # If the worker exited by itself, its unit left "active" when the process exited, or later. If
    # systemd stopped it, the unit left "active" first. Nothing but these two times tells the cases
    # apart. A unit stopped during RestartSec= left "inactive" after it had last left "active".
    by_itself = (
        exited
        and left_active >= exited
        and left_active > int(properties.get("InactiveExitTimestampMonotonic", 0))
    )
    return State.EXITED if by_itself else State.STOPPED


def _gave_up(properties: Mapping[str, Any]) -> bool:
    by_signal = int(properties.get("ExecMainCode", 0)) not in (0, _CLD_EXITED)
    return by_signal and properties.get("ExecMainStatus") == GIVE_UP_SIGNAL


def _limit_hit(properties: Mapping[str, Any]) -> bool:
    """Tell whether systemd has given up, because no start got as far as our wrapper.

    Result= is not start-limit-hit then: systemd keeps the result of the last failed start.
    """
    limited = int(properties.get("StartLimitIntervalUSec", 0)) > 0
    return limited and int(properties["NRestarts"]) >= int(properties["StartLimitBurst"])


def _never_ran(properties: Mapping[str, Any]) -> bool:
    """Tell whether the last start failed in systemd itself, before systemd ran our wrapper."""
    return _lacks_resources(properties) or (
        int(properties.get("ExecMainCode", 0)) == _CLD_EXITED
        and int(properties["ExecMainStatus"]) in _SYSTEMD_CODES
    )


def _lacks_resources(properties: Mapping[str, Any]) -> bool:
    """Tell whether systemd could not create a process: an EnvironmentFile= is gone, for example."""
    return properties.get("Result") == "resources"


def _description(state: State, properties: Mapping[str, Any], now: int) -> str:
    if state is State.RUNNING:
        started = int(properties.get("ExecMainStartTimestampMonotonic", now))
        return f"pid {properties.get('MainPID', 0)}, uptime {uptime((now - started) // 1_000_000)}"
    if state in (State.BACKOFF, State.FATAL):
        return _reason(properties)
    if state in STOPPED_STATES:
        ended = int(properties.get("InactiveEnterTimestamp", 0))
        return _clock(ended) if ended else NOT_STARTED
    return ""


def _reason(properties: Mapping[str, Any]) -> str:
    """Return why a start failed: the wrapper's STATUS=, without the state at its beginning."""
    status = str(properties.get("StatusText", ""))
    if status.startswith(("BACKOFF: ", "FATAL: ")):
        # Every process of the unit may send a status (NotifyAccess=all).
        return "Exited too quickly: " + printable(status.partition(": ")[2])
    if _limit_hit(properties) or _never_ran(properties):
        code = -1 if _lacks_resources(properties) else int(properties["ExecMainStatus"])
        return "systemd cannot run it: " + _SYSTEMD_CODES.get(code, "see 'systemctl status'")
    return "Exited too quickly (process log may have details)"


def uptime(seconds: int) -> str:
    """Return ``seconds`` as Supervisor writes an uptime: H:MM:SS, with days before the hours."""
    days, rest = divmod(max(0, seconds), 86_400)
    clock = f"{rest // 3600}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return f"{days} day{'s' if days > 1 else ''}, {clock}" if days else clock


def _clock(microseconds: int) -> str:
    return time.strftime("%b %d %I:%M %p", time.localtime(microseconds / 1_000_000))
