"""A finding: what is wrong, how we know, and the command that mends it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wctl.config.model import Program
from wctl.doctor import codes
from wctl.errors import Place

MOST_LINES = 6  # of evidence: more is for "wctl logs"
_LONGEST = 300  # characters of one
# What terminals take as commands (ECMA-48): a worker's colours, or worse.
_ESCAPE_SEQUENCE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\-_])")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    code: str  # stable, for scripts and the manual
    program: str
    what: str
    evidence: tuple[str, ...]  # values and lines, as they were found
    remedy: str  # a command to paste
    instances: tuple[str, ...] = ()  # where some instances have it and others do not

    def __post_init__(self) -> None:
        """See to it that no code is without its place in the manual."""
        assert codes.known(self.code), self.code

    @property
    def subject(self) -> str:
        """Who has it: one instance, or the program, with how many of its instances."""
        if len(self.instances) == 1:
            return self.instances[0]
        return (
            f"{self.program} ({len(self.instances)} instances)" if self.instances else self.program
        )


@dataclass(frozen=True)
class Commands:
    """How commands are typed so that they act on what was examined, and on nothing else."""

    user: bool = False
    files: tuple[str, ...] = ()  # of the option -c

    def wctl(self, *words: str) -> str:
        """Return a call of wctl."""
        return shlex.join(["wctl", *(["--user"] if self.user else []), *words])

    def update(self) -> str:
        """Return the call that applies the configuration: of another one it would remove all."""
        return self.wctl(*(word for file in self.files for word in ("-c", file)), "update")

    def systemctl(self, *words: str) -> str:
        """Return a call of systemctl."""
        return shlex.join(["systemctl", *(["--user"] if self.user else []), *words])

    def edit(self, place: Place) -> str:
        """Return the command that opens a configuration, and applies what was changed."""
        return f"{editor(place)} && {self.update()}"

    def edit_option(self, program: Program, *keys: str) -> str:
        """Return the command that opens the configuration at an option, or where it belongs.

        The first of ``keys`` that was written is meant.
        """
        key = next((each for each in keys if each in program.places), keys[0])
        return self.edit(program.place_of(key))


def editor(place: Place) -> str:
    """Return the command that opens a file at a line. $EDITOR may have options of its own."""
    return f"${{EDITOR:-vi}} +{place.line or 1} {shlex.quote(place.file)}"


def few(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the last few of ``lines`` that say something, and say it once."""
    kept: list[str] = []
    for line in lines:
        clean = printable(line)
        if clean and kept[-1:] != [clean]:
            kept.append(clean)
    return tuple(kept[-MOST_LINES:])


def printable(line: str) -> str:
    """Return ``line`` as it may be shown: not endless, and nothing that a terminal obeys."""
    text = _ESCAPE_SEQUENCE.sub("", line[: 4 * _LONGEST])
    text = "".join(each if each.isprintable() else " " for each in text).rstrip()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def names(program: str, instances: Sequence[str]) -> Sequence[str]:
    """Return how a command names these instances."""
    return instances if 0 < len(instances) <= MOST_LINES else (program,)
