"""What a program needs and this machine lacks. These are warnings, since both may change."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import suppress
from functools import cache

from wctl.check.codes import Check, Problem
from wctl.config.model import Program, log_file
from wctl.install import changes
from wctl.install.installed import Layout, is_masked
from wctl.trust import accounts, files
from wctl.units import run_as


def checks(layout: Layout) -> tuple[Check, ...]:
    """Return the checks against this machine, whose units are in ``layout``."""
    own = () if layout.user else _OF_SYSTEM
    # We look up each path and each account once: thousands of programs share a few.
    for cached in (_account, _is_directory, _may, _groups):
        cached.cache_clear()
    return (_directory_missing, _log_directory_missing, *own)


def _root_worker(program: Program) -> Iterator[Problem]:
    who = run_as.of(program)
    if not who.user and not who.dynamic:
        yield Problem(
            "root-worker",
            "user",
            "missing, so the worker runs as root; expected the account that it needs, or root if"
            " it needs that",
        )


def runs_as_root(program: Program) -> bool:
    """Tell whether root is the user of a program, by default or by name."""
    who = run_as.of(program)
    account = _account(who.user or "root")
    return account is not None and account.pw_uid == 0 and not who.dynamic


def _user_missing(program: Program) -> Iterator[Problem]:
    if program.user is not None and _account(program.user) is None:
        yield Problem("user-missing", "user", f"{program.user}: no such user on this machine")


def _directory_missing(program: Program) -> Iterator[Problem]:
    if program.directory is not None:
        path = program.directory.text(program.numprocs_start)
        if not _is_directory(path):
            yield Problem("directory-missing", "directory", f"{path}: no such directory")


def _directory_closed(program: Program) -> Iterator[Problem]:
    account = _account(program.user) if program.user else None
    if program.directory is not None and account is not None:
        path = program.directory.text(program.numprocs_start)
        if _is_directory(path) and not _may(path, os.X_OK, account):
            problem = f"{path}: {program.user} may not enter this directory; expected permission x"
            yield Problem("directory-closed", "directory", problem)


def _log_directory_missing(program: Program) -> Iterator[Problem]:
    for key, directory in _log_directories(program):
        if not _is_directory(directory):
            yield Problem("log-directory-missing", key, f"{directory}: no such directory")


def _log_directory_closed(program: Program) -> Iterator[Problem]:
    account = _account(program.user) if program.user else None
    for key, directory in _log_directories(program):
        # The wrapper writes log files, and it runs as the program's user.
        if account and _is_directory(directory) and not _may(directory, os.W_OK, account):
            problem = f"{directory}: {program.user} may not write to this directory"
            yield Problem("log-directory-closed", key, f"{problem}; expected permission w")


def _log_directory_foreign(program: Program) -> Iterator[Problem]:
    if not runs_as_root(program):
        return
    for key, directory in _log_directories(program):
        with suppress(OSError):  # another check says so
            why = files.not_roots(directory, shared=True)
            if why is not None:
                problem = f"the worker runs as root, but {why}"
                expected = "expected a directory of root alone, or the owner as user"
                yield Problem("log-directory-foreign", key, f"{problem}; {expected}")


def _log_directories(program: Program) -> Iterator[tuple[str, str]]:
    for key in ("stdout_logfile", "stderr_logfile"):
        template = log_file(getattr(program, key))
        if template is not None and not (key == "stderr_logfile" and program.redirect_stderr):
            yield key, template.text(program.numprocs_start).rpartition("/")[0] or "/"


# What only the system's manager can do: run workers of several users.
_OF_SYSTEM: tuple[Check, ...] = (
    _root_worker,
    _user_missing,
    _directory_closed,
    _log_directory_closed,
    _log_directory_foreign,
)


@cache
def _may(path: str, wanted: int, account: pwd.struct_passwd) -> bool:
    """Tell whether the mode alone gives an account a permission (access(2) checks only our own)."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a str
    except OSError:
        return True  # we may not look, so we cannot tell
    return accounts.may(found, wanted, account, _groups(account))


@cache
def _groups(account: pwd.struct_passwd) -> list[int]:
    return accounts.groups(account)


@cache
def _account(user: str) -> pwd.struct_passwd | None:
    return accounts.find(user)


@cache
def _is_directory(path: str) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - false also for an invalid path


def taken(names: Iterator[str], layout: Layout) -> str | None:
    """Return why wctl cannot write units of these ``names``; None if it can."""
    for name in names:
        foreign = changes.conflict(name, layout)
        if foreign is not None and is_masked(foreign):
            return f"the unit {foreign.name} is masked; run: systemctl unmask {foreign.name}"
        if foreign is not None:
            return f"the unit {foreign} exists and is not wctl's; choose another name"
    return None
