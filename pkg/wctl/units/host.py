"""The host that units are written for: the system's or a user's systemd, and the path of wctl."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from wctl.systemd.unit_file import OLDEST_SYSTEMD


@dataclass(frozen=True)
class Host:
    """The systemd and the paths of wctl that units are written for."""

    systemd: int = OLDEST_SYSTEMD
    user: bool = False  # the units are for a user's manager
    environment_directory: str = "/etc/wctl/env"
    interpreter: str = sys.executable
    package: Path = Path(__file__).parents[1]

    @property
    def wrapper(self) -> tuple[str, ...]:
        """The command that starts the wrapper (worker.py says why -I -S)."""
        return (self.interpreter, "-I", "-S", str(self.package / "worker.py"))

    @property
    def boot_target(self) -> str:
        """The target that starts programs with autostart at boot."""
        return "default.target" if self.user else "multi-user.target"
