"""Errors and diagnostics as records; only the command line prints them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of wctl. Verbs that Supervisor has return its codes (LSB's for init scripts)."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    NOT_RUNNING = 3  # status: an instance is stopped, exited or fatal
    UNKNOWN = 4  # no such program; systemd not reachable; not permitted
    NOT_STARTED = 7  # start: spawn error; signal: not running
    INTERRUPTED = 130


NEEDS_ROOT = "run wctl as root (sudo), or with --user for your own units"  # a hint
_MOST_SUGGESTIONS = 100
_ALIKE = 0.6  # of 1
KEYS_ALIKE = 0.72  # their words are alike: at 0.6 "port" is "priority", "group" "stopasgroup"
_LONGEST_WORD = 64  # characters; a longer word gets no suggestion


class WctlError(Exception):
    """An operation cannot continue. ``hint`` tells the user what to do about it."""

    def __init__(self, message: str, hint: str = "", exit_code: int = Exit.FAILURE) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


class NothingYetError(WctlError):
    """There is no configuration, or no program, yet. The command line sets the hint."""


NO_SUCH = "no such process"  # Supervisor's words


@dataclass(frozen=True)
class Unknown:
    """A name that names nothing. ``remedy`` has the words of a wctl command that would help."""

    name: str
    why: str
    remedy: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}: {self.why}"


class UnknownNamesError(WctlError):
    """Some names name nothing; nothing has been done. The command line adds what it knows of them.

    ``nothing`` says that there is no program at all. ``diagnostics`` may be the reason.
    """

    diagnostics: tuple[Diagnostic, ...] = ()

    def __init__(
        self, unknown: Iterable[Unknown], *, nothing: bool = False, exit_code: int = Exit.UNKNOWN
    ) -> None:
        self.unknown = tuple(unknown)
        self.nothing = nothing
        super().__init__("; ".join(map(str, self.unknown)), exit_code=exit_code)


@dataclass(frozen=True)
class Place:
    """A file and the number of a line in it, counted from 1 (0: the whole file)."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True)
class Diagnostic:
    """One finding in a configuration: ``file:line: [section] key: problem, expected form``."""

    code: str  # stable, for wctl_ignore and the manual
    place: Place
    section: str
    key: str
    problem: str
    error: bool = True

    def __str__(self) -> str:
        section = f" [{self.section}]" if self.section else ""
        key = f" {self.key}:" if self.key else ":" if section else ""
        severity = "" if self.error else "warning: "
        return f"{self.place}:{section}{key} {severity}{self.problem} [{self.code}]"


class Diagnostics:
    """A collection of diagnostics that grows while wctl reads a configuration."""

    def __init__(self) -> None:
        self.found: list[Diagnostic] = []
        self.errors = 0  # how many errors error() has added; ``found`` may hold others
        self._suggestions = 0

    def nearest(self, word: str, known: Iterable[str], alike: float = _ALIKE) -> str:
        """Return nearest() for the first hundred words; then "", since each comparison is slow."""
        self._suggestions += 1
        return nearest(word, known, alike) if self._suggestions <= _MOST_SUGGESTIONS else ""

    def error(self, code: str, place: Place, section: str, key: str, problem: str) -> None:
        """Add an error, which makes the configuration unusable."""
        self.errors += 1
        self.found.append(Diagnostic(code, place, section, key, problem))

    def warning(self, code: str, place: Place, section: str, key: str, problem: str) -> None:
        """Add a warning about text that the user probably did not mean."""
        self.found.append(Diagnostic(code, place, section, key, problem, error=False))


def nearest(word: str, known: Iterable[str], alike: float = _ALIKE) -> str:
    """Return ", did you mean X?" if a word of ``known`` is close to ``word``, or else ""."""
    if len(word) > _LONGEST_WORD:
        return ""
    from difflib import get_close_matches  # only for a misspelt word

    close = get_close_matches(word, list(known), n=1, cutoff=alike)
    return f", did you mean {close[0]}?" if close else ""


class ConfigError(WctlError):
    """The configuration is unusable. ``diagnostics`` says what is wrong with it.

    ``so`` is what follows from that for the user.
    """

    def __init__(self, diagnostics: tuple[Diagnostic, ...], so: str = "") -> None:
        count = sum(diagnostic.error for diagnostic in diagnostics)
        message = f"{count} error{'s' if count != 1 else ''} in the configuration"
        super().__init__("; ".join(filter(None, [message, so])))
        self.diagnostics = diagnostics
