"""What a senior operator would say about a program, judging by its options alone."""

from __future__ import annotations

import os
from collections.abc import Iterator

from wctl.check import shell, stops
from wctl.check.codes import Check, Problem
from wctl.config import frameworks, secrets
from wctl.config.model import MOST_EARLIER, Config, Program, log_file
from wctl.config.values import byte_size

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


def _shared_log_file(program: Program) -> Iterator[Problem]:
    for key in ("stdout_logfile", "stderr_logfile"):
        template = log_file(getattr(program, key))
        if template is not None and program.numprocs > 1 and not template.numbers:
            yield Problem(
                "shared-log-file",
                key,
                "all processes would write to the same file; put %(process_num)02d into its name",
            )


def _log_file_taken(config: Config) -> Check:
    """Return a check that no two streams log to one file."""
    writers: dict[str, list[tuple[str, str]]] = {}
    for program in config.programs:
        for path, key in _log_files(program):
            writers.setdefault(path, []).append((program.name, key))

    def check(program: Program) -> Iterator[Problem]:
        reported = set()
        for path, key in _log_files(program):
            others = (writer for writer in writers[path] if writer != (program.name, key))
            name, other = next(others, ("", ""))
            if other and key not in reported:
                reported.add(key)
                whose = other if name == program.name else f"{other} of {name}"
                problem = f"{path} is also the {whose}: both would write to it; use two files"
                yield Problem("shared-log-file", key, problem)

    return check


def _log_files(program: Program) -> Iterator[tuple[str, str]]:
    """Yield the path and the option of each log file; only once if instances share the file."""
    streams = ("stdout",) if program.redirect_stderr else ("stdout", "stderr")
    for key in (f"{stream}_logfile" for stream in streams):
        template = log_file(getattr(program, key))
        if template is not None:
            numbers = program.numbers if template.numbers else [program.numprocs_start]
            yield from ((os.path.normpath(template.text(number)), key) for number in numbers)


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
    _shared_log_file,
    _open_secret,
    _secret_in_command,
    _restart_steps,
    _overridden,
)


def checks(config: Config) -> tuple[Check, ...]:
    """Return all checks, including the checks that compare the programs of ``config``."""
    return (*CHECKS, _log_file_taken(config), _crowd(config))
