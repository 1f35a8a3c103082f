"""Hand Supervisor's log files over to the users who write them from now on.

supervisord opens log files as root; wctl's wrapper opens them as the worker's user. Both append, so
for a moment both can write the same file.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Container, Iterable, Iterator, Sequence

from wctl.config.model import Program, log_file
from wctl.trust import accounts, files, owner
from wctl.trust.text import shell_join
from wctl.units import run_as

_MOST_BACKUPS = 1000


def hand_over(
    programs: Iterable[Program], *, pretend: bool = False, news: bool = False
) -> Iterator[tuple[str, str]]:
    """Give the log files and their backups to the users of ``programs``; yield what was done.

    With ``pretend`` change nothing, and yield what would be done. What is not safe to give, we
    name and leave as it is; not if the caller wants only the ``news``.
    """
    if os.geteuid() != 0:
        return
    for program in programs:
        account = _account(program)
        if account is not None:
            said = _of_program(program, account, pretend=pretend, news=news)
            yield from ((program.name, what) for what in said)


def gives_all(program: Program) -> bool:
    """Tell whether hand_over() gives every log file of a program to its user."""
    account = _account(program) if os.geteuid() == 0 else None
    if account is None:
        return False
    for path in files_of(program):
        try:
            owner.give(path, account.pw_uid, pretend=True)
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return True


def _account(program: Program) -> pwd.struct_passwd | None:
    """Return the account that will write the log files; None: root's, or unknown."""
    who = run_as.of(program)
    account = accounts.find(who.user) if who.user and not who.dynamic else None
    return None if account is None or account.pw_uid == 0 else account


def _of_program(
    program: Program, account: pwd.struct_passwd, *, pretend: bool, news: bool
) -> Iterator[str]:
    given: list[str] = []
    kept: dict[str, list[str]] = {}
    missing: list[str] = []
    paths = files_of(program)
    for path, backups in paths.items():
        for name in (path, *(f"{path}.{number}" for number in range(1, backups + 1))):
            try:
                if owner.give(name, account.pw_uid, pretend=pretend):
                    given.append(name)
            except FileNotFoundError:
                missing.append(name)
            except OSError as error:
                kept.setdefault(str(error.strerror), []).append(name)
    user = account.pw_name
    if given:
        yield f"{user} {'would own' if pretend else 'now owns'} {few(given)}"
    if not news:
        for why, names in kept.items():
            yield f"{few(names)}: not given to {user}: {why}"
        yield from _closed(program, account, paths, missing)


def _closed(
    program: Program, account: pwd.struct_passwd, paths: Iterable[str], missing: Container[str]
) -> Iterator[str]:
    """Yield the directories of log files in which only root can create and rename files."""
    found: dict[tuple[str, str], list[str]] = {}
    for path in paths:
        directory = os.path.dirname(path)  # noqa: PTH120 - a str
        if not owner.may_add(directory, account):
            what = "created" if path in missing else "rotated"
            found.setdefault((directory, what), []).append(path)
    for (directory, what), names in found.items():
        why = f"{few(names)} cannot be {what}: {account.pw_name} may not write to {directory}"
        new = f"{directory.rstrip('/')}/{program.name}"
        command = shell_join(["install", "-d", "-o", account.pw_name, new])
        # In a directory of others, install(1) may follow their link.
        advice = f"; run '{command}', and let the option name a file in there"
        yield why if _is_others(directory) else f"{why}{advice}"


def _is_others(directory: str) -> bool:
    try:
        return files.not_roots(directory, shared=True) is not None
    except OSError:
        return True


def files_of(program: Program) -> dict[str, int]:
    """Return the paths of the log files of all instances, with the number of their backups."""
    found: dict[str, int] = {}
    if program.logs not in ("file", "both"):
        return found
    for stream in ("stdout", "stderr"):
        template = log_file(getattr(program, f"{stream}_logfile"))
        if template is None or (stream == "stderr" and program.redirect_stderr):
            continue
        backups = min(getattr(program, f"{stream}_logfile_backups"), _MOST_BACKUPS)
        for number in program.numbers:
            path = template.text(number)
            if path.startswith(("/dev/", "/proc/")):
                continue  # a device is nobody's log file
            found[path] = max(backups, found.get(path, 0))
    return found


def few(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - 3
    return ", ".join(names[:3]) + (f" and {more} more" if more > 0 else "")
