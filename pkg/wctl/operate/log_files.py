"""The log files of instances, according to the units that systemd has loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wctl.operate import wrapped
from wctl.systemd.manager import Manager
from wctl.wrapper.command_line import log_path

_STREAMS = ("stdout", "stderr")


@dataclass(frozen=True)
class Logs:
    """Where one instance logs."""

    unit: str
    journal: bool  # whether it logs to the journal; if not, to its files alone
    files: tuple[tuple[str, Path], ...]  # stream, file; the first output creates it

    def present(self, stream: str | None = None) -> list[Path]:
        """Return the files that exist and that we can see, of one stream or of both."""
        wanted = [file for name, file in self.files if stream in (None, name)]
        # Path.is_file() raises if we may not enter a directory.
        return [file for file in wanted if os.path.isfile(file)]  # noqa: PTH113 - does not raise


def of_units(manager: Manager, units: Sequence[str]) -> list[Logs]:
    """Return where each of ``units`` logs."""
    properties = manager.properties([(unit, ("ExecStart", "LogsDirectory")) for unit in units])
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
            files.append((name, Path(path)))
    return Logs(unit, options.log != "file", tuple(files))


def _base(*, user: bool) -> str:
    """Return the directory that LogsDirectory= is relative to (systemd.exec(5))."""
    if not user:
        return "/var/log"
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "log"
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "log"
    # systemd 254 moved it from $XDG_CONFIG_HOME to $XDG_STATE_HOME.
    return str(config if (config / "wctl").is_dir() else state)
