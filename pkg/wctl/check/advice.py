"""What a senior operator would say about a program, judging by its options alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from wctl.check import shell, stops
from wctl.check.codes import Check, Problem
from wctl.config import frameworks, secrets
from wctl.config.model import MOST_EARLIER, Config, Program, device
from wctl.config.values import byte_size
from wctl.units import run_as

_WRAPPER_NEEDS = 10 << 20  # bytes: an interpreter that has imported the wrapper
# Directives that determine the state of an instance.
OURS = {
    "Type", "NotifyAccess", "ExecStart", "PIDFile", "Restart", "RestartPreventExitStatus",
    "RuntimeDirectory", "RuntimeDirectoryPreserve", "LogsDirectory", "SyslogIdentifier",
    "StandardOutput", "StandardError", "KillMode", "RemainAfterExit",
}  # fmt: skip


def _memory_below_own_limit(program: Program) -> Iterator[Problem]:
    soft = frameworks.soft_limit(program)
    if soft is None or program.memory_max is None or not program.memory_max.isdecimal():
        return
    if int(program.memory_max) <= soft.size:
        yield Problem(
            "memory-below-own-limit",
            "memory_max",
            f"{program.memory_max} is not above the worker's own {soft.written}: the kernel kills"
            " the worker before it can end by itself; use twice the worker's own limit",
        )


def _memory_below_wrapper(program: Program) -> Iterator[Problem]:
    for key in ("memory_max", "memory_high"):
        limit = getattr(program, key)
        if limit is not None and limit.isdecimal() and int(limit) < _WRAPPER_NEEDS:
            yield Problem(
                "memory-below-wrapper",
                key,
                f"{limit} bytes, but the Python that starts the worker needs up to"
                f" {_WRAPPER_NEEDS >> 20}M, and the kernel kills it; use what the worker needs",
            )


def _memory_high_crawls(program: Program) -> Iterator[Problem]:
    if program.memory_high is not None and program.memory_high.isdecimal():
        soft = frameworks.soft_limit(program)
        if soft is not None and byte_size(program.memory_high) <= soft.size:
            yield Problem(
                "memory-high-crawls",
                "memory_high",
                f"not above the worker's own {soft.written}: the kernel slows the worker to a"
                " crawl before it can end and start again; leave memory_high out",
            )


def _log_device(program: Program) -> Iterator[Problem]:
    if program.log is not None:  # it decides where output goes
        return
    streams = ("stdout",) if program.redirect_stderr else ("stdout", "stderr")
    for key in (f"{stream}_logfile" for stream in streams):
        template = getattr(program, key)
        if device(template):
            path = template.text(program.numprocs_start)
            yield Problem(
                "log-not-a-file",
                key,
                f"{path} is a device, and this output goes to the journal instead; expected a"
                " file, or NONE for no output",
            )


def _process_name_twice(config: Config) -> Check:
    """Return a check that no program has a process with the name of another one in its group."""
    members: dict[str, list[Program]] = {}
    for program in config.programs:
        members.setdefault(program.group_title, []).append(program)
    owners: dict[tuple[str, str], Program] = {}
    for programs in members.values():
        for program in programs if len(programs) > 1 else ():
            for name in _process_names(program):
                owners.setdefault(name, program)

    def check(program: Program) -> Iterator[Problem]:
        names = _process_names(program) if len(members[program.group_title]) > 1 else ()
        for group, name in names:
            owner = owners[group, name]
            if owner is not program:
                yield Problem(
                    "process-name-twice",
                    "process_name",
                    f"{name} is also a process of [{owner.section}] in group {group}, and"
                    " Supervisor runs only one of the two; expected another name",
                )
                return

    return check


def _process_names(program: Program) -> list[tuple[str, str]]:
    """Return the names of a program's processes, each with its group."""
    return [(program.group_title, program.process_name.text(n)) for n in program.numbers]


@dataclass(frozen=True)
class _Writer:
    """A stream that writes to a log file: as whom, and how it rotates the file."""

    program: str
    key: str
    user: str
    maxbytes: int
    backups: int


def _shared_log_file(config: Config) -> Check:
    """Return a check that the writers of one log file may all write to it, and rotate it alike."""
    writers: dict[str, list[_Writer]] = {}
    for program in config.programs:
        for path, writer in _writers(program):
            writers.setdefault(path, []).append(writer)

    def check(program: Program) -> Iterator[Problem]:
        reported = set()
        for path, writer in _writers(program):
            problem = _at_odds(writer, writers[path][0])
            if problem and writer.key not in reported:
                reported.add(writer.key)
                yield Problem("shared-log-file", writer.key, f"{path} is also the {problem}")

    return check


