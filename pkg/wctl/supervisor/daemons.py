"""The supervisord processes that run on this machine, or that its next boot starts."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wctl.errors import WctlError
from wctl.supervisor import migration
from wctl.systemd.manager import Manager

# Names of supervisord's unit in Debian and elsewhere. We find a unit with another name only while
# its supervisord runs.
_UNITS = ("supervisor.service", "supervisord.service")


_AT_BOOT = {"enabled", "enabled-runtime", "generated"}  # "generated": from a SysV init script


_NAMES = ("supervisord", "supervisord.py")


_UNIT = re.compile(r":/system\.slice/(?:[^/\n]+\.slice/)*([^/\n]+\.service)$", re.MULTILINE)


@dataclass(frozen=True)
class Daemon:
    """A supervisord that runs, or that the next boot starts."""

    file: Path | None  # its configuration
    control: str  # its supervisorctl
    pid: int = 0  # 0: it does not run
    unit: str = ""  # "": no unit started it
    at_boot: bool = False


def daemons(manager: Manager) -> list[Daemon]:
    """Return every supervisord of this machine, except those in containers."""
    alive = list(_alive())
    units = {*_UNITS, *(unit for _, unit, _, _ in alive if unit)}
    wanted = ("FragmentPath", "ExecStart")
    properties = manager.properties([(unit, wanted) for unit in sorted(units)])
    enabled = {
        unit for unit, values in properties.items() if values["FragmentPath"] and _enabled(unit)
    }
    found = [
        Daemon(_configuration(words, directory), _control(words), pid, unit, unit in enabled)
        for pid, unit, words, directory in alive
    ]
    for unit in sorted(enabled - {daemon.unit for daemon in found}):
        commands = properties[unit]["ExecStart"]
        words = commands[0][1] if commands else []
        found.append(Daemon(_configuration(words, Path("/")), _control(words), 0, unit, True))
    return found


def _alive() -> Iterator[tuple[int, str, list[str], Path]]:
    """Yield the process ID, unit, command line and working directory of each supervisord."""
    root = _identity(Path("/"))
    for name in os.listdir("/proc"):
        words = _words(Path("/proc", name)) if name.isdecimal() else []
        if words and _identity(Path("/proc", name, "root")) == root:
            process = Path("/proc", name)
            try:
                unit = _UNIT.search((process / "cgroup").read_text())
                yield int(name), unit[1] if unit else "", words, (process / "cwd").resolve()
            except OSError:
                continue  # the process has just ended


def _enabled(unit: str) -> bool:
    command = ["systemctl", "is-enabled", unit]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.stdout.strip() in _AT_BOOT


def _words(process: Path) -> list[str]:
    """Return the command line of a supervisord, from "supervisord" on; [] for other processes."""
    try:
        words = os.fsdecode((process / "cmdline").read_bytes()).split("\0")[:-1]
    except OSError:
        return []
    names = [word.rpartition("/")[2] for word in words[:4]]
    if names and (names[0] in _NAMES or names[0].startswith("python")):
        return next((words[index:] for index, name in enumerate(names) if name in _NAMES), [])
    return []


def _identity(root: Path) -> tuple[int, int] | None:
    """Return what identifies a root directory; None if only root may read it."""
    try:
        found = root.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _configuration(words: Sequence[str], directory: Path) -> Path | None:
    """Return the configuration that supervisord was told to read, or that it finds by itself."""
    for index, word in enumerate(words):
        if word in ("-c", "--configuration"):
            return Path(directory, *words[index + 1 : index + 2])
        if word.startswith("--configuration="):
            return Path(directory, word.partition("=")[2])
        if word.startswith("-c"):
            return Path(directory, word[2:])
    try:
        return migration.default_file()
    except WctlError:
        return None


def _control(words: Sequence[str]) -> str:
    """Return the supervisorctl of a supervisord; a virtual environment has both in one place."""
    sibling = Path(words[0]).with_name("supervisorctl") if words else Path("supervisorctl")
    usual = "/usr/bin/supervisorctl"
    found = os.path.isfile(sibling)  # noqa: PTH113 - does not raise
    return str(sibling) if str(sibling) != usual and found else "supervisorctl"
