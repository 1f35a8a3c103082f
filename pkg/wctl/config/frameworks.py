"""What a command line says about its worker: memory limit, message limit, planned end."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from wctl.config import values
from wctl.config.model import Program

# Options that make a queue worker exit by itself with code 0, so that systemd restarts it.
_PLANNED_ENDS = ("--time-limit", "--limit", "--memory-limit", "--max-time", "--max-jobs")
_LARAVEL_COMMANDS = ("queue:work", "queue:listen", "horizon:work")
# The options with the memory at which a worker ends, and the unit of a number without a suffix. The
# same option of another command may mean another unit, or another memory.
_MEMORY = {
    "messenger:consume": (("--memory-limit", "-m"), ""),
    **dict.fromkeys(_LARAVEL_COMMANDS, (("--memory",), "M")),
    # Oro, Enqueue, RabbitMqBundle
    **dict.fromkeys(
        (
            "oro:message-queue:consume", "oro:message-queue:transport:consume",
            "enqueue:consume", "enqueue:transport:consume",
        ),
        (("--memory-limit",), "M"),
    ),
    **dict.fromkeys(
        ("rabbitmq:consumer", "rabbitmq:multiple-consumer", "rabbitmq:batch:consumer"),
        (("--memory-limit", "-l"), "M"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class SoftLimit:
    """The memory, in bytes, above which the worker exits after the message in hand."""

    written: str
    size: int


def soft_limit(program: Program) -> SoftLimit | None:
    """Return the worker's own limit: Symfony's --memory-limit=128M, Laravel's --memory=128."""
    words = _words(program)
    for command in words:
        names, unit = _MEMORY.get(command, ((), ""))
        for name in names:
            given = _option(words, name)
            if given:
                with suppress(ValueError):  # not a size: the worker itself will complain
                    size = values.byte_size(given + unit)
                    return SoftLimit(f"{name}={given}", size) if size else None
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
