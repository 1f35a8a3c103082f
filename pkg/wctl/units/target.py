"""What units are written for: a systemd, of the machine or of a user, and where wctl is."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from wctl.systemd.unit_file import OLDEST_SYSTEMD
from wctl.units.marker import MARK

DOCUMENTATION = "man:wctl(1) man:wctl.conf(5)"


@dataclass(frozen=True)
class Target:
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


def header(source: str, name: str) -> tuple[str, ...]:
    """Return the first lines of the file ``name``, made from the configuration ``source``."""
    lines = [
        f"{MARK} from {printable(source)}.",
        "Do not edit: change that file and run 'wctl update'",
    ]
    if not name.endswith(".env"):
        lines[1] += f", or add to this one with 'systemctl edit {name}'"
    lines[1] += "."
    return tuple(lines)


def printable(path: str) -> str:
    """Return a path so that it fits on one line of a unit, whatever its name holds."""
    text = os.fsencode(path).decode(errors="backslashreplace")
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text).rstrip(
        "\\ "
    )
