"""The options of a supervisord.conf that set up supervisord itself and its clients.

Each row says what an option does in Supervisor, and what to use in wctl instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wctl.config.includes import Merged
from wctl.config.options import OPTION
from wctl.errors import KEYS_ALIKE, Diagnostics

# Options that wctl implements, by section or kind of section.
CARRIED_OUT = {
    "supervisord": ("environment", "umask", "user", "directory", "minfds", "minprocs"),
    "include": ("files",),
    "group": ("programs", "priority"),
}
SILENCER = "wctl_ignore"  # wctl's own option, in any section


@dataclass(frozen=True)
class Elsewhere:
    """An option without effect in wctl. ``option`` * stands for all options of its section."""

    section: str  # or its kind: the part before the colon
    option: str
    does: str
    instead: str


_DAEMON = "systemd runs the workers, and there is no supervisord"
_BUS = "wctl talks to systemd over D-Bus, and polkit decides who may do so"
_REMOTE = "use 'systemctl -H HOST', or ssh"
_NO_PASSWORD = "wctl asks for no password"  # noqa: S105 - not a password

TABLE: tuple[Elsewhere, ...] = (
    Elsewhere("supervisord", "logfile", "names supervisord's own log", _DAEMON),
    Elsewhere("supervisord", "logfile_maxbytes", "rotates supervisord's own log", _DAEMON),
    Elsewhere("supervisord", "logfile_backups", "rotates supervisord's own log", _DAEMON),
    Elsewhere("supervisord", "loglevel", "filters supervisord's own log", _DAEMON),
    Elsewhere("supervisord", "pidfile", "names supervisord's PID file", _DAEMON),
    Elsewhere("supervisord", "nodaemon", "keeps supervisord in the foreground", _DAEMON),
    Elsewhere("supervisord", "silent", "keeps supervisord's own log off stdout", _DAEMON),
    Elsewhere("supervisord", "identifier", "names supervisord to its clients", _DAEMON),
    Elsewhere(
        "supervisord",
        "childlogdir",
        "names the directory of the files of stdout_logfile=AUTO",
        "AUTO goes to the journal, which 'wctl logs' reads; or name a file with stdout_logfile",
    ),
    Elsewhere(
        "supervisord",
        "nocleanup",
        "keeps the files of stdout_logfile=AUTO",
        "journald keeps the journal",
    ),
    Elsewhere(
        "supervisord",
        "strip_ansi",
        "removes colours from log files",
        "'wctl logs' leaves colours to the terminal; switch them off in the worker (--no-ansi)",
    ),
    Elsewhere("unix_http_server", "file", "tells supervisorctl where supervisord is", _BUS),
    Elsewhere("unix_http_server", "chmod", "determines who may use supervisorctl", _BUS),
    Elsewhere("unix_http_server", "chown", "determines who may use supervisorctl", _BUS),
    Elsewhere("unix_http_server", "username", "protects supervisord with a password", _NO_PASSWORD),
    Elsewhere("unix_http_server", "password", "protects supervisord with a password", _NO_PASSWORD),
    Elsewhere("inet_http_server", "port", "tells supervisorctl where supervisord is", _REMOTE),
    Elsewhere("inet_http_server", "username", "protects supervisord with a password", _NO_PASSWORD),
    Elsewhere("inet_http_server", "password", "protects supervisord with a password", _NO_PASSWORD),
    Elsewhere("supervisorctl", "serverurl", "tells supervisorctl where supervisord is", _BUS),
    Elsewhere("supervisorctl", "username", "logs in to supervisord", _NO_PASSWORD),
    Elsewhere("supervisorctl", "password", "logs in to supervisord", _NO_PASSWORD),
    Elsewhere("supervisorctl", "prompt", "sets supervisorctl's prompt", "use your shell's prompt"),
    Elsewhere(
        "supervisorctl",
        "history_file",
        "keeps the commands that you type",
        "use your shell's history, or 'wctl supervisorctl -r FILE'",
    ),
    Elsewhere(
        "rpcinterface",
        "*",
        "adds methods to supervisord's XML-RPC interface",
        "use systemd's D-Bus interface, or wctl with --json",
    ),
    Elsewhere(
        "ctlplugin", "*", "adds commands to supervisorctl", "write a script around wctl --json"
    ),
    Elsewhere(
        "eventlistener",
        "*",
        "runs a program that reads events from its stdin",
        "follow the journal, or use systemd.Unit.OnFailure, since wctl does not run that program",
    ),
)

KINDS = ("program", "fcgi-program", "group", "eventlistener", "rpcinterface", "ctlplugin")
SINGLE = ("supervisord", "include", "unix_http_server", "inet_http_server", "supervisorctl")


def check(section: Merged, findings: Diagnostics) -> None:
    """Report everything that wctl does not implement in a section that is not a program's."""
    kind, colon, _ = section.name.partition(":")
    if kind not in (KINDS if colon else SINGLE):
        near = findings.nearest(kind, KINDS if colon else SINGLE)
        findings.warning(
            "unknown-section", section.place, section.name, "", f"unknown section{near}"
        )
        return
    rows = {row.option: row for row in TABLE if row.section == kind}
    if "*" in rows:
        problem = f"without effect in wctl: this section {rows['*'].does}; {rows['*'].instead}"
        findings.warning("no-effect", section.place, section.name, "", problem)
        return
    for key, entry in section.entries.items():
        if key in rows:
            problem = f"without effect in wctl: this option {rows[key].does}; {rows[key].instead}"
            findings.warning("no-effect", entry.place, section.name, key, problem)
        elif key not in _carried_out(kind):
            near = findings.nearest(key, (*rows, *_carried_out(kind)), KEYS_ALIKE)
            near = ", expected in [program:x] only" if key in OPTION else near
            findings.warning("unknown-key", entry.place, section.name, key, f"unknown key{near}")


def _carried_out(kind: str) -> Iterable[str]:
    return (*CARRIED_OUT.get(kind, ()), SILENCER)
