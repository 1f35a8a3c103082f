"""The limits of running instances, after a reload that has changed them.

Decided here:
- systemd applies changed limits to a cgroup when a unit starts, and some versions (252, but not
  257) when systemd reloads. So we set each as "systemctl set-property --runtime" does: to the value
  that the reloaded unit has.
- systemd keeps what was set in drop-ins, which would hide later changes of the unit's file. We
  remove those. One that was there before is the administrator's, and wins as it does at a start.
  To know them apart after a kill, we first write down which are to be ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from wctl.install.files import write_file
from wctl.install.installed import Layout
from wctl.systemd.bus import CallError
from wctl.systemd.manager import Manager
from wctl.trust import files

_NOTE = ".wctl-limits"  # the properties that we set; systemd reads no file of this name
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


def apply(manager: Manager, layout: Layout, units: Sequence[str]) -> dict[str, str]:
    """Give running ``units`` the limits that systemd has read; return why some do not have them.

    The caller reloads systemd before, and after: it then forgets the drop-ins.
    """
    failed: dict[str, str] = {}
    directories = {unit: layout.control / f"{unit}.d" for unit in units}
    left = [unit for unit in units if _clean(directories[unit])]  # by an update that was killed
    if left:
        manager.reload()
    loaded = manager.properties([(unit, tuple(_DIRECTIVES)) for unit in units])
    for unit, limits in loaded.items():
        directory = directories[unit]
        ours = {
            name: value for name, value in limits.items() if not _file(directory, name).exists()
        }
        directory.mkdir(parents=True, exist_ok=True)
        write_file(directory / _NOTE, "".join(f"{name}\n" for name in ours))
        try:
            manager.set_properties(unit, {name: int(value) for name, value in ours.items()})
        except CallError as error:
            failed[unit] = str(error)
        _clean(directory)
    return failed


def _file(directory: Path, name: str) -> Path:
    """Return the drop-in that systemd writes for a property."""
    return directory / f"50-{_DIRECTIVES[name]}.conf"


def _clean(directory: Path) -> bool:
    """Remove the drop-ins that are ours; tell whether there were any."""
    note = directory / _NOTE
    try:
        names = files.read(note).decode().split()
    except OSError:
        return False
    for name in _DIRECTIVES.keys() & names:
        _file(directory, name).unlink(missing_ok=True)
    note.unlink(missing_ok=True)
    with suppress(OSError):  # the administrator's are there
        directory.rmdir()
    return True
