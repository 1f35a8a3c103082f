"""The version of this machine's systemd, for which wctl writes units by default."""

from __future__ import annotations

import re

from wctl.systemd.unit_file import OLDEST_SYSTEMD
from wctl.trust import commands


def version() -> int:
    """Return the version of the installed systemd; without systemd, the oldest supported one."""
    shown = commands.output(["systemctl", "--version"])
    return OLDEST_SYSTEMD if shown is None else number(shown.removeprefix("systemd "))


def number(shown: str) -> int:
    """Return the number that begins a version (252.38-1~deb12u1, 257~rc1); at least the oldest."""
    match = re.match(r"v?(\d+)", shown)
    return max(int(match[1]), OLDEST_SYSTEMD) if match else OLDEST_SYSTEMD
