"""A shorter list of findings for people: one line for each section's options without effect."""

from __future__ import annotations

from collections.abc import Iterable

from wctl.errors import Diagnostic

# What a user may rely on: their lines stay, and so do those of whole sections.
_ALONE = {"stdout_syslog", "stderr_syslog", "password"}
_NAMED = 4  # options that the line of a section names


def condensed(findings: Iterable[Diagnostic], command: str) -> list[Diagnostic]:
    """Return ``findings`` with the options without effect of each section in one finding.

    It stands where the first of them stood. ``command`` shows all.
    """
    found: list[Diagnostic] = []
    together: dict[tuple[str, str], list[Diagnostic]] = {}
    for finding in findings:
        where = finding.place.file, finding.section
        if finding.code != "no-effect" or not finding.key or finding.key in _ALONE:
            found.append(finding)
        elif where in together:
            together[where].append(finding)
        else:
            together[where] = [finding]
            found.append(finding)
    first = {id(group[0]): group for group in together.values() if len(group) > 1}
    return [
        _one(first[id(finding)], command) if id(finding) in first else finding for finding in found
    ]


def _one(group: list[Diagnostic], command: str) -> Diagnostic:
    names = ", ".join(finding.key for finding in group[:_NAMED])
    more = ", …" if len(group) > _NAMED else ""
    problem = f"{len(group)} options have no effect in wctl: {names}{more}"
    return Diagnostic(
        group[0].code,
        group[0].place,
        group[0].section,
        "",
        f"{problem}; '{command}' shows each",
        error=False,
    )
