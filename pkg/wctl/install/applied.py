"""What a worker that runs keeps of its unit until it is restarted."""

from __future__ import annotations

import re

from wctl.units.marker import directives

# What systemd applies to a worker that runs, as soon as it has reloaded: limits of its cgroup, and
# what is to happen when the worker ends, is stopped, or has run for long enough.
_APPLIED_BY_RELOAD = frozenset(
    {
        "CPUQuota", "CPUWeight", "IOWeight", "MemoryHigh", "MemoryMax", "MemorySwapMax", "TasksMax",
        "ExecStop", "ExecStopPost", "FinalKillSignal", "KillMode", "KillSignal", "SendSIGHUP",
        "SendSIGKILL", "TimeoutStartSec", "TimeoutStopSec", "Restart", "RestartForceExitStatus",
        "RestartMode", "RestartPreventExitStatus", "RestartSec", "RuntimeMaxSec",
        "RuntimeRandomizedExtraSec", "SuccessExitStatus",
    }
)  # fmt: skip
# The wrapper's options that concern a start alone: the next one has the new values.
_OF_STARTS = re.compile(r" --(?:startsecs|startretries|ready-timeout)=[0-9]+(?= )")


def applied(unit: str) -> list[tuple[str, str]]:
    """Return what a worker has been started with, and keeps until it is restarted."""
    return [
        (key, _kept(key, value))
        for key, value in directives(unit, "Service")
        if key not in _APPLIED_BY_RELOAD
    ]


def _kept(key: str, value: str) -> str:
    if key == "EnvironmentFile":
        return value.removeprefix("-")  # says what happens if the file is missing; it was there
    if key == "ExecStart":
        options, separator, command = value.partition(" -- ")
        return _OF_STARTS.sub("", options) + separator + command
    return value
