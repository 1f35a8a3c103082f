"""The systemd service of a supervisord: end it when nothing is left in it, or begin it again."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from wctl.errors import WctlError
from wctl.supervisor.connection import SilentError
from wctl.supervisor.daemons import Daemon, services
from wctl.supervisor.supervisorctl import Supervisorctl
from wctl.systemd.manager import Manager
from wctl.trust import commands, files
from wctl.trust.text import shell_join
from wctl.units.marker import directives

_LONGEST = 120.0  # seconds for systemctl, or for a service to end
_ANSWER = 30.0  # seconds until a new supervisord answers
_PACKAGES = ("/usr/lib/", "/lib/")  # where packages have their units: nobody has edited those
# What concerns supervisord alone, or is read from its process.
_ITS_OWN = re.compile(
    r"Environment|EnvironmentFile|PassEnvironment|UnsetEnvironment|Exec.+|Restart.*|Start.*|Type"
    r"|Description|Documentation|KillMode|KillSignal|PIDFile|TimeoutSt.+Sec|NotifyAccess"
)
_BETWEEN = 0.25  # seconds between two questions


def of_daemon(manager: Manager, daemon: Daemon) -> str:
    """Return the unit whose main process is ``daemon``; "" if systemd did not start it."""
    if not daemon.unit:
        return ""
    main = manager.properties([(daemon.unit, ("MainPID",))])[daemon.unit]["MainPID"]
    return daemon.unit if int(main) == daemon.pid else ""


def of_file(manager: Manager, file: Path) -> str:
    """Return the unit that would start supervisord with ``file``; "" if we know none."""
    for unit, configuration in services(manager).items():
        if configuration is not None and configuration.resolve() == file.resolve():
            return unit
    return ""


def settings(manager: Manager, unit: str) -> Iterator[tuple[str, str]]:
    """Yield the files in which an administrator sets up Supervisor's service, and what they set.

    Variables are left out: environment.py reads them from the process.
    """
    found = manager.properties([(unit, ("FragmentPath", "DropInPaths"))])[unit]
    for path in (found["FragmentPath"], *found["DropInPaths"]):
        if not path or path.startswith(_PACKAGES):
            continue
        try:
            text = files.read(path).decode(errors="replace")
        except OSError:
            continue
        pairs = (pair for section in ("Unit", "Service") for pair in directives(text, section))
        names = dict.fromkeys(key.strip() for key, value in pairs if _counts(key.strip(), value))
        if names:
            yield path, ", ".join(names)


def _counts(key: str, value: str) -> bool:
    """Tell whether a directive may matter to what the service runs."""
    return not _ITS_OWN.fullmatch(key) and not all(
        word.startswith("network") for word in value.split()
    )


def runs(manager: Manager, unit: str) -> bool:
    """Tell whether a service runs, or is about to; not if it waits for a restart."""
    return any(
        found.name == unit and not found.down and not found.sub.startswith("auto-restart")
        for found in manager.units([unit])
    )


def stopping(manager: Manager, units: Collection[str]) -> list[str]:
    """Return those of ``units`` that are stopping, and will not start again after it."""
    found = manager.units(list(units)) if units else []
    return [
        unit.name
        for unit in found
        if unit.job == "stop" or (unit.active == "deactivating" and not unit.job)
    ]


def await_ends(manager: Manager, units: Collection[str]) -> None:
    """Wait until none of ``units`` is stopping any more."""
    end_of_wait = time.monotonic() + _LONGEST
    while stopping(manager, units) and time.monotonic() < end_of_wait:
        time.sleep(_BETWEEN)


def end(manager: Manager, unit: str) -> None:
    """Stop a service for good.

    Raises:
        WctlError: systemd refuses, or the service does not end.
    """
    _systemctl(manager, "disable", unit)
    stop(manager, unit)


def begin(manager: Manager, unit: str) -> None:
    """Start a service, now and at each boot.

    Raises:
        WctlError: systemd refuses.
    """
    _systemctl(manager, "enable", "--now", unit)


def stop(manager: Manager, unit: str) -> None:
    """Stop a service until the next boot.

    Raises:
        WctlError: systemd refuses, or the service does not end.
    """
    # Not systemctl: it would go on if somebody killed us, and stop the service any time later.
    made, refused = manager.stop([unit])
    if refused:
        raise WctlError(f"{unit}: systemd does not stop it: {refused[unit]}")
    ended = manager.wait(made.values(), _LONGEST)
    if ended is None or ended[1] != "done":
        why = f"its stop was {ended[1]}" if ended else f"it still runs after {_LONGEST:.0f} s"
        raise WctlError(f"{unit}: not stopped: {why}")


def enable(manager: Manager, unit: str) -> None:
    """Have a service started at each boot.

    Raises:
        WctlError: systemd refuses.
    """
    _systemctl(manager, "enable", unit)


def _systemctl(manager: Manager, *words: str) -> None:
    """Run systemctl, which also knows the services of init scripts, unlike systemd itself."""
    command = ["systemctl", *(["--user"] if manager.user else []), *words]
    answer = commands.ask(command, _LONGEST)
    if answer.code != 0:
        said = [line for line in answer.lines if line.strip()] or ["no answer"]
        raise WctlError(f"{shell_join(command)}: {said[-1]}")


def is_silent(manager: Manager, unit: str, supervisor: Supervisorctl) -> bool:
    """Tell whether a service has just been started, and answers nothing yet."""
    if not runs(manager, unit):
        return False
    begun = manager.properties([(unit, ("InactiveExitTimestampMonotonic",))])[unit]
    if time.monotonic() - begun["InactiveExitTimestampMonotonic"] / 1_000_000 > _ANSWER:
        return False
    try:
        supervisor.pid()
    except SilentError:
        return True
    except WctlError:
        return False  # and will not, however long we wait
    return False


def answers(supervisor: Supervisorctl) -> dict[str, str]:
    """Wait until a supervisord that has just been started answers; return the states.

    Raises:
        WctlError: it does not.
    """
    end_of_wait = time.monotonic() + _ANSWER
    while True:
        try:
            return supervisor.states()
        except SilentError:
            if time.monotonic() >= end_of_wait:
                raise
        time.sleep(_BETWEEN)
