"""Whether systemd could execute the command of an instance, as far as its files show."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from typing import Any

from wctl.operate import wrapped
from wctl.systemd.manager import Manager
from wctl.units import environment
from wctl.wrapper.command_line import Options, decoded, encoded

MISSING, NOT_EXECUTABLE = "no such file", "file is not executable"
# After these, the worker finds other files than we. (systemd 249 has no ExtensionDirectories=.)
_OTHER_FILES = (
    "RootDirectory", "RootImage", "BindPaths", "BindReadOnlyPaths", "MountImages", "ExtensionImages"
)  # fmt: skip
_PROPERTIES = ("ExecStart", "Environment", "EnvironmentFiles", "WorkingDirectory", *_OTHER_FILES)


def wrong(manager: Manager, units: Sequence[str]) -> dict[str, str]:
    """Return what is wrong with the commands of ``units``: MISSING or NOT_EXECUTABLE, by unit.

    We leave out a unit whose command we cannot tell: it has other files than we, or its PATH comes
    from a file.
    """
    found = manager.properties([(unit, _PROPERTIES) for unit in units], stopped=True)
    path = manager.environment().get("PATH", environment.DEFAULT_PATH) if units else ""
    problems = {unit: _wrong(properties, path) for unit, properties in found.items()}
    return {unit: problem for unit, problem in problems.items() if problem}


def _wrong(properties: Mapping[str, Any], path: str) -> str:
    options = wrapped.options(properties["ExecStart"])
    if options is None or any(properties[name] for name in _OTHER_FILES):
        return ""
    try:
        name = decoded(options.expanded(encoded(options.command[0])))
        directory = _directory(options, properties["WorkingDirectory"])
    except (ValueError, TypeError, KeyError):
        return ""
    if name.startswith("/"):
        places: Sequence[str] = [""]
    elif not directory.startswith("/"):
        return ""  # "~" is a home directory
    elif "/" in name:
        places = [""]
    elif properties["EnvironmentFiles"]:
        return ""
    else:
        variables = dict(word.partition("=")[::2] for word in properties["Environment"])
        places = variables.get("PATH", path).split(":")
    return _found([os.path.join(directory, place, name) for place in places])  # noqa: PTH118 - a str


def _directory(options: Options, given: str) -> str:
    """Return the worker's directory; ``given`` is WorkingDirectory=, with "!" if it may be missing.

    As the wrapper does, we go by its own option if systemd starts it in the root directory.
    """
    directory = given.lstrip("!") or "/"
    if directory == "/" and options.directory is not None:
        return decoded(options.expanded(encoded(options.directory)))
    return directory


def _found(paths: Sequence[str]) -> str:
    """Return what is wrong with all of ``paths``; "" if one can be executed, or we cannot tell."""
    problem = MISSING
    for path in paths:
        try:
            mode = os.stat(path).st_mode  # noqa: PTH116 - a str
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return ""  # we may not look; the worker's user may
        if not stat.S_ISDIR(mode) and mode & 0o111:
            return ""
        problem = NOT_EXECUTABLE
    return problem
