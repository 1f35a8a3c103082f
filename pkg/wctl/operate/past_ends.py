"""How instances ended that systemd has forgotten: it unloads units that nothing refers to.

Nothing refers to the instances of a program with autostart=false once all of them are down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from wctl.install.installed import Instance, Layout, enabled_since
from wctl.systemd import entries
from wctl.systemd.entries import Entry, UnreadableError

_STOPS = (entries.STOPPING, entries.STOPPED)
_ENDS = (entries.STOPPED, entries.SUCCEEDED, entries.UNIT_FAILED)
_TIMEOUT = 2.0  # seconds; "wctl status" is to answer


@dataclass(frozen=True)
class PastEnd:
    """The last end of an instance."""

    time: float  # seconds since the epoch
    exited: bool  # by itself, with success


def past_ends(instances: Sequence[Instance], *, user: bool) -> dict[str, PastEnd]:
    """Return the last end of each instance since the boot, by unit.

    The journal may not know it, or may not tell us. What was before an instance was enabled is of a
    removed program of the same name.
    """
    ends = _all_ends([instance.unit for instance in instances], user=user)
    layout = Layout.of_user() if user else Layout.of_system()
    since = {instance.unit: enabled_since(layout, instance) for instance in instances}
    return {unit: end for unit, end in ends.items() if end.time >= since.get(unit, end.time)}


def _all_ends(units: Sequence[str], *, user: bool) -> Mapping[str, PastEnd]:
    """Return the last ends that the journal has."""
    kinds = sorted({*_STOPS, *_ENDS})
    find = partial(_last, "USER_" if user else "")
    try:
        return entries.newest(units, kinds, find, user=user, timeout=_TIMEOUT)
    except UnreadableError:
        return {}


def _last(scope: str, found: Iterable[Entry], _whole: bool) -> dict[str, PastEnd]:
    """Return the last ends, from entries of which the newest comes first."""
    ends: dict[str, PastEnd] = {}
    runs: dict[str, str] = {}
    for entry in found:
        unit, run = entry[f"{scope}UNIT"], entry[f"{scope}INVOCATION_ID"]
        kind = entry["MESSAGE_ID"]
        if unit not in ends and kind in _ENDS:
            ends[unit] = PastEnd(entry.time, kind == entries.SUCCEEDED)
            runs[unit] = run
        elif runs.get(unit) == run and kind in _STOPS:
            ends[unit] = PastEnd(ends[unit].time, exited=False)
    return ends
