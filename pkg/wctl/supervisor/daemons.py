"""The supervisord processes of this machine, and those that its next boot starts."""

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

# What Debian and others call it; one of another name is found when it runs.
_UNITS = ("supervisor.service", "supervisord.service")


_AT_BOOT = {"enabled", "enabled-runtime", "generated"}  # the last by an init script of old


_NAMES = ("supervisord", "supervisord.py")


_UNIT = re.compile(r":/system\.slice/(?:[^/\n]+\.slice/)*([^/\n]+\.service)$", re.MULTILINE)


@dataclass(frozen=True)
class Daemon:
    """A supervisord that runs, or that the next boot starts."""

    file: Path | None  # its configuration
    control: str  # its supervisorctl
    pid: int = 0  # 0: it does not run
    unit: str = ""  # "": somebody started it otherwise
    at_boot: bool = False


def daemons(manager: Manager) -> list[Daemon]:
    """Return every supervisord of this machine; those in containers are none of it."""
    alive = list(_alive())
    units = {*_UNITS, *(unit for _, unit, _, _ in alive if unit)}
    wanted = ("FragmentPath", "ExecStart")
    properties = manager.properties([(unit, wanted) for unit in sorted(units)])
    enabled = {unit for unit, each in properties.items() if each["FragmentPath"] and _enabled(unit)}
    found = [
        Daemon(_configuration(words, directory), _control(words), pid, unit, unit in enabled)
        for pid, unit, words, directory in alive
    ]
    for unit in sorted(enabled - {each.unit for each in found}):
        commands = properties[unit]["ExecStart"]
        words = commands[0][1] if commands else []
        found.append(Daemon(_configuration(words, Path("/")), _control(words), 0, unit, True))
    return found


def _alive() -> Iterator[tuple[int, str, list[str], Path]]:
    """Yield the process, unit, words and directory of each supervisord."""
    root = _identity(Path("/"))
    for name in os.listdir("/proc"):
        words = _words(Path("/proc", name)) if name.isdecimal() else []
        if words and _identity(Path("/proc", name, "root")) == root:
            process = Path("/proc", name)
            try:
                unit = _UNIT.search((process / "cgroup").read_text())
                yield int(name), unit[1] if unit else "", words, (process / "cwd").resolve()
            except OSError:
                continue  # it has just ended


def _enabled(unit: str) -> bool:
    command = ["systemctl", "is-enabled", unit]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.stdout.strip() in _AT_BOOT


def _words(process: Path) -> list[str]:
    """Return the command line of a process from "supervisord" on; nothing if it is another."""
    try:
        words = os.fsdecode((process / "cmdline").read_bytes()).split("\0")[:-1]
    except OSError:
        return []
    names = [word.rpartition("/")[2] for word in words[:4]]
    if names and (names[0] in _NAMES or names[0].startswith("python")):
        return next((words[at:] for at, name in enumerate(names) if name in _NAMES), [])
    return []


def _identity(root: Path) -> tuple[int, int] | None:
    """Tell one root directory from another; None where only root may know."""
    try:
        found = root.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _configuration(words: Sequence[str], directory: Path) -> Path | None:
    """Return what supervisord was told to read, or finds where it looks."""
    for at, word in enumerate(words):
        if word in ("-c", "--configuration"):
            return Path(directory, *words[at + 1 : at + 2])
        if word.startswith("--configuration="):
            return Path(directory, word.partition("=")[2])
        if word.startswith("-c"):
            return Path(directory, word[2:])
    try:
        return migration.default_file()
    except WctlError:
        return None


def _control(words: Sequence[str]) -> str:
    """Return the supervisorctl of a supervisord: in a virtual environment it is beside it."""
    beside = Path(words[0]).with_name("supervisorctl") if words else Path("supervisorctl")
    usual = "/usr/bin/supervisorctl"
    found = os.path.isfile(beside)  # noqa: PTH113 - does not raise
    return str(beside) if str(beside) != usual and found else "supervisorctl"
