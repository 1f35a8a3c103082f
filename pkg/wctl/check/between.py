"""Commands that put a shell, or another user's session, between systemd and the worker."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from functools import cache

from wctl.check.codes import Check, Problem
from wctl.config import between
from wctl.config.model import Program
from wctl.trust import files

_MOST = 1 << 16  # bytes of a script that we read
_SHELL = re.compile(r"#![ \t]*/\S*?(?:/env[ \t]+|/)(?:ba|da|k|mk|z|a)?sh\b")
_COMMENT = re.compile(r"^[ \t]*#.*$", re.MULTILINE)
_TRAP = re.compile(r"\btrap[ \t]")
_GROUP = "or use stopasgroup=true"
_USERS = {
    "su": "its session is no part of the unit, so neither limits nor a stop reach the worker",
    "runuser": "it kills the worker 2 seconds after the stop signal",
}
_NEEDS_RIGHTS = "it needs rights that a worker should not have"


def checks() -> tuple[Check, ...]:
    """Return the checks of what stands before a worker."""
    _beginning.cache_clear()
    return (_shell_between, _user_by_command)


def _shell_between(program: Program) -> Iterator[Problem]:
    if program.stopasgroup or program.killasgroup:
        return
    who, end, remedy = _between(program)
    if who:
        stop = program.stopsignal.name.removeprefix("SIG")
        problem = f"{stop} goes to {who} alone, {end}; {remedy}"
        yield Problem("shell-between", "command", problem)


def _between(program: Program) -> tuple[str, str, str]:
    """Return who gets the stop signal, what becomes of the worker, and the remedy; "" for none."""
    found = between.of(program)
    left = "which ends by it and leaves the worker behind"
    if program.stopsignal in (signal.SIGINT, signal.SIGQUIT):  # shells wait, or ignore it
        left = "which does not pass it on"
    if found is None or found.kind == "script":
        name = program.command[0].text(program.numprocs_start) if found is None else found.script
        script = _path(program, name)
        if not _keeps(script, by_name=found is not None):
            return "", "", ""
        if found is None and "behind" in left:  # the wrapper does not know that this is a shell
            left = "and when it has ended, systemd kills the worker behind it"
        return f"the shell of {script}", left, f"write exec before its last command, {_GROUP}"
    if found.kind == "tool":
        left = "which may end before the worker, and not pass it on"  # npm 7 and make do
        return found.name, left, f"let the command start the worker itself, {_GROUP}"
    if found.kind == "user" or found.gives_way or _TRAP.search(found.script):
        return "", "", ""
    remedy = f"write exec before the worker ({found.name} -c 'exec ...')"
    if found.pipes:
        return found.name, left, f"leave out the pipe and {remedy}, {_GROUP}"
    return found.name, left, f"{remedy}, {_GROUP} for a loop"


def _user_by_command(program: Program) -> Iterator[Problem]:
    found = between.of(program)
    if found is not None and found.kind == "user":
        why = _USERS.get(found.name, _NEEDS_RIGHTS)
        problem = f"{found.name} starts the worker as another user, but {why}; use user instead"
        yield Problem("user-by-command", "command", problem)


def _path(program: Program, name: str) -> str:
    """Return the path of a script, relative to the program's directory; "" if it is not told."""
    if name.startswith("/"):
        return name
    if "/" in name and program.directory is not None:
        return f"{program.directory.text(program.numprocs_start)}/{name}"
    return ""


def _keeps(script: str, *, by_name: bool) -> bool:
    """Tell whether a file is a shell script that stays, and leaves signals to their defaults.

    ``by_name``: the command says that it is a script; otherwise its first line must.
    """
    text = _beginning(script)
    if not (by_name or _SHELL.match(text)):
        return False
    text = _COMMENT.sub("", text)
    return bool(text.strip()) and not between.execs(text) and not _TRAP.search(text)


@cache
def _beginning(path: str) -> str:
    """Return the beginning of a script; "" if we may not read it, or it is no text."""
    try:
        return files.beginning(path, _MOST).decode() if path else ""
    except (OSError, ValueError):
        return ""
