"""The limits of running instances, after a reload that has changed them.

Decided here:
- systemd applies changed limits to a cgroup when a unit starts, and some versions (252, but not
  257) when systemd reloads. So we set each as "systemctl set-property --runtime" does: to the value
  that the reloaded unit has.
- systemd keeps what was set in drop-ins, which would hide later changes of the unit's file. We
  remove those. One that was there before is the administrator's, and wins as it does at a start.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from wctl.install.installed import Layout
from wctl.systemd.bus import CallError
from wctl.systemd.manager import Manager

# The properties of the limits that units have (units/limits.py), and their directives.
_DIRECTIVES = {
    "CPUQuotaPerSecUSec": "CPUQuota",
    "CPUWeight": "CPUWeight",
    "IOWeight": "IOWeight",
    "MemoryHigh": "MemoryHigh",
    "MemoryMax": "MemoryMax",
    "MemorySwapMax": "MemorySwapMax",
    "TasksMax": "TasksMax",
}


def apply(manager: Manager, layout: Layout, units: Iterable[str]) -> dict[str, str]:
    """Give running ``units`` the limits that systemd has read; return why some do not have them.

    The caller reloads systemd before, and after: it then forgets the drop-ins.
    """
    failed: dict[str, str] = {}
    loaded = manager.properties([(unit, tuple(_DIRECTIVES)) for unit in units])
    for unit, limits in loaded.items():
        directory = layout.control / f"{unit}.d"
        files = {name: directory / f"50-{_DIRECTIVES[name]}.conf" for name in limits}
        ours = {name: file for name, file in files.items() if not file.exists()}
        try:
            manager.set_properties(unit, {name: int(limits[name]) for name in ours})
        except CallError as error:
            failed[unit] = str(error)
        for file in ours.values():
            file.unlink(missing_ok=True)
        with suppress(OSError):  # the administrator's are there, or nothing was
            directory.rmdir()
    return failed
