"""What will happen to a worker, in plain words, from its unit as systemd has it loaded.

Not from the configuration: an administrator's drop-ins count, and a unit that is older than the
configuration says what is really in force.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wctl.systemd.manager import Manager
from wctl.wrapper.command_line import Options, UsageError, parse

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
_NONE = (1 << 64) - 1  # of a time or a size: infinity


@dataclass(frozen=True)
class Sentence:
    """What happens ``when``."""

    when: str
    then: str


def explain(manager: Manager, unit: str) -> list[Sentence]:
    """Return what happens to ``unit``, an instance, in the order of its life."""
    properties = manager.properties([(unit, _PROPERTIES)])[unit]
    return list(_sentences(properties, _options(properties)))


def _options(properties: Mapping[str, Any]) -> Options:
    """Return what the wrapper is told; the defaults where a drop-in has replaced the command."""
    for command in properties["ExecStart"]:
        arguments = command[1]
        if any(word.endswith("/wctl/worker.py") for word in arguments):
            start = next(i for i, word in enumerate(arguments) if word.endswith("/worker.py"))
            try:
                return parse(list(arguments[start + 1 :]))
            except UsageError:
                break
    return Options()


def _sentences(properties: Mapping[str, Any], options: Options) -> Iterator[Sentence]:
    yield Sentence("It runs", _command(properties, options))
    yield Sentence("It is RUNNING", _ready(options))
    yield Sentence("When a start fails", _failed_start(options))
    restarts = _pause(properties)
    yield Sentence("When it exits with 0", _after_exit(properties, 0, restarts))
    yield Sentence("When it exits with another code", _after_other(properties, restarts))
    yield Sentence("When a signal kills it", _after_signal(properties, restarts))
    yield Sentence("When its memory is used up", _memory(properties, restarts))
    if properties["RuntimeMaxUSec"] not in (0, _NONE):
        age = _time(properties["RuntimeMaxUSec"])
        yield Sentence("When it is old", f"after {age} it is stopped and started again{restarts}")
    yield Sentence("When it is stopped", _stop(properties))


def _command(properties: Mapping[str, Any], options: Options) -> str:
    user = properties["User"] or "root"
    where = str(properties["WorkingDirectory"]).lstrip("!-")
    place = f" in {where}" if where else ""
    return f"{' '.join(options.command) or 'its own command'}, as {user}{place}"


def _ready(options: Options) -> str:
    if options.ready == "startsecs":
        return f"once it has lived for {options.startsecs} s" if options.startsecs else "at once"
    kind, _, what = options.ready.partition(":")
    how = {
        "notify": "once it says so itself",
        "exec": f"once {what!r} exits with 0",
        "tcp": f"once {what} accepts connections",
        "file": f"once {what} exists",
        "log": f"once it has written a line that matches {what!r}",
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
    return f", {_time(properties['RestartUSec'])} later"


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
    if limit == _NONE:
        return "there is no limit but the machine's"
    again = "it stays down" if properties["Restart"] == "no" else f"it is started again{pause}"
    high = properties["MemoryHigh"]
    slowed = f"above {_size(high)} it is slowed down; " if high != _NONE else ""
    return f"{slowed}above {_size(limit)} it alone is killed, and {again}"


def _stop(properties: Mapping[str, Any]) -> str:
    name = signal.Signals(properties["KillSignal"]).name
    group = properties["KillMode"] == "control-group"
    whom = "it and its children get" if group else "it gets"
    wait = properties["TimeoutStopUSec"]
    if wait == _NONE:
        return f"{whom} {name}, and however long it takes is waited for"
    if wait < 1_000_000:
        return "it is killed at once"
    return f"{whom} {name}; what is left after {_time(wait)} is killed"


def _time(microseconds: int) -> str:
    """Return a span with its largest units."""
    if microseconds < 1_000_000:
        return f"{microseconds // 1000} ms"
    seconds = microseconds // 1_000_000
    parts = []
    for name, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= size:
            parts.append(f"{seconds // size} {name}")
            seconds %= size
    return " ".join(parts)


def _size(count: int) -> str:
    """Return bytes with a binary suffix."""
    size = float(count)
    for suffix in ("B", "K", "M", "G"):
        if size < 1024:
            return f"{size:.4g}{suffix}"
        size /= 1024
    return f"{size:.4g}T"
