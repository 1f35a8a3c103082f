"""The wrapper's options in a unit that systemd has loaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wctl.wrapper.command_line import Options, UsageError, parse

_WRAPPER = "/wctl/worker.py"


def options(exec_start: Sequence[Any]) -> Options | None:
    """Return the options of the wrapper in ExecStart=; None if a drop-in replaced the command.

    ``exec_start`` is the property as systemd returns it (org.freedesktop.systemd1(5)): before it
    replaces variables, so each $ of an argument is doubled as in the unit (systemd.service(5)).
    """
    for command in exec_start:
        arguments = [word.replace("$$", "$") for word in command[1]]
        for index, word in enumerate(arguments):
            if word.endswith(_WRAPPER):
                try:
                    return parse(arguments[index + 1 :])
                except UsageError:
                    break
    return None
