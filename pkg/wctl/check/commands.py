"""Whether the unit of a program can execute the command.

The wrapper looks for it along the worker's PATH, from the worker's directory, and executes it as
the worker's user (launch.py).
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path

from wctl.check.codes import Check, Problem
from wctl.config import shell_words
from wctl.config.model import Directive, Program
from wctl.install.installed import Layout
from wctl.systemd import env_file
from wctl.trust import accounts, commands, files
from wctl.trust.text import printable, shell_quote
from wctl.units import environment, run_as

# Passed-through directives after which the worker finds other files, or another PATH, than we do.
_OTHER_FILES = frozenset(
    {
        "BindPaths", "BindReadOnlyPaths", "ExtensionDirectories", "ExtensionImages", "MountImages",
        "RootDirectory", "RootImage",
    }
)  # fmt: skip
_OTHER_PATH = frozenset({"EnvironmentFile", "UnsetEnvironment"})
_FIRST = 256  # bytes in which the kernel looks for the name of an interpreter (execve(2))


def checks(layout: Layout) -> tuple[Check, ...]:
    """Return the check of commands; the units are in ``layout``."""
    # We look up each path once: thousands of programs share a few.
    for cached in (_stat, _parents, _account, _groups, _first_bytes, _variables, _of_manager):
        cached.cache_clear()

    def check(program: Program) -> Iterator[Problem]:
        code, problem = _Unit(program, layout).problem()
        if problem:
            yield Problem(code, "command", problem)

    return (check,)


class _Unit:
    """What the unit of a program has for its command: variables, a directory, a user."""

    def __init__(self, program: Program, layout: Layout) -> None:
        self._program = program
        self._layout = layout
        who = run_as.of(program)
        user = str(os.getuid()) if layout.user else who.user or "root"
        self._account = None if who.dynamic else _account(user)  # None: nothing is known of it
        if program.directory is not None:
            self._directory = program.directory.text(program.numprocs_start)
        else:  # systemd.exec(5), WorkingDirectory=
            self._directory = str(accounts.home()) if layout.user else "/"

    def problem(self) -> tuple[str, str]:
        """Return the code and the text of what is wrong; the text is "" if we know of nothing."""
        name = self._program.command[0].text(self._program.numprocs_start)
        if any(_unknown(directive, name) for directive in self._program.passed_through):
            return "", ""
        if "/" in name:
            where = "" if name.startswith("/") else f" in {self._directory}"
            missing = f"no such file{where}"
            if where and _stat(self._directory) is None:
                return "", ""  # another check says so
        else:
            path = environment.DEFAULT_PATH if self._path is None else self._path
            missing = f"no such command in PATH={path}"
        reasons = []
        for path in self._files(name):
            why = self._why_not(path)
            why = self._interpreter(path) if why == "" else why
            if why == "":
                return "", ""
            reasons += [] if why is None else [f"{printable(path)}: {why}"]
        if reasons:
            return "command-not-executable", reasons[0]
        return "command-not-found", f"{name}: {missing}"

    def _files(self, name: str) -> Iterator[str]:
        """Yield the files that the wrapper tries to execute, in its order."""
        if "/" in name:
            yield os.path.join(self._directory, name)  # noqa: PTH118 - a str
            return
        path = environment.DEFAULT_PATH if self._path is None else self._path
        for place in path.split(":"):
            yield os.path.join(self._directory, place, name)  # noqa: PTH118 - a str
        if self._path is None:  # an administrator may have given systemd a longer PATH
            yield from (f"{place}/{name}" for place in _of_manager(self._layout.user).split(":"))

    def _why_not(self, path: str) -> str | None:
        """Return why the user cannot execute a file: "" if it can, None if there is no file."""
        found = _stat(path)
        if not isinstance(found, os.stat_result):
            return None if found is None else ""
        if stat.S_ISDIR(found.st_mode):
            return "is a directory, expected a program"
        account = self._account
        if account is None:
            return ""
        if not accounts.may(found, os.X_OK, account, _groups(account)):
            return f"is not executable for {account.pw_name}; run: chmod +x {shell_quote(path)}"
        for directory in _parents(path):
            way = _stat(directory)
            if isinstance(way, os.stat_result) and not accounts.may(
                way, os.X_OK, account, _groups(account)
            ):
                return f"{account.pw_name} may not enter {printable(directory)}"
        return ""

    def _interpreter(self, path: str) -> str:
        """Return what is wrong with the first line of a script; "" if nothing is, or no script."""
        first = _first_bytes(path)
        line = "" if first is None else first.partition(b"\n")[0].decode(errors="replace")
        words = line[2:].split()
        if not line.startswith("#!") or not words:
            text = first is not None and (not first or first.isascii()) and b"\0" not in first
            return "has no #! line, which names the interpreter of a script" if text else ""
        if line.endswith("\r"):
            return "its lines end as on Windows, so that its interpreter is missing; use dos2unix"
        wanted = words[0]
        if wanted.endswith("/env"):
            names = [word for word in words[1:] if not (word.startswith("-") or "=" in word)]
            wanted = names[0] if names else wanted
        if all(self._why_not(file) is None for file in self._files(wanted)):
            return f"its interpreter {printable(wanted)} is missing"
        return ""

    @cached_property
    def _path(self) -> str | None:
        """Return the PATH that the program's own settings make; None if they leave it alone."""
        program = self._program
        found = environment.of_worker(
            program, program.numprocs_start, self._layout.environment, _read
        )
        return found.get("PATH", _passed_through(program))


