"""Who else can change what wctl and root's workers rely on: configurations, log directories.

A user who can write to a directory can replace its files, and the directories below it. So each
directory above a file counts, too (as with StrictModes in sshd_config(5)).
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from wctl.config.model import Config
from wctl.errors import Diagnostic, Place
from wctl.install.installed import Layout

CODE = "foreign-configuration"


@dataclass(frozen=True)
class Trusted:
    """The users and groups that may change a file."""

    owners: frozenset[int]
    groups: frozenset[int]


ROOT = Trusted(frozenset({0}), frozenset({0}))


def _ourselves() -> Trusted:
    """Return root and the user who runs wctl: root's wctl trusts root alone."""
    user = os.geteuid()
    groups = {0}
    with suppress(KeyError):
        groups.add(pwd.getpwuid(user).pw_gid)
    return Trusted(frozenset({0, user}), frozenset(groups))


def configuration(config: Config, layout: Layout) -> Iterator[Diagnostic]:
    """Yield a warning for each file and directory of the configuration that others can change."""
    _stat.cache_clear()
    if CODE in config.wctl_ignore:
        return
    trusted = _ourselves()
    whom = "you" if layout.user else "root"
    searched = set(config.searched) | _of_layout(config, layout)
    found: dict[str, str] = {}
    for path in (*config.files, *sorted(searched)):
        for whole in (os.path.abspath(path), os.path.realpath(path)):  # noqa: PTH100 - and a link
            found.update(others(whole, trusted, shared=path in searched))
    for path, who in found.items():
        problem = f"{who} can change it, and so make wctl run any command as {whom}"
        expected = f"expected {whom} as its owner, and no write permission for others"
        yield Diagnostic(CODE, Place(path), "", "", f"{problem}; {expected}", error=False)


def _of_layout(config: Config, layout: Layout) -> set[str]:
    """Return the directory of variables, and conf.d if wctl has looked there for files."""
    default = str(layout.configuration)
    read = any(os.path.dirname(file).startswith(default) for file in config.files)  # noqa: PTH120
    return {str(layout.environment), *([f"{default}/conf.d"] if read else [])}


def others(path: str, trusted: Trusted, *, shared: bool) -> Iterator[tuple[str, str]]:
    """Yield each of ``path`` and the directories above it that others can change, and who can.

    Where users share a directory with the sticky bit, nobody can replace an entry of somebody else
    (inode(7)), but everybody can add an entry: in a ``shared`` path, that is bad, too.
    """
    for place in (path, *map(str, Path(path).parents)):
        found = _stat(place)
        if found is not None:
            sticky = stat.S_ISDIR(found.st_mode) and bool(found.st_mode & stat.S_ISVTX)
            who = _who(found, trusted, writers=not sticky or (shared and place == path))
            if who:
                yield place, who


def _who(found: os.stat_result, trusted: Trusted, *, writers: bool) -> str:
    if found.st_uid not in trusted.owners:
        return f"its owner {_name(found.st_uid)}"
    if writers and found.st_mode & stat.S_IWOTH:
        return "every user"
    if writers and found.st_mode & stat.S_IWGRP and found.st_gid not in trusted.groups:
        return f"the group {_group(found.st_gid)}"
    return ""


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _group(group: int) -> str:
    try:
        return grp.getgrgid(group).gr_name
    except KeyError:
        return str(group)


@cache
def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - a str
    except OSError:
        return None  # other checks say so
