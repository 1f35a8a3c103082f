"""The log files of instances, according to the units that systemd has loaded."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wctl.operate import wrapped
from wctl.systemd.manager import Manager
from wctl.trust import accounts, files
from wctl.wrapper.command_line import log_path

_STREAMS = ("stdout", "stderr")
_PROPERTIES = (
    "ExecStart", "LogsDirectory", "User", "DynamicUser", "StandardOutput", "StandardError"
)  # fmt: skip


@dataclass(frozen=True)
class LogFile:
    """A log file of one instance."""

    stream: str
    path: Path  # the first output creates it
    writer: int | None  # the ID of the user who writes it; None: we cannot tell
    spare: bool = False  # it gets only what journald misses

    def has_lines(self) -> bool:
        """Tell whether it is a file that is not empty; its user may have replaced it by a link."""
        return self._size() > 0

    def is_empty(self) -> bool:
        """Tell whether it is a file, and no link, that has no lines."""
        return self._size() == 0

    def _size(self) -> int:
        """Return the bytes of the file; -1 if it is no regular file."""
        try:
            found = self.path.lstat()
        except OSError:
            return -1
        return found.st_size if stat.S_ISREG(found.st_mode) else -1


@dataclass(frozen=True)
class Logs:
    """Where one instance logs."""

    unit: str
    journal: bool  # whether it logs to the journal; if not, to its files alone
    files: tuple[LogFile, ...]
    # The streams of which nothing is kept: they are thrown away, or stdout has their lines.
    absent: frozenset[str] = frozenset()

    def present(self, stream: str | None = None) -> list[LogFile]:
        """Return the files that exist, of one stream or of both; links and others as well."""
        wanted = [file for file in self.files if stream in (None, file.stream)]
        return [file for file in wanted if os.path.lexists(file.path)]

    def clear(self) -> bool:
        """Empty the files that exist; return False if there is none.

        Raises:
            OSError: see files.truncate().
        """
        present = self.present()
        for file in present:
            files.truncate(file.path, file.writer)
        return bool(present)


def of_units(manager: Manager, units: Sequence[str]) -> list[Logs]:
    """Return where each of ``units`` logs."""
    properties = manager.properties([(unit, _PROPERTIES) for unit in units], stopped=True)
    return [_of_unit(unit, properties[unit], user=manager.user) for unit in units]


def _of_unit(unit: str, properties: Mapping[str, object], *, user: bool) -> Logs:
    commands = properties["ExecStart"]
    assert isinstance(commands, list)
    options = wrapped.options(commands)
    if options is None:
        return Logs(unit, journal=True, files=())
    directories = properties["LogsDirectory"]
    assert isinstance(directories, list)
    own = [name for name in directories if name.startswith("wctl/")]
    directory = f"{_base(user=user)}/{own[0]}" if own else None
    files = []
    for name in _STREAMS:
        path = log_path(options, directory, stderr=name == "stderr")
        if path is not None and not (options.redirect_stderr and name == "stderr"):
            # A file that the user has named may also have lines of earlier times.
            given = options.stderr_file if name == "stderr" else options.stdout_file
            spare = given is None and options.log not in {"file", "both"}
            writer = _writer(properties, user=user)
            files.append(LogFile(name, Path(path), writer, spare))
    absent = {name for name in _STREAMS if _goes_nowhere(properties, name)}
    absent |= {"stderr"} if options.redirect_stderr else set()
    return Logs(unit, options.log != "file", tuple(files), frozenset(absent))


def _goes_nowhere(properties: Mapping[str, object], stream: str) -> bool:
    own = properties["StandardOutput" if stream == "stdout" else "StandardError"]
    return (properties["StandardOutput"] if own == "inherit" else own) == "null"


def _writer(properties: Mapping[str, object], *, user: bool) -> int | None:
    name = str(properties["User"])
    if properties["DynamicUser"] or user or not name:
        return None if properties["DynamicUser"] else os.geteuid() if user else 0
    account = accounts.find(name)
    return None if account is None else account.pw_uid


def _base(*, user: bool) -> str:
    """Return the directory that LogsDirectory= is relative to (systemd.exec(5))."""
    if not user:
        return "/var/log"
    state = Path(os.environ.get("XDG_STATE_HOME") or accounts.home() / ".local/state") / "log"
    config = Path(os.environ.get("XDG_CONFIG_HOME") or accounts.home() / ".config") / "log"
    # systemd 254 moved it from $XDG_CONFIG_HOME to $XDG_STATE_HOME.
    return str(config if (config / "wctl").is_dir() else state)
