"""Supervisor's faults: how its operations fail (supervisor.xmlrpc, Faults)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from wctl.api.names import joined


class Code(IntEnum):
    """The code of a fault, or of one result of an operation on several processes."""

    BAD_NAME = 10
    BAD_SIGNAL = 11
    NO_FILE = 20
    NOT_EXECUTABLE = 21
    FAILED = 30
    ABNORMAL_TERMINATION = 40
    SPAWN_ERROR = 50
    ALREADY_STARTED = 60
    NOT_RUNNING = 70
    SUCCESS = 80
    ALREADY_ADDED = 90
    STILL_RUNNING = 91
    CANT_REREAD = 92


class Fault(Exception):  # noqa: N818 - Supervisor's and XML-RPC's word
    """An operation fails; ``extra`` tells more, often the name of a process.

    ``why`` is systemd's reason, if it has refused what was asked.
    """

    def __init__(self, code: Code, extra: str = "", why: str = "") -> None:
        super().__init__(f"{code.name}: {extra}" if extra else code.name)
        self.code = code
        self.why = why


@dataclass(frozen=True)
class Result:
    """What an operation did to one process."""

    group: str
    name: str
    code: Code = Code.SUCCESS
    text: str = "OK"

    @property
    def full(self) -> str:
        """The process's name with its group, as Supervisor prints it."""
        return joined(self.group, self.name)
