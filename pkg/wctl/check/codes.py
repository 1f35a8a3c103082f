"""The codes of the check's findings, and the problems that a check of a program yields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from wctl.config.model import Program


@dataclass(frozen=True)
class Code:
    """One kind of finding. wctl installs nothing while a finding is an ``error``."""

    name: str
    error: bool
    why: str
    remedy: str


def _error(name: str, why: str, remedy: str) -> Code:
    return Code(name, True, why, remedy)


def _warning(name: str, why: str, remedy: str) -> Code:
    return Code(name, False, why, remedy)


# All codes; a test checks that none is missing. wctl.conf(5) is generated from this table.
TABLE: tuple[Code, ...] = (
    _error("syntax", "The file is not an INI file in UTF-8.", "Correct the line."),
    _error("unreadable", "A file that is named cannot be read.", "Correct its name or mode."),
    _error("missing", "A program needs this.", "Add the option."),
    _error("bad-value", "A bad value never becomes a default.", "Write what is expected."),
    _error(
        "name",
        "Programs and groups name units, and no two may be the same.",
        "Choose another name.",
    ),
    _error(
        "process-name",
        "Processes are told apart by their names.",
        "Put %(process_num)02d into process_name, or leave it out.",
    ),
    _error("unknown-program", "A name stands for no program.", "Correct it or add the program."),
    _error(
        "two-groups",
        "Supervisor would run the program once for each group; one unit is in one.",
        "Take it out of one, or copy the program under another name.",
    ),
    _error(
        "shared-log-file",
        "Two that rotate one file lose what the other writes.",
        "Put %(process_num)02d into its name, or give each stream a file of its own.",
    ),
    _error(
        "name-taken",
        "A unit of this name is part of another package, or was written by hand.",
        "Choose another name, or move that unit away.",
    ),
    _warning("include", "An [include] brings nothing in.", "Correct the pattern or remove it."),
    _warning(
        "unknown-key",
        "Supervisor would ignore it without a word, so it is often misspelt.",
        "Correct it; what only another program reads can be silenced.",
    ),
    _warning("unknown-section", "As for unknown-key.", "Correct the section's name."),
    _warning(
        "unknown-code", "wctl_ignore silences nothing by this name.", "Correct it or remove it."
    ),
    _warning("repeated-key", "The last one counts, which is easily overlooked.", "Remove one."),
    _warning(
        "no-effect",
        "It sets up supervisord, or something that systemd does in another way.",
        "Use what the finding names, then remove it.",
    ),
    _warning(
        "command-not-found",
        "Every start fails until the command is there.",
        "Install it, or give its whole path.",
    ),
    _warning("user-missing", "Every start fails until the user is there.", "Create the user."),
    _warning("directory-missing", "Every start fails until it is there.", "Create the directory."),
    _warning(
        "directory-closed",
        "The program's user may not enter the directory.",
        "Change its owner or mode.",
    ),
    _warning(
        "log-directory-missing",
        "The log file cannot be written; the journal has the output.",
        "Create the directory.",
    ),
    _warning(
        "log-directory-closed",
        "The program's user writes the log file, and may not; the journal has the output.",
        "Change the owner or mode of the directory.",
    ),
    _warning(
        "planned-end-is-final",
        "The worker ends itself with exit code 0 after a time, and that counts as done.",
        "Set autorestart=true.",
    ),
    _warning(
        "short-stop",
        "A worker that is stopped finishes the message in hand, and is killed if it takes longer.",
        "Set stopwaitsecs above what the slowest message takes.",
    ),
    _warning(
        "interrupting-stop",
        "Symfony's Messenger aborts the message in hand on SIGINT, and reports success.",
        "Set stopsignal=TERM.",
    ),
    _warning(
        "abrupt-stop", "SIGKILL leaves the message in hand unfinished.", "Set stopsignal=TERM."
    ),
    _warning(
        "shell-syntax",
        "A command is run without a shell, by Supervisor, too.",
        "Write sh -c '...', or one command.",
    ),
    _warning(
        "memory-below-own-limit",
        "The worker is killed before it reaches its own limit and ends gracefully.",
        "Set memory_max to twice that limit, or leave it out.",
    ),
    _warning(
        "memory-high-crawls",
        "Above memory_high a worker is slowed down, and never reaches its own limit.",
        "Leave memory_high out.",
    ),
    _warning(
        "startsecs-0",
        "Every start counts as a success, so a worker that crashes at once looks RUNNING.",
        "Set startsecs to 1 or more.",
    ),
    _warning(
        "open-secret",
        "Every user of the machine can read Environment= over D-Bus.",
        "Use environment or environment_file.",
    ),
    _warning(
        "secret-in-configuration",
        "Configuration files are readable for all, and end in backups and repositories.",
        "Move it to a file of mode 0600, and name that with environment_file.",
    ),
    _warning(
        "restart-steps",
        "RestartSteps= never becomes short again, however long the worker then ran.",
        "Remove it: the wait after a failed start grows by itself.",
    ),
    _warning(
        "overrides-wctl",
        "Start, stop and status go by directives that wctl writes.",
        "Use the option that it is made from.",
    ),
    _warning(
        "priority-crowd",
        "A unit that names hundreds of others makes systemd slow.",
        "Name with after what a program really needs.",
    ),
)


CODES = {code.name: code for code in TABLE}


@dataclass(frozen=True)
class Problem:
    """A finding that does not have its place yet."""

    code: str
    key: str
    text: str


Check = Callable[[Program], Iterator[Problem]]
