"""The variables that wctl gives a worker: for its unit, for "wctl run", for doctor's commands.

The last value of a variable counts (systemd.exec(5)). First come the variables of User=, then
Environment=, then each EnvironmentFile=: the files that the program names, the file with its
`environment`, and the file that an administrator wrote for one instance.
"""

from __future__ import annotations

import pwd
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from wctl.config.expansion import Template
from wctl.config.model import Program
from wctl.systemd import env_file
from wctl.systemd.unit_file import Section
from wctl.units.exec_start import (
    INSTANCE,
    expanded_variables,
    for_wrapper,
    needs_wrapper,
    plain_words,
)
from wctl.units.marker import header

# systemd's default for services, where an administrator has not set another one (systemd.exec(5)).
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NO_SHELLS = ("", "nologin", "false", "true")

Reader = Callable[[Path, bool], Mapping[str, str]]
"""A function that reads a file of variables; the second argument tells if it may be missing."""


def add(service: Section, program: Program, directory: str) -> None:
    """Write the variables into a unit. ``directory`` holds the files of `environment`."""
    for name, text in _fixed(program):
        words = [for_wrapper(text)] if needs_wrapper([text]) else plain_words(text)
        service.environment(name, *words)
    for file in program.environment_file:
        service.set("EnvironmentFile", file)
    if has_file(program):
        own = env_file.pattern(f"{directory}/{program.name}")
        service.set("EnvironmentFile", f"{own}.env")
        service.set("EnvironmentFile", f"-{own}@", INSTANCE, ".env")


def has_file(program: Program) -> bool:
    """Tell whether the program has variables that only root, or the user, may read."""
    return bool(program.environment) or _secret_url(program)


def file_text(program: Program) -> str:
    """Return the text of PROGRAM.env, which holds the variables whose values may be secrets."""
    lines = header(program.place.file, f"{program.name}.env")
    variables = env_file.environment_file(_written(program))
    return "".join(f"# {line}\n" for line in lines) + variables


def of_instance(program: Program, number: int, directory: Path, read: Reader) -> dict[str, str]:
    """Return the variables that systemd hands to the wrapper of an instance.

    The wrapper has yet to fill in the numbers in the variables of expanded_variables().
    """
    found = {
        name: for_wrapper(text) if needs_wrapper([text]) else text.text(number)
        for name, text in _fixed(program)
    }
    for file in program.environment_file:
        found.update(read(Path(file.removeprefix("-")), file.startswith("-")))
    if has_file(program):
        found.update(_written(program))  # PROGRAM.env, which need not be installed
        found.update(read(directory / f"{program.name}@{number:02d}.env", True))
    return found


def of_worker(program: Program, number: int, directory: Path, read: Reader) -> dict[str, str]:
    """Return the variables that the worker of an instance has, with numbers filled in."""
    found = of_instance(program, number, directory, read)
    for name in expanded_variables(program):
        # An administrator's own value for this instance may use % for something different.
        with suppress(KeyError, TypeError, ValueError):
            found[name] %= {"process_num": number}
    return found


def of_user(account: pwd.struct_passwd) -> dict[str, str]:
    """Return the variables that User= sets (systemd.exec(5)), without a SHELL that bars logins."""
    found = {"LOGNAME": account.pw_name, "USER": account.pw_name}
    if account.pw_dir.strip("/"):
        found["HOME"] = account.pw_dir
    if account.pw_shell.rpartition("/")[2] not in _NO_SHELLS:
        found["SHELL"] = account.pw_shell
    return found


def _fixed(program: Program) -> Iterator[tuple[str, Template]]:
    """Yield the variables that Supervisor sets."""
    yield "SUPERVISOR_ENABLED", Template(("1",))
    yield "SUPERVISOR_GROUP_NAME", Template((program.group_title,))
    if program.serverurl is not None and not _secret_url(program):
        yield "SUPERVISOR_SERVER_URL", Template((program.serverurl,))
    yield "SUPERVISOR_PROCESS_NAME", program.process_name


def _secret_url(program: Program) -> bool:
    """Tell whether serverurl has a user and a password: every user can read Environment=."""
    return "@" in (program.serverurl or "")


def _written(program: Program) -> Iterator[tuple[str, str]]:
    """Yield the variables as PROGRAM.env has them: systemd expands no specifiers in that file."""
    if program.serverurl is not None and _secret_url(program):
        yield "SUPERVISOR_SERVER_URL", program.serverurl
    for name, text in program.environment:
        yield name, for_wrapper(text) if text.numbers else text.text(0)
