"""The codes of the check's findings, and the problems that a check of a program yields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from wctl.config.model import Program


@dataclass(frozen=True)
class Code:
    """One kind of finding. wctl does not install what an ``error`` is about."""

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
    _error(
        "unreadable",
        "The configuration or the command line names a file that wctl cannot read.",
        "Correct its name or mode.",
    ),
    _error("missing", "The section needs this option.", "Add the option."),
    _error(
        "bad-value", "wctl never replaces a bad value by the default.", "Write the expected form."
    ),
    _error(
        "name",
        "Programs and groups give their names to units, and no two units may have the same name.",
        "Choose another name.",
    ),
    _error(
        "process-name",
        "Processes of a program must have different names.",
        "Put %(process_num)02d into process_name, or leave process_name out.",
    ),
    _error("unknown-program", "No program has this name.", "Correct the name or add the program."),
    _error(
        "two-groups",
        "Supervisor would run the program once for each group, but a unit belongs to one group.",
        "Remove the program from one group, or copy the program under another name.",
    ),
    _error(
        "name-taken",
        "A unit of this name belongs to another package, or was written by hand.",
        "Choose another name, or move that unit away.",
    ),
    _warning(
        "include",
        "An [include] adds nothing, or a file that it names cannot be read. Supervisor ignores"
        " both.",
        "Correct the pattern, the link or the mode of the file, or remove it.",
    ),
    _warning(
        "empty-group",
        "Supervisor makes a group without programs; a unit without anything to start has no use.",
        "List its programs, or remove the group.",
    ),
    _warning(
        "group-renamed",
        "A group and a program of this name would be the same target, so the target of the group is"
        " NAME-group. In wctl, NAME:* still names the group, and NAME the program, as in"
        " Supervisor.",
        "Use NAME-group with systemctl, or choose another name for the group.",
    ),
    _warning(
        "process-name-twice",
        "Of the processes of one name in a group, Supervisor runs only one; wctl runs all of them.",
        "Put %(program_name)s into process_name, or remove the program that never ran.",
    ),
    _warning(
        "number-clamped",
        "Supervisor takes numbers of any size, and wctl uses the nearest number that it counts to.",
        "Write the number that the finding names.",
    ),
    _warning(
        "environment-cut",
        "Supervisor silently drops a # outside quotes with what follows it, and any word between a"
        " value and the next variable. So does wctl: workers get the same variables.",
        'Quote each value, as in KEY="value", and separate variables with commas.',
    ),
    _warning(
        "unknown-key",
        "An unknown key is often misspelt, since Supervisor silently ignores unknown keys.",
        "Correct the key. If only another program reads the key, use wctl_ignore.",
    ),
    _warning(
        "unknown-section", "An unknown section is often misspelt.", "Correct the section's name."
    ),
    _warning(
        "unknown-code",
        "wctl_ignore names a code that it cannot silence.",
        "Correct or remove the code.",
    ),
    _warning(
        "repeated-key", "Only the last value counts, which is easily missed.", "Remove the others."
    ),
    _warning(
        "no-effect",
        "The option or section sets up supervisord, or something that systemd does in another way.",
        "Use what the finding names, then remove the option or section.",
    ),
    _warning(
        "command-not-found",
        "Every start fails until the command exists.",
        "Install the command, or give its whole path.",
    ),
    _warning(
        "command-not-executable",
        "Every start fails: the file is there, but the program's user may not execute it, or its"
        " first line names an interpreter that is missing.",
        "Change the file's mode or its directories', or correct its first line.",
    ),
    _warning(
        "foreign-configuration",
        "Whoever can change a configuration file, or a directory above it, can run commands as"
        " root.",
        "Give the file or directory to root, and take the write permission from others (chmod"
        " go-w). If these others may be root, set wctl_ignore in [supervisord].",
    ),
    _warning(
        "foreign-file",
        "Root runs the commands of a worker of root, and systemd reads environment_file and"
        " credential as root. Whoever can change such a file runs commands as root, or makes"
        " systemd read a file of somebody else.",
        "Give the file and the directories above it to root, and take the write permission from"
        " others (chmod go-w). If root need not run the command, set user to the file's owner.",
    ),
    _warning(
        "root-worker",
        "Without user, a worker runs as root, and so does whoever finds a hole in it.",
        "Set user to the account that the worker needs; user = root says that it must be root.",
    ),
    _warning(
        "user-missing",
        "Every start fails until the user, or the owner of the socket, exists.",
        "Create the user or group.",
    ),
    _warning(
        "directory-missing",
        "Every start fails until the directory exists.",
        "Create the directory.",
    ),
    _warning(
        "directory-closed",
        "The program's user may not enter the directory.",
        "Change the owner or mode of the directory.",
    ),
    _warning(
        "log-directory-missing",
        "The wrapper cannot write the log file; the journal has the output.",
        "Create the directory.",
    ),
    _warning(
        "log-directory-closed",
        "The program's user may not write to the log file's directory; the journal has the output.",
        "Change the owner or mode of the directory.",
    ),
    _warning(
        "log-file-closed",
        "The program's user may not write to the log file, as when Supervisor made it as root;"
        " the journal has the output.",
        "Give the file and its older files to the user, with the command of the finding.",
    ),
    _warning(
        "log-not-a-file",
        "wctl writes log files only to regular files; the journal has the output.",
        "Name a file, or NONE for no output.",
    ),
    _warning(
        "shared-log-file",
        "Programs may share a log file, but only one user can write to it, and the lowest limits of"
        " its writers count.",
        "Use the same user, maxbytes and backups for all its writers, or one file for each.",
    ),
    _warning(
        "log-directory-foreign",
        "A worker that runs as root writes log files where another user can replace them by links.",
        "Give the directory to root, or set user to the directory's owner.",
    ),
    _warning(
        "planned-end-is-final",
        "After some time the worker exits with code 0, and systemd does not start it again.",
        "Set autorestart=true.",
    ),
    _warning(
        "ends-before-ready",
        "A worker that ends after some messages, or at an empty queue, may end within startsecs."
        " However it ends, that is a failed start, and too many in a row make it FATAL.",
        "Set startsecs=0, or replace the option by one that ends the worker after some time.",
    ),
    _warning(
        "daemonizes",
        "The command starts another process, and ends. For systemd the worker has ended, or failed"
        " to start, and systemd kills the process that is left.",
        "Keep the command in the foreground, as the finding says.",
    ),
    _warning(
        "short-stop",
        "A worker that stops finishes its current message; systemd kills it after stopwaitsecs.",
        "Set stopwaitsecs above the time that the slowest message takes.",
    ),
    _warning(
        "group-stop",
        "With stopasgroup, every process of the worker gets the stop signal. A process that"
        " handles a message drops it then; if only the first process gets the signal, it lets the"
        " others finish.",
        "Leave stopasgroup out.",
    ),
    _warning(
        "interrupting-stop",
        "This signal makes the worker drop the message in hand, where another lets it finish.",
        "Set stopsignal to the signal that the finding names.",
    ),
    _warning(
        "abrupt-stop", "SIGKILL leaves the current message unfinished.", "Set stopsignal=TERM."
    ),
    _warning(
        "shell-syntax",
        "wctl runs a command without a shell, as Supervisor does.",
        "Write sh -c '...', or a single command.",
    ),
    _warning(
        "shell-between",
        "A shell does not pass the stop signal on: it ends, and leaves the worker behind.",
        "Write exec before the command that works, or use stopasgroup=true.",
    ),
    _warning(
        "user-by-command",
        "The program that changes the user stands between systemd and the worker, in its own way.",
        "Use user=NAME, and let the command start the worker itself.",
    ),
    _warning(
        "memory-below-own-limit",
        "The kernel kills the worker before it reaches its own limit and ends gracefully.",
        "Set memory_max to twice that limit, or leave memory_max out.",
    ),
    _warning(
        "memory-below-wrapper",
        "The kernel kills wctl's wrapper, a Python program that needs up to 10M, at every start.",
        "Set memory_max, and memory_high, to what the worker needs.",
    ),
    _warning(
        "memory-high-crawls",
        "Above memory_high, the kernel slows the worker, which then never reaches its own limit.",
        "Leave memory_high out.",
    ),
    _warning(
        "open-secret",
        "Every user of the machine can read Environment= over D-Bus.",
        "Use environment or environment_file.",
    ),
    _warning(
        "secret-in-configuration",
        "Every user can read configuration files, and backups and repositories contain them.",
        "Move the secret to a file of mode 0600, and name that file in environment_file.",
    ),
    _warning(
        "secret-in-command",
        "Every user can read command lines: in ps, in the unit, and over D-Bus.",
        "Let the command read the secret from a variable of environment_file, or from a file.",
    ),
    _warning(
        "restart-steps",
        "The delay of RestartSteps= never becomes short again, however long the worker then runs.",
        "Remove RestartSteps=: the wait after a failed start grows without it.",
    ),
    _warning(
        "overrides-wctl",
        "Start, stop and status rely on directives that wctl writes.",
        "Use the option that sets the directive.",
    ),
    _warning(
        "priority-crowd",
        "A unit that names hundreds of other units makes systemd slow.",
        "In after, name what the program really needs.",
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
