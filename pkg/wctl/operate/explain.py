"""What will happen to a worker, in plain words, from its unit.

What systemd has loaded includes the administrator's drop-ins, and is in force even if it is older
than the configuration. What an update would write tells what is to come.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wctl.operate import unit_properties, wrapped
from wctl.systemd.manager import Manager
from wctl.systemd.quantities import INFINITY, signal_name, size_in_words, span_in_words
from wctl.trust import accounts
from wctl.trust.text import shell_join
from wctl.wrapper.command_line import NO_FILE, Options

_PROPERTIES = (
    "CPUQuotaPerSecUSec",
    "ExecStart",
    "KillMode",
    "KillSignal",
    "MemoryHigh",
    "MemoryMax",
    "Nice",
    "NoNewPrivileges",
    "OOMPolicy",
    "PrivateTmp",
    "ProtectHome",
    "ProtectSystem",
    "Restart",
    "RestartForceExitStatus",
    "RestartUSec",
    "RuntimeMaxUSec",
    "SuccessExitStatus",
    "SystemCallFilter",
    "TasksMax",
    "TimeoutStopUSec",
    "User",
    "WorkingDirectory",
)

# The values of Restart= with which systemd starts a service again (systemd.service(5), table 1).
_AFTER_OOM = ("always", "on-failure", "on-abnormal")
_AFTER_SIGNAL = (*_AFTER_OOM, "on-abort")


@dataclass(frozen=True)
class Sentence:
    """One sentence of the explanation: ``then`` happens ``when``."""

    when: str
    then: str


def explain(manager: Manager, unit: str) -> list[Sentence]:
    """Return what happens to the instance ``unit``, from its start to its stop."""
    return _explained(manager.properties([(unit, _PROPERTIES)], stopped=True)[unit])


def explain_text(text: str, unit: str) -> list[Sentence]:
    """Return what would happen to ``unit``, an instance of a template with this text."""
    return _explained(unit_properties.properties(text, unit))


def _explained(properties: Mapping[str, Any]) -> list[Sentence]:
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
    yield Sentence("When it runs out of memory", _memory(properties, restarts))
    if properties["RuntimeMaxUSec"] not in (0, INFINITY):
        age = span_in_words(properties["RuntimeMaxUSec"])
        then = f"after {age} systemd stops it, and starts it again{restarts}"
        yield Sentence("When it gets old", then)
    yield Sentence("When it is stopped", _stop(properties))
    yield Sentence("What it writes", _output(options))
    yield Sentence("It may use", _limits(properties))
    yield Sentence("It may not", _forbidden(properties))


def _command(properties: Mapping[str, Any], options: Options) -> str:
    user = properties["User"] or (accounts.name(os.getuid()) if options.user else "root")
    directory = str(properties["WorkingDirectory"]).lstrip("!-")
    place = f" in {directory}" if directory else ""
    return f"{shell_join(options.command) or 'the command of a drop-in'}, as {user}{place}"


def _output(options: Options) -> str:
    """Return where the lines of stdout and stderr go."""
    if options.log == "none":
        return "goes nowhere, unless a drop-in says where"
    files = {
        (path, size, backups)
        for path, size, backups in (
            (options.stdout_file, options.stdout_maxbytes, options.stdout_backups),
            (options.stderr_file, options.stderr_maxbytes, options.stderr_backups),
        )
        if path not in (None, NO_FILE)
    }
    kept = [f"{path}{_rotated(size, backups)}" for path, size, backups in sorted(files, key=str)]
    if options.log == "file":
        return f"goes to {' and '.join(kept) or 'no file'}, and not to the journal"
    if options.log == "both":
        return f"goes to the journal, and to {' and '.join(kept) or 'no file'}"
    return "goes to the journal; while journald is away, to a file in /var/log/wctl"


def _rotated(size: int, backups: int) -> str:
    older = f"{backups} older file{'' if backups == 1 else 's'}"
    return f" (rotated at {size_in_words(size)}, {older})" if size else ""


def _limits(properties: Mapping[str, Any]) -> str:
    """Return how much of the machine the instance may take."""
    parts = []
    if properties["MemoryMax"] != INFINITY:
        parts.append(f"{size_in_words(properties['MemoryMax'])} of memory")
    if properties["CPUQuotaPerSecUSec"] != INFINITY:
        parts.append(f"{properties['CPUQuotaPerSecUSec'] / 10_000:g}% of a CPU")
    if properties["TasksMax"] != INFINITY:
        parts.append(f"{properties['TasksMax']} processes and threads")
    nice = f", at nice {properties['Nice']}" if properties["Nice"] else ""
    return f"{', '.join(parts) or 'as much as there is'}{nice}"


def _forbidden(properties: Mapping[str, Any]) -> str:
    """Return what the sandbox forbids, in the words of its most important directives."""
    parts = []
    if properties["NoNewPrivileges"]:
        parts.append("gain privileges (no sudo, no setuid)")
    system = {
        "yes": "write to /usr and /boot",
        "full": "write to /usr, /boot and /etc",
        "strict": "write anywhere but to ReadWritePaths=",
    }.get(str(properties["ProtectSystem"]))
    if system is not None:
        parts.append(system)
    home = str(properties["ProtectHome"])
    if home in ("read-only", "yes", "tmpfs"):
        parts.append("write to home directories" if home == "read-only" else "see home directories")
    if properties["PrivateTmp"] not in (False, "no"):  # a word from systemd 257 on
        parts.append("see the machine's /tmp")
    if properties["SystemCallFilter"][1]:
        parts.append("make system calls that administer the machine")
    return "; ".join(parts) or "do less than its user may: it has no sandbox"


def _ready(options: Options) -> str:
    if options.ready == "startsecs":
        return (
            f"once it has lived for {options.startsecs} s"
            if options.startsecs
            else "as soon as it starts"
        )
    kind, _, argument = options.ready.partition(":")
    how = {
        "notify": "once it reports that it is ready",
        "exec": f"once {argument!r} exits with 0",
        "tcp": f"once {argument} accepts connections",
        "file": f"once {argument} exists",
        "log": f"once it has written a line that matches {argument!r}",
    }[kind]
    return f"{how}; if that takes more than {options.ready_timeout} s, the start has failed"


def _failed_start(options: Options) -> str:
    if options.startretries == 0:
        return "it becomes FATAL at once"
    tries = options.startretries
    waits = ", ".join(str(number) for number in range(1, min(tries, 3) + 1))
    more = f", … {tries}" if tries > 4 else ", 4" if tries == 4 else ""
    times = "once more" if tries == 1 else f"{tries} more times"
    return f"the wrapper tries {times}, after {waits}{more} s; then it is FATAL until you start it"


def _pause(properties: Mapping[str, Any]) -> str:
    return f" after {span_in_words(properties['RestartUSec'])}"


def _after_exit(properties: Mapping[str, Any], code: int, pause: str) -> str:
    if properties["Restart"] == "always" or code in properties["RestartForceExitStatus"][0]:
        return f"systemd starts it again{pause}"
    expected = {0, *properties["SuccessExitStatus"][0]}
    if properties["Restart"] == "on-failure" and code not in expected:
        return f"systemd starts it again{pause}"
    return "systemd does not start it again (EXITED)"


def _after_other(properties: Mapping[str, Any], pause: str) -> str:
    if properties["Restart"] == "no":
        return "systemd does not start it again (EXITED)"
    expected = sorted(set(properties["SuccessExitStatus"][0]) - {0})
    if properties["Restart"] == "on-failure" and expected:
        codes = ", ".join(map(str, expected))
        return f"systemd starts it again{pause}, but not after exit code {codes} (EXITED)"
    return f"systemd starts it again{pause}"


def _after_signal(properties: Mapping[str, Any], pause: str) -> str:
    left = "" if properties["Restart"] in _AFTER_SIGNAL else " (EXITED)"
    return f"systemd {_again(properties, _AFTER_SIGNAL, pause)}{left}"


def _again(properties: Mapping[str, Any], when: Container[str], pause: str) -> str:
    starts = properties["Restart"] in when
    return f"starts it again{pause}" if starts else "does not start it again"


def _memory(properties: Mapping[str, Any], pause: str) -> str:
    limit = properties["MemoryMax"]
    if limit == INFINITY:
        return "it has no memory limit except the machine's"
    high = properties["MemoryHigh"]
    slowed = f"above {size_in_words(high)} the kernel slows it down; " if high != INFINITY else ""
    above = f"{slowed}above {size_in_words(limit)} the kernel kills"
    # See OOMPolicy= in systemd.service(5).
    if properties["OOMPolicy"] == "continue":
        again = _again(properties, _AFTER_SIGNAL, pause)
        others = f"the others go on, unless it was the worker: then systemd {again}"
        return f"{above} one process, of only this instance; {others}"
    again = _again(properties, _AFTER_OOM, pause)
    if properties["OOMPolicy"] == "stop":
        return f"{above} one process, of only this instance; systemd stops the others, and {again}"
    return f"{above} only this instance, and systemd {again}"


def _stop(properties: Mapping[str, Any]) -> str:
    name = signal_name(properties["KillSignal"])
    group = properties["KillMode"] == "control-group"
    whom = "it and its children" if group else "it"
    wait = properties["TimeoutStopUSec"]
    if wait == INFINITY:
        return f"systemd sends {name} to {whom}, and waits as long as it takes"
    if wait < 1_000_000:
        return "systemd kills it at once"
    left = span_in_words(wait)
    return f"systemd sends {name} to {whom}, and kills what is left after {left}"
