"""How the last process of a unit ended, and why no other runs, from the unit's properties."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wctl.systemd import exit_codes, unit_name
from wctl.trust.text import printable
from wctl.wrapper.exits import GIVE_UP_SIGNAL

# What the functions below look at; an absent property has its value of a unit that never ran.
PROPERTIES = (
    "ActiveExitTimestampMonotonic",
    "ExecMainCode",
    "ExecMainExitTimestampMonotonic",
    "ExecMainStartTimestampMonotonic",
    "ExecMainStatus",
    "InactiveExitTimestampMonotonic",
    "NRestarts",
    "Restart",
    "RestartForceExitStatus",
    "RestartPreventExitStatus",
    "Result",
    "StartLimitBurst",
    "StartLimitIntervalUSec",
)
FOR_CAUSE = ("EnvironmentFiles",)  # what cause() also needs after lacks_resources()

_CLD_EXITED = 1  # the code of waitid(2), as in ExecMainCode=
_SUCCESS, _CONDITION = "success", "exec-condition"  # of Result=
# Restart= asks for a start after these values of Result= alone, or after all but these; "no" never.
_AFTER: Mapping[str, frozenset[str]] = {
    "on-success": frozenset({_SUCCESS}),
    "on-abort": frozenset({"signal", "core-dump"}),
    "on-watchdog": frozenset({"watchdog"}),
}
_NOT_AFTER: Mapping[str, frozenset[str]] = {
    "always": frozenset({_CONDITION}),
    "on-failure": frozenset({_CONDITION, _SUCCESS}),
    "on-abnormal": frozenset({_CONDITION, _SUCCESS, "exit-code"}),
}


def was_ready(properties: Mapping[str, Any]) -> bool:
    """Tell whether the last process was RUNNING: its unit left "active" after the process began."""
    begun = int(properties.get("ExecMainStartTimestampMonotonic", 0))
    left_active = int(properties.get("ActiveExitTimestampMonotonic", 0))
    return left_active > begun and not lacks_resources(properties)


def exited(properties: Mapping[str, Any]) -> bool:
    """Tell whether the last process was RUNNING, exited by itself, and is not to run again."""
    # A unit stopped during RestartSec= left "inactive" after it had last left "active". With
    # RestartMode=direct it did not, but then a restart was due.
    left_active = int(properties.get("ActiveExitTimestampMonotonic", 0))
    return (
        _by_itself(properties)
        and left_active > int(properties.get("InactiveExitTimestampMonotonic", 0))
        and not restart_due(properties)
    )


def _by_itself(properties: Mapping[str, Any]) -> bool:
    """Tell whether the last process was RUNNING and exited without systemd's doing.

    If the worker exited by itself, its unit left "active" when the process exited, or later. If
    systemd stopped it, the unit left "active" first. Nothing but these two times tells them apart.
    """
    ended = int(properties.get("ExecMainExitTimestampMonotonic", 0))
    return 0 < ended <= int(properties.get("ActiveExitTimestampMonotonic", 0))


def restart_due(properties: Mapping[str, Any]) -> bool:
    """Tell whether Restart= asks for a start after the last end (systemd.service(5), Restart=)."""
    code, status = (int(properties.get(f"ExecMain{name}", 0)) for name in ("Code", "Status"))
    prevented, forced = (
        # Lists of exit codes and of signals.
        status in properties.get(f"Restart{name}ExitStatus", ((), ()))[code != _CLD_EXITED]
        for name in ("Prevent", "Force")
    )
    restart, result = properties.get("Restart", "no"), properties.get("Result", _SUCCESS)
    if restart in _NOT_AFTER:
        due = result not in _NOT_AFTER[restart]
    else:
        due = result in _AFTER.get(restart, ())
    return not prevented and (forced or due)


def given_up(properties: Mapping[str, Any], *, failed: bool) -> bool:
    """Tell whether nobody tries again to start a unit that is down, although nobody stopped it.

    ``failed`` tells whether systemd calls the unit failed.
    """
    by_signal = int(properties.get("ExecMainCode", 0)) not in (0, _CLD_EXITED)
    if by_signal and properties.get("ExecMainStatus") == GIVE_UP_SIGNAL:
        return True
    if not failed or lacks_resources(properties):
        return failed
    if was_ready(properties):
        return _by_itself(properties) and restart_due(properties) and limit_hit(properties)
    return limit_hit(properties) or never_ran(properties)


def limit_hit(properties: Mapping[str, Any]) -> bool:
    """Tell whether systemd has given up, because no start got as far as our wrapper.

    Result= is not start-limit-hit then: systemd keeps the result of the last failed start. After a
    stop that had to kill, it is timeout.
    """
    limited = int(properties.get("StartLimitIntervalUSec", 0)) > 0
    often = limited and int(properties["NRestarts"]) >= int(properties["StartLimitBurst"])
    return often and properties.get("Result") != "timeout"


def never_ran(properties: Mapping[str, Any]) -> bool:
    """Tell whether the last start failed in systemd itself, before systemd ran our wrapper."""
    return lacks_resources(properties) or (
        int(properties.get("ExecMainCode", 0)) == _CLD_EXITED
        and int(properties["ExecMainStatus"]) in exit_codes.WHY
    )


def lacks_resources(properties: Mapping[str, Any]) -> bool:
    """Tell whether systemd could not create a process: an EnvironmentFile= is gone, for example."""
    return properties.get("Result") == "resources"


def cause(unit: str, properties: Mapping[str, Any], *, user: bool) -> str:
    """Return why systemd could not run the wrapper of ``unit``, or the command that shows more."""
    if lacks_resources(properties):
        for path, optional in properties.get("EnvironmentFiles", ()):
            if not optional and _missing(path):
                return f"its environment file {printable(path)} is missing"
    elif int(properties.get("ExecMainCode", 0)) == _CLD_EXITED:
        why = exit_codes.WHY.get(int(properties["ExecMainStatus"]))
        if why is not None:
            return why
    return f"see 'systemctl {'--user ' if user else ''}status {unit_name.short(unit)}'"


def _missing(path: str) -> bool:
    """Tell whether there is no such file, as far as we may look; a pattern names none."""
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return not any(character in path for character in "*?[")
    except OSError:
        pass
    return False
