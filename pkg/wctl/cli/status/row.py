"""What is known about one instance, and its record in JSON."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from wctl.operate.details import NO_DETAILS, Details
from wctl.operate.states import Process, State

if TYPE_CHECKING:
    from wctl.systemd.exits import LastExit


@dataclass(frozen=True)
class Row:
    """One instance, or a program without one."""

    process: Process
    details: Details | None = None  # None: nobody has asked, or there is no instance
    last_exit: LastExit | None = None  # None: as above, or it never ended
    long: bool = False  # somebody has asked for the last exit

    @property
    def uptime(self) -> int | None:
        """The seconds that it has been RUNNING; None in any other state."""
        process = self.process
        if process.state is not State.RUNNING or process.since is None:
            return None
        return max(0, int(time.time() - process.since))

    def record(self) -> dict[str, object]:
        """Return the row as "wctl status --json" prints it; status.schema.json describes it."""
        process = self.process
        record: dict[str, object] = {
            "name": process.shown,
            "unit": process.unit if "@" in process.unit else None,
            "program": process.program,
            "group": process.group,
            "state": process.state.value,
            "description": process.description,
            "pid": process.pid or None,
            "since": None if process.since is None else round(process.since, 3),
            "uptime": self.uptime,
        }
        record.update(asdict(self.details or NO_DETAILS))
        if self.long:
            record.update(self._last_exit())
        return record

    def _last_exit(self) -> dict[str, object]:
        from wctl.systemd.exits import UNKNOWN

        last = self.last_exit
        if last is None or last.words == UNKNOWN:
            return dict.fromkeys(("last_exit", "exit_time", "exit_status", "exit_signal"))
        return {
            "last_exit": last.words,
            "exit_time": None if last.time is None else round(last.time, 3),
            "exit_status": last.code,
            "exit_signal": last.signal,
        }
