"""As whom systemd runs a program's workers: what its unit says of users and groups.

Besides the option `user`, an administrator may pass these directives through to the unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wctl.config.model import Program
from wctl.systemd.unit_file import specifier
from wctl.units import marker

_KEYS = frozenset({"User", "Group", "SupplementaryGroups", "DynamicUser"})
_FALSE = frozenset({"0", "no", "n", "false", "f", "off"})  # of a boolean (systemd.syntax(7))

Directive = tuple[str, str]
"""The key and the value of a directive."""


@dataclass(frozen=True)
class RunAs:
    """The values that count, as the unit has them: names, numbers or specifiers (%i)."""

    user: str = ""  # "": the manager's own
    group: str = ""  # "": that of the user
    groups: tuple[str, ...] = ()  # besides those of the user
    dynamic: bool = False  # the user exists only while the unit runs


def directives(program: Program) -> tuple[Directive, ...]:
    """Return the directives of ``program`` that decide it, in the order of its unit."""
    own = [] if program.user is None else [("User", specifier(program.user))]
    passed = ((one.key, one.value) for one in program.passed_through if one.section == "Service")
    return (*own, *_deciding(passed))


def written(text: str) -> tuple[Directive, ...]:
    """Return the directives of a unit that wctl wrote, as directives() does of its program."""
    return tuple(_deciding(marker.directives(text, "Service")))


def _deciding(found: Iterable[Directive]) -> Iterator[Directive]:
    for key, value in found:
        if key.strip() in _KEYS:
            yield key.strip(), value.strip()


def of(program: Program) -> RunAs:
    """Return as whom the system's manager runs ``program``; drop-ins may change it."""
    last = {"User": "", "Group": "", "DynamicUser": "no"}
    groups: list[str] = []
    for key, value in directives(program):
        if key != "SupplementaryGroups":
            last[key] = value
        else:  # an empty value resets the list (systemd.exec(5))
            groups = [*groups, *value.split()] if value else []
    dynamic = last["DynamicUser"].lower() not in _FALSE
    return RunAs(last["User"], last["Group"], tuple(groups), dynamic)
