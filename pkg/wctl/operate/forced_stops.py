"""Stops that were not graceful: systemd had to kill a worker that did not end in time."""

from __future__ import annotations

from wctl.systemd.bus import CallError
from wctl.systemd.manager import Manager
from wctl.systemd.quantities import known

_TIMEOUT = "timeout"  # Result= of a service that did not end within TimeoutStopSec=


def of_stop(manager: Manager, unit: str, lasted: float) -> float | None:
    """Return after how many seconds systemd has killed ``unit``, which it was to stop; or None.

    The stop has ``lasted`` some seconds. A worker that exceeded its max_runtime, or was not ready
    in time, has the same Result=, also if it then ends at once.
    """
    if _property(manager, unit, "Result") != _TIMEOUT:
        return None
    limit = _limit(manager, unit)
    return limit if limit is not None and max(lasted, _took(manager, unit)) >= limit else None


def of_restart(manager: Manager, unit: str, since: float, lasted: float) -> float | None:
    """Return of_stop() for a unit that runs again, and whose Result= is that of the new run.

    The restart has ``lasted`` some seconds, and began ``since`` (seconds since the epoch).
    """
    limit = _limit(manager, unit)
    if limit is None or lasted < limit:
        return None
    from wctl.systemd import entries  # lazy: forced stops are rare, and it starts processes

    try:
        found = list(
            entries.read((entries.UNIT_FAILED,), 1, user=manager.user, since=since, unit=unit)
        )
    except entries.UnreadableError:
        return None
    return limit if any(entry["UNIT_RESULT"] == _TIMEOUT for entry in found) else None


def _took(manager: Manager, unit: str) -> float:
    """Return how many seconds the last run took to end; systemd may have begun before the job."""
    names = (
        "ExecMainStartTimestampMonotonic",
        "ActiveExitTimestampMonotonic",
        "ExecMainExitTimestampMonotonic",
    )
    try:
        found = manager.properties([(unit, names)])[unit]
    except CallError:  # it has been removed meanwhile
        return 0.0
    began, left, ended = (found[name] for name in names)
    return (ended - left) / 1e6 if began < left else 0.0


def _limit(manager: Manager, unit: str) -> float | None:
    """Return TimeoutStopSec= of ``unit`` in seconds; None if it has no limit."""
    value = _property(manager, unit, "TimeoutStopUSec")
    limit = None if value is None else known(value)
    return None if limit is None else limit / 1e6


def _property(manager: Manager, unit: str, name: str) -> object:
    try:
        return manager.properties([(unit, (name,))])[unit][name]
    except CallError:  # it has been removed meanwhile
        return None
