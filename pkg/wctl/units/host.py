"""What units are written for: a systemd, of the machine or of a user, and where wctl is."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from wctl.systemd.unit_file import OLDEST_SYSTEMD


@dataclass(frozen=True)
class Host:
    """What the units are written for."""

    systemd: int = OLDEST_SYSTEMD
    user: bool = False  # the units of a user's manager
    environment_directory: str = "/etc/wctl/env"
    interpreter: str = sys.executable
    package: Path = Path(__file__).parents[1]

    @property
    def wrapper(self) -> tuple[str, ...]:
        """The command that starts the wrapper (worker.py says why -I -S)."""
        return (self.interpreter, "-I", "-S", str(self.package / "worker.py"))

    @property
    def boot_target(self) -> str:
        """What the targets of programs with autostart are wanted by."""
        return "default.target" if self.user else "multi-user.target"
