"""What a worker that runs keeps of its unit until it is restarted."""

from __future__ import annotations

import re

from wctl.units.marker import directives

# The limits of a cgroup (units/limits.py); an update gives them to workers that run.
LIMITS = frozenset(
    {
        "CPUQuota", "CPUWeight", "IOWeight", "MemoryHigh", "MemoryMax", "MemorySwapMax", "TasksMax",
    }
)  # fmt: skip
# What is to happen when a worker ends or is stopped: systemd goes by what it has read last. So it
# does for RuntimeMaxSec=, but a lower one ends workers at once: that is no change to run on with.
_OF_ENDS = frozenset(
    {
        "ExecStop", "ExecStopPost", "FinalKillSignal", "KillMode", "KillSignal", "SendSIGHUP",
        "SendSIGKILL", "TimeoutStartSec", "TimeoutStopSec", "Restart", "RestartForceExitStatus",
        "RestartMode", "RestartPreventExitStatus", "RestartSec", "SuccessExitStatus",
    }
)  # fmt: skip
# The wrapper's options that concern a start alone: the next one has the new values.
_OF_STARTS = re.compile(r" --(?:startsecs|startretries|ready-timeout)=[0-9]+(?= )")


def applied(unit: str) -> list[tuple[str, str]]:
    """Return what a worker has been started with, and keeps until it is restarted."""
    return [
        (key, _kept(key, value))
        for key, value in directives(unit, "Service")
        if key not in LIMITS | _OF_ENDS
    ]


def own_directives(unit: str) -> list[tuple[str, str]]:
    """Return what a program's own options have made of its unit."""
    return list(directives(unit, "Service"))


def limits(unit: str) -> list[tuple[str, str]]:
    """Return the limits of a worker."""
    return [(key, value) for key, value in directives(unit, "Service") if key in LIMITS]


def _kept(key: str, value: str) -> str:
    if key == "EnvironmentFile":
        return value.removeprefix("-")  # says what happens if the file is missing; it was there
    if key == "ExecStart":
        options, separator, command = value.partition(" -- ")
        return _OF_STARTS.sub("", options) + separator + command
    return value


def listens(unit: str) -> list[tuple[str, str]]:
    """Return what systemd has opened a socket with."""
    return list(directives(unit, "Socket"))


def variables(text: str) -> list[str]:
    """Return the lines of a file of variables, without comments."""
    return [line for line in text.splitlines() if not line.startswith("#")]
