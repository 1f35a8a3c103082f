"""The supervisord processes that run on this machine, or that its next boot starts.

Every user may run a process that calls itself supervisord. We run and read only what root alone
can change, for a process that root alone runs; of any other we only say that it is there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wctl.errors import WctlError
from wctl.supervisor import migration
from wctl.supervisor.control import doubt, located
from wctl.systemd.manager import Manager
from wctl.trust import accounts, commands, files

# Names of supervisord's unit in Debian and elsewhere. We find a unit with another name only while
# its supervisord runs.
_UNITS = ("supervisor.service", "supervisord.service")
_AT_BOOT = {"enabled", "enabled-runtime", "generated"}  # "generated": from a SysV init script
_NAMES = ("supervisord", "supervisord.py")
_SYSTEM = re.compile(r":/system\.slice/(?:[^/\n]+\.slice/)*([^/\n]+\.service)$", re.MULTILINE)
_USERS = re.compile(  # units of a user's manager
    r":/user\.slice/[^/\n]+\.slice/user@\d+\.service/(?:[^/\n]+\.slice/)*([^/\n]+\.service)$",
    re.MULTILINE,
)
_UIDS = re.compile(r"^Uid:\s*(.+)$", re.MULTILINE)  # real, effective, saved, file system: proc(5)


@dataclass(frozen=True)
class Daemon:
    """A supervisord that runs, or that the next boot starts."""

    file: Path | None  # its configuration
    control: str  # its supervisorctl
    pid: int = 0  # 0: it does not run
    unit: str = ""  # "": no unit started it
    at_boot: bool = False
    doubt: str = ""  # why we do not ask it; "": we may

    @property
    def who(self) -> str:
        """The process and its unit, for people to read."""
        who = f"supervisord, pid {self.pid}" if self.pid else "supervisord"
        return f"{who}, {self.unit}" if self.unit else who


def daemons(manager: Manager) -> list[Daemon]:
    """Return every supervisord of this machine, except those in containers."""
    alive = list(_alive(user=manager.user))
    units = {*_UNITS, *(process.unit for process in alive if process.unit)}
    wanted = ("FragmentPath", "ExecStart", "MainPID")
    properties = manager.properties([(unit, wanted) for unit in sorted(units)])
    enabled = {
        unit
        for unit, values in properties.items()
        if values["FragmentPath"] and enabled_at_boot(manager, unit)
    }
    # A unit is root's word, whoever its supervisord runs as; a process may say what it wants.
    words = {
        unit: _from_supervisord(command[1])
        for unit, values in properties.items()
        for command in values["ExecStart"][:1]
    }
    found = [
        process.daemon(at_boot=process.unit in enabled)
        for process in alive
        if not words.get(process.unit)
    ]
    for unit in sorted(properties.keys() - {daemon.unit for daemon in found}):
        pid = int(properties[unit]["MainPID"]) if words.get(unit) else 0
        if pid or unit in enabled:
            found.append(
                _daemon(words.get(unit, ()), Path("/"), pid, unit, at_boot=unit in enabled)
            )
    return found


def services(manager: Manager) -> dict[str, Path | None]:
    """Return Supervisor's services, whether they run or not, with their configuration files."""
    properties = manager.properties([(unit, ("FragmentPath", "ExecStart")) for unit in _UNITS])
    return {
        unit: _configuration(words, Path("/"))
        for unit, values in properties.items()
        for command in values["ExecStart"][:1]
        if values["FragmentPath"] and (words := _from_supervisord(command[1]))
    }


def _daemon(
    words: Sequence[str], directory: Path, pid: int, unit: str, *, at_boot: bool, why: str = ""
) -> Daemon:
    file = None if why else _configuration(words, directory)
    control = "supervisorctl" if why else _control(words, directory)
    return Daemon(file, control, pid, unit, at_boot, why or doubt(file, control))


@dataclass(frozen=True)
class _Process:
    """A running process that calls itself supervisord."""

    pid: int
    uids: frozenset[int]
    unit: str
    words: tuple[str, ...]  # of its command line, from "supervisord" on
    directory: Path  # its working directory

    def daemon(self, *, at_boot: bool) -> Daemon:
        """Return what the process says about itself, if it is ours."""
        others = self.uids - {os.geteuid()}
        why = f"it belongs to {accounts.name(max(others))}" if others else ""
        return _daemon(self.words, self.directory, self.pid, self.unit, at_boot=at_boot, why=why)


def _alive(*, user: bool = False) -> Iterator[_Process]:
    root = _identity(Path("/"))
    unit_of = _USERS if user else _SYSTEM
    for name in os.listdir("/proc"):
        process = Path("/proc", name)
        words = _words(process) if name.isdecimal() else ()
        if words and _identity(process / "root") == root:
            try:
                unit = unit_of.search(files.read(process / "cgroup").decode(errors="replace"))
                uids = _UIDS.search(files.read(process / "status").decode(errors="replace"))
                # Not resolve(): what it leads to may be gone, and links of anybody in its place.
                directory = Path(os.readlink(process / "cwd"))  # noqa: PTH115 - the reason above
            except OSError:
                continue  # the process has just ended
            # The owner of /proc/PID is root, too, if a process is not dumpable (proc(5)).
            ids = frozenset(map(int, uids[1].split())) if uids else frozenset({-1})
            yield _Process(int(name), ids, unit[1] if unit else "", words, directory)


def enabled_at_boot(manager: Manager, unit: str) -> bool:
    """Tell whether each boot starts a service."""
    user = ["--user"] if manager.user else []
    shown = commands.output(["systemctl", *user, "is-enabled", "--", unit])
    return shown is not None and shown.strip() in _AT_BOOT


def _words(process: Path) -> tuple[str, ...]:
    """Return the command line of a supervisord, from "supervisord" on; () for other processes."""
    try:
        return _from_supervisord(os.fsdecode(files.read(process / "cmdline")).split("\0")[:-1])
    except OSError:
        return ()


def _from_supervisord(words: Sequence[str]) -> tuple[str, ...]:
    """Return a command line from "supervisord" on; () for other commands."""
    names = [word.rpartition("/")[2] for word in words[:4]]
    if names and (names[0] in _NAMES or names[0].startswith("python")):
        found = (words[index:] for index, name in enumerate(names) if name in _NAMES)
        return tuple(next(found, ()))
    return ()


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


def _control(words: Sequence[str], directory: Path) -> str:
    """Return the supervisorctl of a supervisord; a virtual environment has both in one place."""
    script = Path(directory, words[0]) if words and "/" in words[0] else None
    if script is not None and script.parent != Path("/usr/bin"):
        sibling = script.with_name("supervisorctl")
        if os.path.isfile(sibling):  # noqa: PTH113 - no errors
            return str(sibling)
    return located("supervisorctl") or "supervisorctl"
