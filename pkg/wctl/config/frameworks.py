"""What a command line says about its worker: memory limit, message limit, planned end."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from wctl.config import values
from wctl.config.model import Program

# Options that make a queue worker exit by itself with code 0, so that systemd restarts it.
_PLANNED_ENDS = ("--time-limit", "--limit", "--memory-limit", "--max-time", "--max-jobs")
_LARAVEL_COMMANDS = ("queue:work", "queue:listen", "horizon:work")


@dataclass(frozen=True)
class SoftLimit:
    """The memory, in bytes, above which the worker exits after the message in hand."""

    written: str
    size: int


def soft_limit(program: Program) -> SoftLimit | None:
    """Return the worker's own limit: Symfony's --memory-limit=128M, Laravel's --memory=128."""
    words = _words(program)
    limit = _option(words, "--memory-limit")
    megabytes = _option(words, "--memory") if set(words) & set(_LARAVEL_COMMANDS) else None
    try:
        if limit:
            return SoftLimit(f"--memory-limit={limit}", values.byte_size(limit))
        if megabytes:
            return SoftLimit(f"--memory={megabytes}", values.byte_size(f"{megabytes}M"))
    except ValueError:
        pass  # not a size: the worker itself will complain
    return None


@dataclass(frozen=True)
class MessageLimit:
    """The time, in seconds, that the worker allows for one message."""

    written: str
    seconds: int


def message_limit(program: Program) -> MessageLimit | None:
    """Return the worker's time limit for a message: Laravel's --timeout, by default 60 seconds."""
    words = _words(program)
    if not set(words) & set(_LARAVEL_COMMANDS):
        return None
    limit = _option(words, "--timeout")
    if limit is None:
        return MessageLimit("Laravel's --timeout of 60 s", 60)
    return (
        MessageLimit(f"--timeout={limit}", int(limit))
        if re.fullmatch(r"\d{1,9}", limit, re.ASCII)
        else None
    )


def planned_end(program: Program) -> str | None:
    """Return the first option, as written, that makes the worker exit by itself with code 0."""
    for word in _words(program):
        if word.partition("=")[0] in _PLANNED_ENDS:
            return word
    return None


def _words(program: Program) -> list[str]:
    return [word.text(program.numprocs_start) for word in program.command]


def _option(words: Iterable[str], name: str) -> str | None:
    """Return the value of ``--name=value`` or ``--name value``."""
    found = re.search(rf"(?:^|\0){re.escape(name)}[=\0]([^\0]+)", "\0".join(words))
    return found[1] if found else None
