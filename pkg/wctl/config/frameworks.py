"""What a worker's command line tells about it: its own memory limit, its planned end."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from wctl.config import values
from wctl.config.model import Program

# The options by which queue workers end themselves with exit code 0, to be started again.
_PLANNED_ENDS = ("--time-limit", "--limit", "--memory-limit", "--max-time", "--max-jobs")
_LARAVEL_COMMANDS = ("queue:work", "queue:listen", "horizon:work")


@dataclass(frozen=True)
class SoftLimit:
    """Memory, in bytes, above which the worker ends itself after the message in hand."""

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
        pass  # not a size: then the worker itself will complain
    return None


@dataclass(frozen=True)
class MessageLimit:
    """How long the worker lets one message take."""

    written: str
    seconds: int


def message_limit(program: Program) -> MessageLimit | None:
    """Return the worker's own limit of a message: Laravel's --timeout, 60 seconds by default."""
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
    """Return the option, as written, that makes the worker end with 0 when its time has come."""
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