def _unknown(directive: Directive, name: str) -> bool:
    """Tell whether we cannot say where the unit finds the command ``name``, for a directive."""
    key = directive.key
    by_path = "/" not in name
    specifier = "%" in directive.value and key in ("Environment", "ExecSearchPath")
    return key in _OTHER_FILES or (by_path and (key in _OTHER_PATH or specifier))


def _passed_through(program: Program) -> str | None:
    """Return the PATH of Environment= or ExecSearchPath= in the configuration."""
    found: str | None = None
    search: list[str] = []
    for directive in program.passed_through:
        if directive.key == "ExecSearchPath":
            search = [*search, directive.value] if directive.value else []
        elif directive.key == "Environment":
            try:
                words = shell_words.split(directive.value)
            except ValueError:
                continue
            values = [word[len("PATH=") :] for word in words if word.startswith("PATH=")]
            found = values[-1] if values else found if words else None
    return found if found is not None or not search else ":".join(search)


@cache
def _parents(path: str) -> list[str]:
    """Return the directories above a file, and above what its links lead to."""
    found: list[str] = []
    for place in dict.fromkeys((path, os.path.realpath(path))):
        found += map(str, reversed(Path(place).parents))
    return found


@cache
def _stat(path: str) -> os.stat_result | OSError | None:
    """Look at a file; None if it does not exist, an error if we may not look."""
    try:
        return os.stat(path)  # noqa: PTH116 - a str
    except PermissionError as error:
        return error
    except (OSError, ValueError):
        return None


@cache
def _first_bytes(path: str) -> bytes | None:
    """Return the beginning of a file; None if we cannot tell."""
    try:
        return files.beginning(path, _FIRST)
    except OSError:
        return None


@cache
def _account(user: str) -> pwd.struct_passwd | None:
    return accounts.find(user)


@cache
def _groups(account: pwd.struct_passwd) -> list[int]:
    return accounts.groups(account)


def _read(file: Path, _optional: bool) -> Mapping[str, str]:
    return _variables(file)


@cache
def _variables(file: Path) -> Mapping[str, str]:
    """Return the variables in a file; none if it cannot be read, which the start will say."""
    try:
        return env_file.parse(files.read(file).decode(errors="surrogateescape"))
    except (OSError, env_file.NulError):
        return {}


@cache
def _of_manager(user: bool) -> str:
    """Return the PATH that systemd gives its services; the default if systemd does not answer."""
    scope = "--user" if user else "--system"
    shown = commands.output(["systemctl", scope, "show-environment"]) or ""
    values = [line[len("PATH=") :] for line in shown.splitlines() if line.startswith("PATH=")]
    return values[-1] if values else environment.DEFAULT_PATH
