"""The programs and groups that a user names for an update: configured ones, and installed ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wctl.config.blame import Blame
from wctl.config.model import Config
from wctl.errors import Diagnostic, Exit, Unknown, UnknownNamesError, nearest
from wctl.install.installed import Layout, programs
from wctl.systemd import unit_name
from wctl.trust.text import printable

_ALL = "all"


def named(
    words: Iterable[str],
    config: Config,
    blamed: Blame,
    layout: Layout,
    errors: Sequence[Diagnostic],
) -> frozenset[str]:
    """Return the names of the programs and groups that ``words`` name, also as ``NAME:*``.

    With "all" among them, the result is empty, as without any word: it means everything.

    ``config`` holds all programs that one of the ``errors`` concerns; ``blamed`` says which.

    Raises:
        UnknownNamesError: some words name nothing that is configured or installed.
    """
    members = [(program.name, program.group) for program in config.known]
    here = programs(layout)
    members += [(program.name, program.group) for program in here if not program.shipped]
    known = {group.name for group in config.groups}.union(*members)
    known |= {unit_name.typed(title) for title in blamed.groups}
    found: set[str] = set()
    unknown: list[Unknown] = []
    words = tuple(words)
    for word in words:
        if word == _ALL:
            continue
        name = unit_name.typed(word)
        group = unit_name.group_typed(name)
        names = unit_name.meant(word) if group is None else unit_name.groups_meant(group, members)
        found |= names & known
        if not word or not names & known:
            program = name.partition("@")[0].partition(":")[0]
            near = _doubt(blamed, errors) or nearest(program, known)
            sources = [one.source for one in here if one.name in names]
            unknown.append(Unknown(printable(word) or "''", _why(sources, near, layout)))
    if unknown:
        raise UnknownNamesError(unknown, exit_code=Exit.FAILURE)
    return frozenset() if _ALL in words else frozenset(found)


def _why(sources: Sequence[str], near: str, layout: Layout) -> str:
    """Return why there is nothing to update; ``sources`` are of a package's units of that name."""
    if not sources:
        return f"neither configured nor installed{near}"
    copy = f"copy {sources[0]} to {layout.configuration}/conf.d"
    return f"its units are a package's, and nothing configures it; {copy} to change it"


def _doubt(blamed: Blame, errors: Sequence[Diagnostic]) -> str:
    """Return the error that may be the reason why a name is in no file; "" if there is none."""
    for error in [*blamed.files.values(), *errors]:
        return f", as far as wctl can tell: {error.place} has an error"
    return ""
