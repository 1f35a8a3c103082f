"""What the kernel tells about the processes of instances: time, open files, kills."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from wctl.systemd.manager import Manager
from wctl.systemd.quantities import INFINITY
from wctl.trust import files

_GROUPS = Path("/sys/fs/cgroup")


def is_unified() -> bool:
    """Tell whether control groups are of version 2.

    With version 1, the kernel does not tell systemd why it has killed a process.
    """
    return (_GROUPS / "cgroup.controllers").exists()


def oom_kills(group: str) -> int:
    """Return how many processes of a control group the kernel has killed for want of memory.

    See cgroup-v2 (memory.events) and cgroup-v1/memory (memory.oom_control) of the kernel.
    """
    if not group:
        return 0
    root = _GROUPS
    for path in (f"{root}{group}/memory.events", f"{root}/memory{group}/memory.oom_control"):
        try:
            lines = files.read(path).decode().splitlines()
        except OSError:
            continue
        counts = [line.split()[1] for line in lines if line.startswith("oom_kill ")]
        return sum(map(int, counts))
    return 0


def cpu(manager: Manager, units: Iterable[str]) -> float:
    """Return the seconds of processor time that ``units`` have used."""
    found: Mapping[str, Mapping[str, Any]]
    found = manager.properties([(unit, ("CPUUsageNSec", "MainPID")) for unit in units])
    return sum(
        # With cgroup version 1, systemd counts only where CPUAccounting= tells it to.
        _processor_time(int(properties["MainPID"]))
        if properties["CPUUsageNSec"] == INFINITY
        else int(properties["CPUUsageNSec"]) / 1e9
        for properties in found.values()
    )


def _processor_time(pid: int) -> float:
    """Return the processor seconds of a process and its children, also of ended children."""
    ticks = 0
    left, seen = [pid], {0}  # 0: no process; a PID may be given anew while we look
    while left:  # no recursion: a worker may start a chain of thousands of processes
        pid = left.pop()
        if pid in seen:
            continue
        seen.add(pid)
        try:
            fields = files.read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
            ticks += sum(map(int, fields[11:15]))  # utime to cstime, proc(5)
            left += map(int, files.read(f"/proc/{pid}/task/{pid}/children").split())
        except OSError:
            continue  # it has ended meanwhile
    return ticks / os.sysconf("SC_CLK_TCK")


def open_files(pid: int) -> tuple[int, int]:
    """Return how many files a process has open, and how many it may have open."""
    try:
        # The process's own limit: the wrapper raises that of the unit to minfds.
        most = resource.prlimit(pid, resource.RLIMIT_NOFILE)[0]
        return len(os.listdir(f"/proc/{pid}/fd")), most
    except OSError:
        return 0, 1  # the process has just ended, or belongs to another user
