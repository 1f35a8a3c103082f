"""Who else can change a configuration, or a file that it names, and so decide what root runs.

A user who can write to a directory can replace its files, and the directories below it. So each
directory above a file counts, too (as with StrictModes in sshd_config(5)).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache

from wctl.check import machine
from wctl.check.codes import Check, Problem
from wctl.config.model import Config, Program
from wctl.errors import Diagnostic, Place
from wctl.install.installed import Layout
from wctl.trust import files, patterns
from wctl.trust.files import Trusted

CODE = "foreign-configuration"
_FILE = "foreign-file"
_INTERPRETER = re.compile(r"(?:php|python|perl|ruby|node|bash|dash|sh)[0-9.]*")
_COMMANDS = ("command", "health_command", "queue_command")


def configuration(config: Config, layout: Layout) -> Iterator[Diagnostic]:
    """Yield a warning for each file and directory of the configuration that others can change."""
    if CODE in config.wctl_ignore:
        return
    trusted = files.ourselves()
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


def checks(layout: Layout) -> tuple[Check, ...]:
    """Return the checks of files that programs name, which others can change."""
    _who.cache_clear()
    return (_read_by_systemd(layout), *(() if layout.user else (_run_as_root,)))


def _read_by_systemd(layout: Layout) -> Check:
    """Return the check of files of variables and secrets: systemd follows each link to them."""
    trusted = files.ourselves() if layout.user else files.ROOT
    whom = "you" if layout.user else "root"

    def check(program: Program) -> Iterator[Problem]:
        secrets = [credential.partition(":")[2] for credential in program.credential]
        variables = [
            file
            for pattern in program.environment_file
            for file in patterns.matching(pattern.removeprefix("-"))
        ]
        for key, paths in (("environment_file", variables), ("credential", secrets)):
            for path in paths:
                yield from _foreign(key, path, trusted, f"systemd reads it as {whom}", whom)

    return check


def _run_as_root(program: Program) -> Iterator[Problem]:
    """Yield the commands of a worker of root that another user can change."""
    if not machine.runs_as_root(program):
        return
    for key in _COMMANDS:
        words = getattr(program, key) or ()
        texts = [
            word if isinstance(word, str) else word.text(program.numprocs_start) for word in words
        ]
        for path in _executed(texts):
            yield from _foreign(key, path, files.ROOT, "root runs it", "root")


def _foreign(key: str, path: str, trusted: Trusted, use: str, whom: str) -> Iterator[Problem]:
    who = _who(path, trusted)
    if who:
        expected = f"expected a file that only {whom} can change"
        yield Problem(_FILE, key, f"{path}: {use}, but {who}; {expected}")


def _executed(words: list[str]) -> Iterator[str]:
    """Yield the command, and the script that an interpreter runs, as far as they are paths."""
    yield from words[:1]
    if words and _INTERPRETER.fullmatch(words[0].rpartition("/")[2]):
        yield from [word for word in words[1:] if word.startswith("/")][:1]


@cache
def _who(path: str, trusted: Trusted) -> str:
    """Return who can change an existing file, and where; "" if nobody else can."""
    if not path.startswith("/") or not os.path.exists(path):  # noqa: PTH110 - Path may raise
        return ""
    with suppress(OSError):  # we may not look
        place, who = next(files.others(path, trusted), ("", ""))
        return f"{who} can change {place}" if who else ""
    return ""
