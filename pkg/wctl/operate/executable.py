"""Whether systemd could execute the command of an instance, as far as its files show."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from typing import Any

from wctl.operate import wrapped
from wctl.systemd.manager import Manager
from wctl.units import environment
from wctl.wrapper.command_line import decoded, encoded

MISSING, NOT_EXECUTABLE = "no such file", "file is not executable"
_PROPERTIES = (
    "ExecStart", "Environment", "EnvironmentFiles", "RootDirectory", "RootImage", "WorkingDirectory"
)  # fmt: skip


def wrong(manager: Manager, units: Sequence[str]) -> dict[str, str]:
    """Return what is wrong with the commands of ``units``: MISSING or NOT_EXECUTABLE, by unit.

    We leave out a unit whose command we cannot tell: it has other files than we, or its PATH comes
    from a file.
    """
    found = manager.properties([(unit, _PROPERTIES) for unit in units])
    problems = {unit: _wrong(properties) for unit, properties in found.items()}
    return {unit: problem for unit, problem in problems.items() if problem}


def _wrong(properties: Mapping[str, Any]) -> str:
    options = wrapped.options(properties["ExecStart"])
    if options is None or properties["RootDirectory"] or properties["RootImage"]:
        return ""
    try:
        name = decoded(options.expanded(encoded(options.command[0])))
    except (ValueError, TypeError, KeyError):
        return ""
    directory = properties["WorkingDirectory"].lstrip("!-") or "/"
    if "/" in name:
        places: Sequence[str] = [""]
    elif properties["EnvironmentFiles"]:
        return ""
    else:
        variables = dict(word.partition("=")[::2] for word in properties["Environment"])
        places = variables.get("PATH", environment.DEFAULT_PATH).split(":")
    problem = MISSING
    for place in places:
        try:
            mode = os.stat(os.path.join(directory, place, name)).st_mode  # noqa: PTH116, PTH118
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return ""  # we may not look; the worker's user may
        if not stat.S_ISDIR(mode) and mode & 0o111:
            return ""
        problem = NOT_EXECUTABLE
    return problem
