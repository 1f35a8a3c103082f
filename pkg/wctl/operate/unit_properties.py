"""What systemd would make of a unit that it has not loaded: the properties that explain needs.

Only what wctl writes into units, and what administrators pass through, is read here. Drop-ins are
not: systemd alone knows which ones there are.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from wctl.config import values
from wctl.systemd import when
from wctl.systemd.quantities import INFINITY
from wctl.systemd.unit_file import words
from wctl.units.marker import directives

_DEFAULTS: Mapping[str, Any] = {
    "CPUQuotaPerSecUSec": INFINITY,
    "ExecStart": (),
    "KillMode": "control-group",
    "KillSignal": signal.SIGTERM,
    "MemoryHigh": INFINITY,
    "MemoryMax": INFINITY,
    "Nice": 0,
    "NoNewPrivileges": False,
    "OOMPolicy": "stop",
    "PrivateTmp": False,
    "ProtectHome": "no",
    "ProtectSystem": "no",
    "Restart": "no",
    "RestartForceExitStatus": ((), ()),
    "RestartUSec": 100_000,
    "RuntimeMaxUSec": INFINITY,
    "SuccessExitStatus": ((), ()),
    "SystemCallFilter": (False, ()),
    "TasksMax": INFINITY,  # and not systemd's own default, which nobody has asked for
    "TimeoutStopUSec": 90_000_000,
    "User": "",
    "WorkingDirectory": "",
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([KMGTPE]?)B?", re.ASCII)
_YES = frozenset({"1", "yes", "y", "true", "t", "on"})
_NO = frozenset({"0", "no", "n", "false", "f", "off"})


def properties(text: str, unit: str) -> dict[str, Any]:
    """Return the properties of ``unit``, an instance of the template with this text."""
    found = dict(_DEFAULTS)
    for key, value in directives(text, "Service"):
        if not value:
            continue  # systemd's own default, which we do not know
        with suppress(ValueError):  # as systemd, which ignores what it cannot read
            _take(found, key, _specified(value, unit))
    return found


def _take(found: dict[str, Any], key: str, value: str) -> None:
    """Change what a directive changes; of a list, the last line counts, which is enough here."""
    if key == "ExecStart":
        argv = words(value)
        found[key] = [(argv[0], argv)] if argv else []
    elif key in ("RestartSec", "RuntimeMaxSec", "TimeoutStopSec"):
        found[f"{key.removesuffix('Sec')}USec"] = _span(value)
    elif key == "CPUQuota":
        found["CPUQuotaPerSecUSec"] = int(value.rstrip("%")) * 10_000
    elif key in ("MemoryHigh", "MemoryMax"):
        found[key] = _size(value)
    elif key == "TasksMax":
        found[key] = int(value) if value.isdecimal() else INFINITY
    elif key == "Nice":
        found[key] = int(value)
    elif key == "KillSignal":
        found[key] = values.stop_signal(value)
    elif key in ("RestartForceExitStatus", "SuccessExitStatus"):
        found[key] = _ends(value.split())
    elif key == "SystemCallFilter":
        found[key] = (value.startswith("~"), value.lstrip("~").split())
    elif key in ("NoNewPrivileges", "PrivateTmp"):
        found[key] = value.lower() in _YES
    elif key in found:
        found[key] = "no" if value.lower() in _NO else "yes" if value.lower() in _YES else value


def _specified(value: str, unit: str) -> str:
    """Return a value with the specifiers replaced that wctl writes (systemd.unit(5))."""
    number = unit.partition("@")[2].removesuffix(".service")
    known = {"%%": "%", "%n": unit, "%i": number, "%t": "/run"}
    return re.sub("%.", lambda found: known.get(found[0], found[0]), value)


def _span(value: str) -> int:
    found = when.span_or_none(value)
    return INFINITY if found is None else found


def _size(value: str) -> int:
    if value.endswith("%"):
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return int(whole * float(value.rstrip("%")) / 100)
    if value == "infinity":
        return INFINITY
    match = _SIZE.fullmatch(value)
    if match is None:
        raise ValueError(value)
    return int(float(match[1]) * (1 << 10 * (" KMGTPE".index(match[2] or " "))))


def _ends(ends: Sequence[str]) -> tuple[list[int], list[int]]:
    """Return exit codes and signals."""
    codes, signals = [], []
    for end in ends:
        with suppress(ValueError):  # systemd has names of exit codes, too
            if end.isdecimal():
                codes.append(int(end))
            else:
                signals.append(int(values.stop_signal(end)))
    return codes, signals
