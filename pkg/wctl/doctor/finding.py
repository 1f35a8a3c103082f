"""A finding: the problem, its evidence, and the command that fixes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wctl.check import doctor_codes as codes
from wctl.check.doctor_codes import Severity
from wctl.config.model import Program
from wctl.errors import Place
from wctl.trust.text import printable, shell_join, shell_quote

MOST_LINES = 6  # of evidence; "wctl logs" shows more


@dataclass(frozen=True)
class Finding:
    """One problem of a program, or of some of its instances."""

    code: str  # stable, for scripts and the manual
    program: str
    what: str
    evidence: tuple[str, ...]  # values and log lines that show the problem
    remedy: str  # a command to paste
    instances: tuple[str, ...] = ()  # the instances with the problem; empty: the whole program

    def __post_init__(self) -> None:
        """Assert that the manual has the code."""
        assert codes.known(self.code), self.code

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return codes.severity(self.code)

    @property
    def subject(self) -> str:
        """The instance that has the problem, or the program and the number of such instances."""
        if len(self.instances) == 1:
            return self.instances[0]
        return (
            f"{self.program} ({len(self.instances)} instances)" if self.instances else self.program
        )


@dataclass(frozen=True)
class Commands:
    """Writes commands that act on the same systemd and configuration as the examination."""

    user: bool = False
    files: tuple[str, ...] = ()  # of the option -c (--configuration)

    def wctl(self, *words: str) -> str:
        """Return a wctl command."""
        return shell_join(["wctl", *(["--user"] if self.user else []), *words])

    def update(self, *options: str) -> str:
        """Return "wctl update" with the same files: others have other programs."""
        files = (word for file in self.files for word in ("-c", file))
        return self.wctl(*files, "update", *options)

    def systemctl(self, *words: str) -> str:
        """Return a systemctl command."""
        return shell_join(["systemctl", *(["--user"] if self.user else []), *words])

    def edit(self, place: Place) -> str:
        """Return the command that opens a configuration file in an editor, then applies it."""
        return f"{editor(place)} && {self.update()}"

    def edit_option(self, program: Program, *keys: str) -> str:
        """Return the command that opens the configuration at an option, or at its section.

        The option is the first of ``keys`` that the configuration sets.
        """
        key = next((option for option in keys if option in program.places), keys[0])
        return self.edit(program.place_of(key))


def editor(place: Place) -> str:
    """Return the command that opens a file at a line. $EDITOR may contain options of its own."""
    return f"${{EDITOR:-vi}} +{place.line or 1} {shell_quote(place.file)}"


def few(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the last few of ``lines``, without empty lines and immediate repetitions."""
    kept: list[str] = []
    for line in lines:
        clean = printable(line)
        if clean and kept[-1:] != [clean]:
            kept.append(clean)
    return tuple(kept[-MOST_LINES:])


def printed(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the last few lines of what a command printed, as evidence.

    Such a line may look like a command to paste; we show ours in the same place.
    """
    return _of_others("printed", lines)


def noted(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the last few notes of the wrapper: it runs as the worker's user, who may write any."""
    return _of_others("noted", lines)


def wrote(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the last few lines that a worker wrote."""
    return _of_others("wrote", lines)


def _of_others(verb: str, lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{verb}: {line}" for line in few(lines))


def names(program: str, instances: Sequence[str]) -> Sequence[str]:
    """Return how a command names these instances: as the program, if they are many."""
    return instances if 0 < len(instances) <= MOST_LINES else (program,)
