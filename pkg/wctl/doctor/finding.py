"""A finding: what is wrong, how we know, and the command that mends it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wctl.program import Program

MOST_LINES = 6  # of evidence: more is for "wctl logs"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    code: str  # stable, for scripts and the manual
    program: str
    what: str
    evidence: tuple[str, ...]  # values and lines, as they were found
    remedy: str  # a command to paste
    instances: tuple[str, ...] = ()  # where some instances have it and others do not

    @property
    def subject(self) -> str:
        """Who has it: one instance, or the program, with how many of its instances."""
        if len(self.instances) == 1:
            return self.instances[0]
        return (
            f"{self.program} ({len(self.instances)} instances)" if self.instances else self.program
        )


def few(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the last few of ``lines`` that say something."""
    return tuple([line.rstrip() for line in lines if line.strip()][-MOST_LINES:])


def names(program: str, instances: Sequence[str]) -> str:
    """Return how a command names these instances."""
    return shlex.join(instances) if 0 < len(instances) <= MOST_LINES else shlex.quote(program)


def edit(file: str, line: int, *, user: bool) -> str:
    """Return the command that opens a configuration at a line, and applies what was changed."""
    wctl = "wctl --user" if user else "wctl"
    return f'"${{EDITOR:-vi}}" +{line or 1} {shlex.quote(file)} && {wctl} update'


def edit_option(program: Program, key: str, *, user: bool) -> str:
    """Return the command that opens the configuration at an option, or where it belongs."""
    place = program.place_of(key)
    return edit(place.file, place.line, user=user)
