"""What can go wrong, as records that the command line alone prints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of wctl; Supervisor's where the verb is Supervisor's (LSB's init script codes)."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    NOT_RUNNING = 3  # status: something is stopped, exited or fatal
    UNKNOWN = 4  # no such program; systemd not reachable; not permitted
    NOT_STARTED = 7  # start: spawn error; signal: not running
    INTERRUPTED = 130


_MOST_SUGGESTIONS = 100
_LONGEST_WORD = 64  # characters that a misspelt word may have to be worth a comparison


class WctlError(Exception):
    """An operation cannot go on. ``hint`` says what to do about it."""

    def __init__(self, message: str, hint: str = "", exit_code: int = Exit.FAILURE) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


@dataclass(frozen=True)
class Place:
    """Where something was written: a file and its line, counted from 1 (0: the file as a whole)."""

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
    """Diagnostics while they are collected."""

    def __init__(self) -> None:
        self.found: list[Diagnostic] = []
        self.errors = 0  # how many of those that were added here are errors
        self._suggestions = 0

    def nearest(self, word: str, known: Iterable[str]) -> str:
        """Return nearest(), for the first hundred words: it takes long, and who reads more?"""
        self._suggestions += 1
        return nearest(word, known) if self._suggestions <= _MOST_SUGGESTIONS else ""

    def error(self, code: str, place: Place, section: str, key: str, problem: str) -> None:
        """Add what makes the configuration unusable."""
        self.errors += 1
        self.found.append(Diagnostic(code, place, section, key, problem))

    def warning(self, code: str, place: Place, section: str, key: str, problem: str) -> None:
        """Add what is likely not meant."""
        self.found.append(Diagnostic(code, place, section, key, problem, error=False))


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ", did you mean X?" where one of ``known`` is close to ``word``."""
    if len(word) > _LONGEST_WORD:
        return ""
    from difflib import get_close_matches  # only where something is misspelt

    close = get_close_matches(word, list(known), n=1)
    return f", did you mean {close[0]}?" if close else ""


class ConfigError(WctlError):
    """A configuration that cannot be used, with everything that is wrong in it."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        count = sum(each.error for each in diagnostics)
        super().__init__(f"{count} error{'s' if count != 1 else ''} in the configuration")
        self.diagnostics = diagnostics
