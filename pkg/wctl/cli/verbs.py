"""The table of verbs: what each does to systemd, what it prints, and how it exits.

"wctl --help" and the manual are made from it; tests/e2e/test_verbs.py holds the verbs to it.
"""

from __future__ import annotations

from dataclasses import dataclass

from wctl.errors import Exit

_STARTS = "For each instance: ResetFailedUnit if it failed, {}; marks its targets as active."
_NO_SYSTEMD = "Nothing."
_READS = "Reads the states of units."


@dataclass(frozen=True)
class Verb:
    """A verb of wctl."""

    module: str  # of wctl.cli
    summary: str  # for "wctl --help", which then need not import the module
    systemd: str  # what it does to systemd and its files
    prints: tuple[str, ...]  # to stdout; capitals stand for what varies, | for "or"
    exits: tuple[int, ...]  # beside 0, and those that every verb may have
    changes: bool = False  # it goes on if nobody can read what it prints


_FAILED = "abnormal termination | timed out | canceled by another command | REASON"
_NO_START = f"NAME: ERROR ({_FAILED})"
_NOT_RUNNING = "NAME: ERROR (not running | scaled to 0)"
_KILLED = "NAME: stopped (killed: it did not end within N s)"
_NO_UPDATES = "No config updates to processes"
_REMOVED = "NAME: removed process group"
_ADDS = (
    "NAME: added process group", "NAME: updated process group", "NAME: added group",
    "NAME: updated process group, numprocs is N", "NAME: updated, nothing to restart",
    "FILE: removed", "NAME: started", "NAME: restarted", "NAME: stopped", _KILLED, _NO_START,
    _NO_UPDATES,
)  # fmt: skip