def _writers(program: Program) -> Iterator[tuple[str, _Writer]]:
    """Yield the path and the writer of each log file; only once if instances share the file."""
    user = run_as.of(program).user
    user = "root" if user in ("", "0") else user
    for key, template in program.log_files():
        limits = getattr(program, f"{key}_maxbytes"), getattr(program, f"{key}_backups")
        numbers = program.numbers if template.numbers else [program.numprocs_start]
        for number in numbers:
            path = os.path.normpath(template.text(number))
            yield path, _Writer(program.name, key, user, *limits)


def _at_odds(writer: _Writer, other: _Writer) -> str:
    """Return what is wrong if both write to one file; "" if nothing is."""
    limits = (writer.maxbytes, writer.backups) != (other.maxbytes, other.backups)
    if writer.program == other.program:
        text = "stdout_logfile, whose maxbytes and backups count for both; expected the same here"
        return text if limits else ""
    whose = f"{other.key} of {other.program}"
    if writer.user != other.user:
        return (
            f"{whose}, which runs as {other.user}, not as {writer.user}: only one of them can write"
            " to it (mode 0640); expected two files, or one user"
        )
    if limits:
        return (
            f"{whose}, with another maxbytes or backups: the lowest of both count; expected the"
            " same for both"
        )
    return ""


def _open_secret(program: Program) -> Iterator[Problem]:
    for directive in program.passed_through:
        name, _, value = directive.value.partition("=")
        if directive.key == "Environment" and secrets.in_assignment(name, value):
            yield Problem(
                "open-secret",
                f"systemd.{directive.section}.{directive.key}",
                "every user can read Environment= over D-Bus; use environment or environment_file",
            )
    for name, text in program.environment:
        if secrets.in_assignment(name, text.text(0)):
            yield Problem(
                "secret-in-configuration",
                "environment",
                f"{name} looks like a secret in a file that others may read; move the secret to a"
                " file of mode 0600, and name that file in environment_file",
            )
    if program.serverurl is not None and secrets.in_assignment("", program.serverurl):
        yield Problem(
            "secret-in-configuration",
            "serverurl",
            "has a password, in a file that others may read; move it as SUPERVISOR_SERVER_URL to a"
            " file of mode 0600, and name that file in environment_file",
        )


def _secret_in_command(program: Program) -> Iterator[Problem]:
    found = secrets.in_command(word.text(0) for word in program.command)
    if found is not None:
        yield Problem(
            "secret-in-command",
            "command",
            f"{found} looks like a secret, and every user can read command lines; let the command"
            " read it from a variable of environment_file, or from a file",
        )


def _restart_steps(program: Program) -> Iterator[Problem]:
    for directive in program.passed_through:
        if directive.key in ("RestartSteps", "RestartMaxDelaySec"):
            yield Problem(
                "restart-steps",
                f"systemd.{directive.section}.{directive.key}",
                "this delay never becomes short again, however long the worker then runs;"
                " the delay of startretries does",
            )


def _overridden(program: Program) -> Iterator[Problem]:
    for directive in program.passed_through:
        if directive.section == "Service" and directive.key in OURS:
            yield Problem(
                "overrides-wctl",
                f"systemd.Service.{directive.key}",
                f"wctl writes {directive.key}= itself, and start, stop or status rely on it;"
                f" use the option that sets {directive.key}=",
            )


def _crowd(config: Config) -> Check:
    """Return a check that no program has more earlier programs than wctl names in After=."""
    crowded: set[str] = set()
    lower = 0
    for level in config.levels():
        if lower > MOST_EARLIER:
            crowded.update(program.name for program in level)
        lower = len(level)

    def check(program: Program) -> Iterator[Problem]:
        if program.name in crowded:
            yield Problem(
                "priority-crowd",
                "priority",
                f"more than {MOST_EARLIER} programs come before this program, and all may start at"
                " the same time; in after, name the programs that this program needs",
            )

    return check


CHECKS: tuple[Check, ...] = (
    *stops.CHECKS,
    *shell.CHECKS,
    _memory_below_own_limit,
    _memory_below_wrapper,
    _memory_high_crawls,
    _log_device,
    _open_secret,
    _secret_in_command,
    _restart_steps,
    _overridden,
)


def checks(config: Config) -> tuple[Check, ...]:
    """Return all checks, including the checks that compare the programs of ``config``."""
    compared = (_process_name_twice, _shared_log_file, _crowd)
    return (*CHECKS, *(check(config) for check in compared))
