"""What a program needs and this machine lacks. These are warnings, since both may change."""

from __future__ import annotations

import glob
import os
import pwd
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from wctl.check.codes import Check, Problem
from wctl.config.model import Program
from wctl.install import changes
from wctl.install.installed import Layout, is_masked
from wctl.trust import access_list, accounts, files
from wctl.trust.text import shell_join
from wctl.units import run_as


def checks(layout: Layout) -> tuple[Check, ...]:
    """Return the checks against this machine, whose units are in ``layout``."""
    own = () if layout.user else _OF_SYSTEM
    # We look up each path and each account once: thousands of programs share a few.
    for cached in (_account, _is_directory, _is_special, _may, _groups):
        cached.cache_clear()
    return (_directory_missing, _log_directory_missing, _log_not_a_file, *own)


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
    for key, template in program.log_files():
        path = template.text(program.numprocs_start)
        if not _is_special(path):  # another check says so
            yield key, path.rpartition("/")[0] or "/"


def _log_file_closed(program: Program) -> Iterator[Problem]:
    account = _account(program.user) if program.user else None
    if account is None:
        return
    for key, template in program.log_files():
        paths = dict.fromkeys(template.text(number) for number in program.numbers)
        present = (path for path in paths if not _is_special(path))  # another check says so
        closed = [path for path in present if not _may(path, os.W_OK, account)]
        if closed:
            problem = f"{closed[0]}: {account.pw_name} may not write to this file"
            remedy = shell_join(give(closed, account.pw_name))
            yield Problem("log-file-closed", key, f"{problem}; run: {remedy}")


def give(paths: Sequence[str], user: str) -> list[str]:
    """Return a command for root to paste, after which ``user`` can write log files at ``paths``.

    Where others can change what is on the way to a file, root would give ``user`` whatever they put
    there. So the user itself moves such files away, and the wrapper makes new ones. A user who
    cannot needs another directory; the command then shows why.
    """
    directories = [path.rpartition("/")[0] or "/" for path in paths]
    with suppress(OSError):
        links = any(Path(path).is_symlink() for path in paths)
        if not links and not any(files.not_roots(place, shared=True) for place in directories):
            older = [str(file) for path in map(Path, paths) for file in _older(path)]
            return ["chown", "-h", f"{user}:", *paths, *sorted(older)]
    account = _account(user)
    if account is None or not all(_may(place, os.W_OK, account) for place in directories):
        return ["namei", "-l", *paths]
    move = 'for file; do mv -- "$file" "$file.old"; done'
    return ["runuser", "-u", user, "--", "sh", "-c", move, "sh", *paths]


def _older(path: Path) -> Iterator[Path]:
    return path.parent.glob(f"{glob.escape(path.name)}.[0-9]*")


def _log_not_a_file(program: Program) -> Iterator[Problem]:
    for key, template in program.log_files():
        path = template.text(program.numprocs_start)
        if _is_special(path):
            problem = f"{path} is not a regular file, and gets no lines"
            yield Problem("log-not-a-file", key, f"{problem}; expected another name")


# What only the system's manager can do: run workers of several users.
_OF_SYSTEM: tuple[Check, ...] = (
    _root_worker,
    _user_missing,
    _directory_closed,
    _log_directory_closed,
    _log_file_closed,
    _log_directory_foreign,
)


@cache
def _may(path: str, wanted: int, account: pwd.struct_passwd) -> bool:
    """Tell whether an account may have a permission (access(2) checks only our own)."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a str
    except OSError:
        return True  # we may not look, so we cannot tell
    groups = _groups(account)
    if accounts.may(found, wanted, account, groups):
        return True
    if account.pw_uid == found.st_uid or found.st_gid in groups:
        return False
    # These bits are the mask of an access list, which may name the account.
    return bool(found.st_mode >> 3 & wanted) and access_list.present(path)


@cache
def _groups(account: pwd.struct_passwd) -> list[int]:
    return accounts.groups(account)


@cache
def _account(user: str) -> pwd.struct_passwd | None:
    return accounts.find(user)


@cache
def _is_directory(path: str) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - false also for an invalid path


@cache
def _is_special(path: str) -> bool:
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - a str
    except OSError:
        return False


def taken(names: Iterator[str], layout: Layout) -> str | None:
    """Return why wctl cannot write units of these ``names``; None if it can."""
    for name in names:
        foreign = changes.conflict(name, layout)
        if foreign is not None and is_masked(foreign):
            return f"the unit {foreign.name} is masked; run: systemctl unmask {foreign.name}"
        if foreign is not None:
            out = "choose another name, or move that unit away"
            return f"the unit {foreign} exists and is not wctl's; {out}"
    return None
