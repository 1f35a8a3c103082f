"""How instances ended that systemd has forgotten: it unloads units that nothing refers to.

Nothing refers to the instances of a program with autostart=false once all of them are down.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wctl.install.installed import Instance, Layout, enabled_since
from wctl.systemd import entries
from wctl.systemd.entries import Entry, UnreadableError

_STOPS = (entries.STOPPING, entries.STOPPED)
_ENDS = (entries.STOPPED, entries.SUCCEEDED, entries.UNIT_FAILED)
_EACH = 20  # entries for each unit; systemd logs two or three for each end
_MOST = 5_000  # entries
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


def _all_ends(units: Sequence[str], *, user: bool) -> dict[str, PastEnd]:
    """Return the last ends that the journal has, with one call, or a few.

    Units that have ended very often fill an answer, so we ask again for the units that it lacks.
    """
    kinds = sorted({*_STOPS, *_ENDS})
    ends: dict[str, PastEnd] = {}
    deadline = time.monotonic() + _TIMEOUT
    while units and (left := deadline - time.monotonic()) > 0:
        lines = min(_MOST, _EACH * len(units))
        try:
            found = list(entries.of_units(units, kinds, lines, user=user, timeout=left))
        except UnreadableError:
            break
        ends.update(_last(found, "USER_" if user else ""))
        lacking = [unit for unit in units if unit not in ends]
        units = lacking if len(found) == lines and len(lacking) < len(units) else []
    return ends


def _last(found: Iterable[Entry], scope: str) -> dict[str, PastEnd]:
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
