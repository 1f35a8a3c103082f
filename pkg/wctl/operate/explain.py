"""What will happen to a worker, in plain words, from its unit as systemd has loaded it.

The configuration is not read: the unit includes the administrator's drop-ins, and a unit that is
older than the configuration is still in force.
"""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wctl.operate import wrapped
from wctl.systemd.manager import Manager
from wctl.systemd.quantities import INFINITY, size_in_words, span_in_words
from wctl.wrapper.command_line import Options

_PROPERTIES = (
    "ExecStart",
    "KillMode",
    "KillSignal",
    "MemoryHigh",
    "MemoryMax",
    "OOMPolicy",
    "Restart",
    "RestartForceExitStatus",
    "RestartUSec",
    "RuntimeMaxUSec",
    "SuccessExitStatus",
    "TimeoutStopUSec",
    "User",
    "WorkingDirectory",
)


@dataclass(frozen=True)
class Sentence:
    """One sentence of the explanation: ``then`` happens ``when``."""

    when: str
    then: str


def explain(manager: Manager, unit: str) -> list[Sentence]:
    """Return what happens to the instance ``unit``, from its start to its stop."""
    properties = manager.properties([(unit, _PROPERTIES)])[unit]
    options = wrapped.options(properties["ExecStart"]) or Options()
    return list(_sentences(properties, options))


def _sentences(properties: Mapping[str, Any], options: Options) -> Iterator[Sentence]:
    yield Sentence("It runs", _command(properties, options))
    yield Sentence("It is RUNNING", _ready(options))
    yield Sentence("When a start fails", _failed_start(options))
    restarts = _pause(properties)
    yield Sentence("When it exits with 0", _after_exit(properties, 0, restarts))
    yield Sentence("When it exits with another code", _after_other(properties, restarts))
    yield Sentence("When a signal kills it", _after_signal(properties, restarts))
    yield Sentence("When its memory is used up", _memory(properties, restarts))
    if properties["RuntimeMaxUSec"] not in (0, INFINITY):
        age = span_in_words(properties["RuntimeMaxUSec"])
        yield Sentence("When it is old", f"after {age} it is stopped and started again{restarts}")
    yield Sentence("When it is stopped", _stop(properties))


def _command(properties: Mapping[str, Any], options: Options) -> str:
    user = properties["User"] or "root"
    directory = str(properties["WorkingDirectory"]).lstrip("!-")
    place = f" in {directory}" if directory else ""
    return f"{shlex.join(options.command) or 'its own command'}, as {user}{place}"


def _ready(options: Options) -> str:
    if options.ready == "startsecs":
        return f"once it has lived for {options.startsecs} s" if options.startsecs else "at once"
    kind, _, argument = options.ready.partition(":")
    how = {
        "notify": "once it says so itself",
        "exec": f"once {argument!r} exits with 0",
        "tcp": f"once {argument} accepts connections",
        "file": f"once {argument} exists",
        "log": f"once it has written a line that matches {argument!r}",
    }[kind]
    return f"{how}; not within {options.ready_timeout} s: the start has failed"


def _failed_start(options: Options) -> str:
    if options.startretries == 0:
        return "it is FATAL at once"
    tries = options.startretries
    waits = ", ".join(str(number) for number in range(1, min(tries, 3) + 1))
    more = f", … {tries}" if tries > 4 else ", 4" if tries == 4 else ""
    noun = "try" if tries == 1 else "tries"
    return f"{tries} more {noun}, after {waits}{more} s; then it is FATAL until somebody starts it"


def _pause(properties: Mapping[str, Any]) -> str:
    return f", {span_in_words(properties['RestartUSec'])} later"


def _after_exit(properties: Mapping[str, Any], code: int, pause: str) -> str:
    if properties["Restart"] == "always" or code in properties["RestartForceExitStatus"][0]:
        return f"it is started again{pause}"
    expected = {0, *properties["SuccessExitStatus"][0]}
    if properties["Restart"] == "on-failure" and code not in expected:
        return f"it is started again{pause}"
    return "it stays down (EXITED)"


def _after_other(properties: Mapping[str, Any], pause: str) -> str:
    if properties["Restart"] == "no":
        return "it stays down (EXITED)"
    expected = sorted(set(properties["SuccessExitStatus"][0]) - {0})
    if properties["Restart"] == "on-failure" and expected:
        codes = ", ".join(map(str, expected))
        return f"it is started again{pause}; after {codes} it stays down (EXITED)"
    return f"it is started again{pause}"


def _after_signal(properties: Mapping[str, Any], pause: str) -> str:
    if properties["Restart"] == "no":
        return "it stays down (EXITED)"
    return f"it is started again{pause}"


def _memory(properties: Mapping[str, Any], pause: str) -> str:
    limit = properties["MemoryMax"]
    if limit == INFINITY:
        return "there is no limit but the machine's"
    again = "it stays down" if properties["Restart"] == "no" else f"it is started again{pause}"
    high = properties["MemoryHigh"]
    slowed = f"above {size_in_words(high)} it is slowed down; " if high != INFINITY else ""
    return f"{slowed}above {size_in_words(limit)} it alone is killed, and {again}"


def _stop(properties: Mapping[str, Any]) -> str:
    name = signal.Signals(properties["KillSignal"]).name
    group = properties["KillMode"] == "control-group"
    whom = "it and its children get" if group else "it gets"
    wait = properties["TimeoutStopUSec"]
    if wait == INFINITY:
        return f"{whom} {name}, and however long it takes is waited for"
    if wait < 1_000_000:
        return "it is killed at once"
    return f"{whom} {name}; what is left after {span_in_words(wait)} is killed"
