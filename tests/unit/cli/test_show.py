"""show: what status -l prints about one instance."""

from __future__ import annotations

from wctl.cli import show
from wctl.operate.states import Details, Process, State
from wctl.systemd.exits import UNKNOWN


def test_an_unknown_last_exit() -> None:
    """It is not "none", and null in JSON."""
    details = Details(memory=None, memory_max=None, cpu=None, tasks=None, restarts=0)
    assert show._long(details, UNKNOWN) == "restarts 0, last exit: unknown"
    assert show._long(details, None) == "restarts 0, last exit: none"
    process = Process("w", "w", "w@00.service", State.RUNNING, "pid 1")
    assert show._record(process, {"w@00": (details, UNKNOWN)})["last_exit"] is None
