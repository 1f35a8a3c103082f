"""The wrapper's options in a unit that systemd has loaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wctl.wrapper.command_line import Options, UsageError, parse

_WRAPPER = "/wctl/worker.py"


def options(exec_start: Sequence[Any]) -> Options | None:
    """Return what ExecStart= tells the wrapper; None where a drop-in has replaced the command.

    ``exec_start`` is the property as the manager has it (org.freedesktop.systemd1(5)).
    """
    for command in exec_start:
        arguments = list(command[1])
        for at, word in enumerate(arguments):
            if word.endswith(_WRAPPER):
                try:
                    return parse(arguments[at + 1 :])
                except UsageError:
                    break
    return None
