"""What a command line says about its worker: memory limit, message limit, planned end."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wctl.config import consoles, values
from wctl.config.model import Program

_MOST_MESSAGES = 500  # that a worker may handle in a second, if they are small
# The option for the memory at which a worker ends, and the unit of a number without a suffix. The
# same option of another command may mean another unit, or another memory.
_SOFT_LIMITS = {
    "Messenger": (("--memory-limit", "-m"), ""),
    "Laravel": (("--memory",), "M"),
    "Oro": (("--memory-limit",), "M"),
    "Enqueue": (("--memory-limit",), "M"),
    "RabbitMqBundle": (("--memory-limit", "-l"), "M"),
}


@dataclass(frozen=True)
class SoftLimit:
    """The memory, in bytes, above which the worker exits after the message in hand."""

    written: str
    size: int


def soft_limit(program: Program) -> SoftLimit | None:
    """Return the worker's own limit: Symfony's --memory-limit=128M, Laravel's --memory=128."""
    worker = consoles.of(program)
    if worker is None or worker.console.title not in _SOFT_LIMITS:
        return None
    names, unit = _SOFT_LIMITS[worker.console.title]
    given = worker.option(*names)
    try:
        size = values.byte_size(f"{given}{unit}")
    except ValueError:
        return None  # not given, or not a size: the worker itself will complain
    return SoftLimit(f"{names[0]}={given}", size) if size else None


@dataclass(frozen=True)
class MessageLimit:
    """The time, in seconds, that the worker allows for one message, or for the last ones."""

    written: str
    seconds: int
    loses: bool = False  # it puts messages back only after that time; to kill it then loses them


# The option for the time of a message, and its default in seconds.
_MESSAGE_LIMITS = {
    "Laravel": (("--timeout",), 60),
    "Sidekiq": (("--timeout", "-t"), 25),
}


def message_limit(program: Program) -> MessageLimit | None:
    """Return the worker's time limit for a message, as given or by default; None if unknown."""
    worker = consoles.of(program)
    if worker is None or worker.console.title not in _MESSAGE_LIMITS:
        return None
    title = worker.console.title
    names, default = _MESSAGE_LIMITS[title]
    limit = worker.option(*names)
    loses = title == "Sidekiq"
    if limit is None:
        return MessageLimit(f"{title}'s {names[0]} of {default} s", default, loses)
    if not re.fullmatch(r"\d{1,9}", limit, re.ASCII) or (int(limit) == 0 and not loses):
        return None  # to Laravel, 0 is no limit
    return MessageLimit(f"{names[0]}={limit}", int(limit), loses)


@dataclass(frozen=True)
class PlannedEnd:
    """What makes the worker exit by itself with code 0, so that systemd restarts it."""

    written: str
    kind: str  # see consoles.py

    def may_come_within(self, seconds: int) -> bool:
        """Tell whether it may come before the worker has lived for some ``seconds``."""
        number = re.search(r"[0-9]{1,9}$", self.written)
        if self.kind == consoles.COUNT:
            return number is None or int(number[0]) <= _MOST_MESSAGES * seconds
        return self.kind == consoles.EMPTY


def planned_ends(words: tuple[str, ...]) -> list[PlannedEnd]:
    """Return the planned ends of the worker in a command line, in the order written.

    A shell that goes on after the worker has none.
    """
    worker = consoles.find(words)
    if worker is None or worker.call.looped:
        return []
    return [PlannedEnd(written, end.kind) for end, written in worker.ends]


def planned_end(program: Program) -> PlannedEnd | None:
    """Return the first of the program's planned ends."""
    return next(iter(planned_ends(words(program))), None)


def early_end(words: tuple[str, ...], seconds: int) -> PlannedEnd | None:
    """Return the first planned end that may come before the worker has lived for ``seconds``."""
    return next((end for end in planned_ends(words) if end.may_come_within(seconds)), None)


def words(program: Program) -> tuple[str, ...]:
    """Return the command line of the program's first instance."""
    return tuple(word.text(program.numprocs_start) for word in program.command)
