"""What instances use: what "wctl status" shows beyond Supervisor's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wctl.install.installed import Instance
from wctl.systemd.manager import Manager
from wctl.systemd.quantities import known

_PROPERTIES = ("CPUUsageNSec", "MemoryCurrent", "MemoryMax", "NRestarts", "TasksCurrent")


@dataclass(frozen=True)
class Details:
    """What an instance uses. None: systemd does not know, or sets no limit."""

    memory: int | None  # bytes
    memory_max: int | None  # bytes
    cpu: float | None  # seconds
    tasks: int | None  # processes and threads
    restarts: int  # automatic restarts since the last manual start


NO_DETAILS = Details(None, None, None, None, 0)  # of a program without an instance


def details(manager: Manager, instances: Iterable[Instance]) -> dict[str, Details]:
    """Return the details of each instance, by its unit."""
    wanted = [(instance.unit, _PROPERTIES) for instance in instances]
    found = manager.properties(wanted, stopped=True)
    return {unit: _details(properties) for unit, properties in found.items()}


def _details(properties: Mapping[str, Any]) -> Details:
    cpu = known(properties["CPUUsageNSec"])
    return Details(
        memory=known(properties["MemoryCurrent"]),
        memory_max=known(properties["MemoryMax"]),
        cpu=None if cpu is None else cpu / 1e9,
        tasks=known(properties["TasksCurrent"]),
        restarts=int(properties["NRestarts"]),
    )
