"""Who else can change a configuration, and so decide what root runs.

A user who can write to a directory can replace its files, and the directories below it. So each
directory above a file counts, too (as with StrictModes in sshd_config(5)).
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import suppress

from wctl.config.model import Config
from wctl.errors import Diagnostic, Place
from wctl.install.installed import Layout
from wctl.trust import files
from wctl.trust.files import Trusted

CODE = "foreign-configuration"


def _ourselves() -> Trusted:
    """Return root and the user who runs wctl: root's wctl trusts root alone."""
    user = os.geteuid()
    groups = {0}
    with suppress(KeyError):
        groups.add(pwd.getpwuid(user).pw_gid)
    return Trusted(frozenset({0, user}), frozenset(groups))


def configuration(config: Config, layout: Layout) -> Iterator[Diagnostic]:
    """Yield a warning for each file and directory of the configuration that others can change."""
    if CODE in config.wctl_ignore:
        return
    trusted = _ourselves()
    whom = "you" if layout.user else "root"
    searched = set(config.searched) | _of_layout(config, layout)
    found: dict[str, str] = {}
    for path in (*config.files, *sorted(searched)):
        with suppress(OSError):  # other checks say so
            found.update(files.others(path, trusted, shared=path in searched))
    for path, who in found.items():
        problem = f"{who} can change it, and so make wctl run any command as {whom}"
        expected = f"expected {whom} as its owner, and no write permission for others"
        yield Diagnostic(CODE, Place(path), "", "", f"{problem}; {expected}", error=False)


def _of_layout(config: Config, layout: Layout) -> set[str]:
    """Return the directory of variables, and conf.d if wctl has looked there for files."""
    ours = layout.searched
    read = any(os.path.dirname(file) in ours for file in config.files)  # noqa: PTH120 - a str
    return {str(layout.environment), *(ours[-1:] if read else ())}