VERBS = {
    "init": Verb(
        "init", "Write a first configuration for an application.", _NO_SYSTEMD,
        ("FILE: written, for WHAT in DIRECTORY", "Next: WHAT", "with --print, the configuration"),
        (Exit.FAILURE, Exit.UNKNOWN), changes=True,
    ),
    "edit": Verb(
        "edit", "Edit the file of a program, check it, and update.", "As update.",
        ("nothing has changed", "the file is right, and no unit changes", "the diff of units",
         "Next: WHAT", *_ADDS),
        (Exit.FAILURE, Exit.UNKNOWN), changes=True,
    ),
    "check": Verb(
        "configure", "Check the configuration and show all errors and warnings.", _NO_SYSTEMD,
        ("FILE:LINE: [SECTION] KEY: PROBLEM [CODE]", "N programs, N errors, N warnings"),
        (Exit.FAILURE,),
    ),
    "render": Verb(
        "configure", "Print the generated units, or write them to a directory.",
        "Reads its version, unless --target-systemd gives one.",
        ("the units", "with -o, the FILES that it has written"), (Exit.FAILURE, Exit.UNKNOWN),
        changes=True,
    ),
    "reread": Verb(
        "configure", "Show what 'wctl update' would change.", _NO_SYSTEMD,
        ("NAME: available", "NAME: changed", "NAME: disappeared", _NO_UPDATES), (Exit.FAILURE,),
    ),
    "explain": Verb(
        "show", "Explain in words what happens to a program's workers, and when.",
        "Reads the loaded unit.", ("NAME, from FILE:", "WHEN  WHAT"), (Exit.UNKNOWN,),
    ),
    "update": Verb(
        "update", "Write the units; start, restart and remove changed programs.",
        "Stops and disables removed programs; writes and deletes unit files; Reload; enables and"
        " disables; restarts changed and starts new programs.",
        (_REMOVED, *_ADDS), (Exit.FAILURE,), changes=True,
    ),
    "add": Verb(
        "update", "Install configured programs.", "As update, for these programs.",
        _ADDS, (Exit.FAILURE,), changes=True,
    ),
    "remove": Verb(
        "update", "Uninstall the units of stopped programs.",
        "Disables the program; deletes its unit files; Reload.",
        (_REMOVED, "NAME: ERROR (process/group still running)"),
        (Exit.FAILURE, Exit.UNKNOWN), changes=True,
    ),
    "import": Verb(
        "migrate.import_", "Import Supervisor's configuration and, with --takeover, its workers.",
        "With --takeover, as update; stops Supervisor's workers first, and disables its service.",
        ("what it writes, and what will be different",), (Exit.FAILURE, Exit.UNKNOWN), changes=True,
    ),
    "scale": Verb(
        "control", "Set how many instances of a program run.",
        "EnableUnitFiles and StartUnit of the missing instances; DisableUnitFiles and StopUnit of"
        " the surplus ones; Reload.",
        ("NAME: started", "NAME: stopped", _KILLED, _NO_START, "NAME: scaled to N",
         "NAME: enabled N, but N run"),
        (Exit.FAILURE, Exit.UNKNOWN), changes=True,
    ),
    "start": Verb(
        "control", "Start instances and wait until they are ready.", _STARTS.format("StartUnit"),
        ("NAME: started", "NAME: restarted",
         f"NAME: ERROR (already started | scaled to 0 | {_FAILED})",
         "nothing to do: REASON"),
        (Exit.UNKNOWN, Exit.NOT_STARTED), changes=True,
    ),
    "stop": Verb(
        "control", "Stop instances gracefully.",
        "StopUnit of each instance; after a program's last one, marks its target as inactive.",
        ("NAME: stopped", _KILLED, "NAME: ERROR (not running | scaled to 0 | timed out | REASON)",
         "nothing to do: REASON"),
        (Exit.FAILURE, Exit.UNKNOWN), changes=True,
    ),
    "restart": Verb(
        "control", "Restart instances and wait until they are ready.",
        _STARTS.format("RestartUnit"),
        ("NAME: restarted", "NAME: restarted (killed: it did not end within N s)",
         f"NAME: ERROR (scaled to 0 | not running | {_FAILED})",
         "NAME: not running, left as it is",
         "nothing to do: REASON",
         "rolling restart: stopped at the first failure; not restarted: NAMES"),
        (Exit.UNKNOWN, Exit.NOT_STARTED), changes=True,
    ),
    "enable": Verb(
        "control", "Make programs start at boot.",
        "EnableUnitFiles of the targets of programs and groups; Reload. With --now, as start.",
        ("NAME: enabled", "NAME: already enabled", "NAME: enabled, but scaled to 0",
         "NAME: started", _NO_START, "nothing to do: REASON"),
        (Exit.FAILURE, Exit.UNKNOWN, Exit.NOT_STARTED), changes=True,
    ),
    "disable": Verb(
        "control", "Make programs stay down at boot.",
        "DisableUnitFiles of the targets of programs and groups; Reload. With --now, as stop.",
        ("NAME: disabled", "NAME: already disabled", "NAME: stopped", _KILLED,
         "NAME: ERROR (timed out | REASON)", "nothing to do: REASON"),
        (Exit.FAILURE, Exit.UNKNOWN), changes=True,
    ),
    "signal": Verb(
        "control", "Send a signal to workers.", "KillUnit of the main process.",
        ("NAME: signalled", _NOT_RUNNING, "nothing to do: REASON"),
        (Exit.UNKNOWN, Exit.NOT_STARTED), changes=True,
    ),
    "status": Verb(
        "status.command", "Show the state of instances.", _READS,
        ("NAME  STATE  DESCRIPTION", "on a terminal, and with -l, a table"),
        (Exit.NOT_RUNNING, Exit.UNKNOWN),
    ),
    "top": Verb(
        "top.command", "Watch instances on one screen, and act on them by keys.",
        "Reads the states of units; a key does what the verb of its name does.",
        ("the screen",), (Exit.UNKNOWN,),
    ),
    "pid": Verb(
        "show", "Print the process IDs of workers.", _READS,
        ("N",), (Exit.UNKNOWN, Exit.NOT_STARTED),
    ),
    "tail": Verb(
        "logs.tail", "Show the last lines that instances wrote.",
        "Reads the journal, or log files.", ("the lines",), (Exit.FAILURE, Exit.UNKNOWN),
    ),
    "logs": Verb(
        "logs.read", "Show what instances logged; select lines by time, text or priority.",
        "Reads the journal.", ("the lines",), (Exit.UNKNOWN,),
    ),
    "maintail": Verb(
        "logs.read", "Show what wctl and systemd logged about instances.", "Reads the journal.",
        ("the lines",), (Exit.UNKNOWN,),
    ),
    "history": Verb(
        "logs.history", "Show what happened to instances, and why.", "Reads the journal.",
        ("TIME  NAME  WHAT",), (Exit.FAILURE, Exit.UNKNOWN),
    ),
    "clear": Verb(
        "logs.tail", "Empty the log files of instances.", "Reads the loaded units.",
        ("NAME: cleared", "NAME: nothing to clear, it has no log file",
         "NAME: ERROR (FILE: REASON)"),
        (Exit.FAILURE, Exit.UNKNOWN), changes=True,
    ),
    "run": Verb(
        "foreground.run", "Run one instance in the foreground, without systemd.", _NO_SYSTEMD,
        ("what the worker writes",), (),
    ),
    "completion": Verb(
        "completion", "Print the completion script for a shell.", _NO_SYSTEMD, ("the script",), (),
    ),
    "doctor": Verb(
        "doctor", "Diagnose problems and suggest fixes.", "Reads units, and the journal.",
        ("NAME: PROBLEM [CODE], with evidence and a command",
         "no findings", "N errors, N warnings, N notices"),
        (Exit.FAILURE, Exit.UNKNOWN),
    ),
    "supervisorctl": Verb(
        "supervisorctl", "Do what supervisorctl does, in its own words.",
        "What the wctl verb of that name does; restart stops, and then starts.",
        ("what supervisorctl 4.3.0 prints",),
        (Exit.FAILURE, Exit.NOT_RUNNING, Exit.UNKNOWN, Exit.NOT_STARTED), changes=True,
    ),
    "version": Verb("show", "Print wctl's version.", _NO_SYSTEMD, ("the version",), ()),
    "help": Verb(
        "help", "Show what a command does, or a page of the manual.", _NO_SYSTEMD,
        ("the help", "the page"), (Exit.FAILURE,),
    ),
}  # fmt: skip

# As "wctl --help" shows them.
GROUPS = {
    "Set up": ("init", "edit", "check", "render", "explain"),
    "Change": (
        "reread", "update", "add", "remove", "scale", "start", "stop", "restart",
        "enable", "disable", "signal", "clear",
    ),
    "Watch": ("status", "top", "pid", "tail", "logs", "history", "maintail", "doctor"),
    "Come from Supervisor": ("import", "supervisorctl"),
    "More": ("run", "completion", "version", "help"),
}  # fmt: skip

# What people type who come from other tools.
SYNONYMS = {"ls": "status", "ps": "status", "list": "status", "log": "logs"}
