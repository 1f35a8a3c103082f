"""What programs get from the environment of the supervisord that runs them.

supervisord hands its own variables to every process: those of its service (Environment= in a
drop-in, /etc/default/supervisor) or of the shell that started it. No configuration file names them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wctl.config import ini
from wctl.config.includes import Sections
from wctl.config.model import Program
from wctl.systemd import env_file
from wctl.trust import accounts, files
from wctl.units.environment import of_user

NAME = "supervisord.env"  # beside wctl.conf
# What systemd says to one process, or a session to its shell (systemd.exec(5), "Environment
# Variables Set or Propagated by the Service Manager"); and what Supervisor itself sets.
_OF_THE_PROCESS = re.compile(
    r"_|SHLVL|PWD|OLDPWD|TERM|COLORTERM|COLUMNS|LINES|MAIL|LS_COLORS|LESS(OPEN|CLOSE)|PS[0-9]|STY"
    r"|DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|WINDOWID|SSH_.*|SUDO_.*|XDG_.*|TMUX.*|TERM_.*"
    r"|DBUS_SESSION_BUS_ADDRESS|INVOCATION_ID|JOURNAL_STREAM|LOG_NAMESPACE|SYSTEMD_EXEC_PID"
    r"|NOTIFY_SOCKET|WATCHDOG_(PID|USEC)|MAINPID|MANAGERPID(FDID)?|LISTEN_(FDS|PID|FDNAMES|PIDFDID)"
    r"|FDSTORE|PIDFILE|(RUNTIME|STATE|CACHE|LOGS|CONFIGURATION|CREDENTIALS)_DIRECTORY"
    r"|MEMORY_PRESSURE_(WATCH|WRITE)|SERVICE_RESULT|EXIT_(CODE|STATUS)|(MONITOR|TRIGGER)_.*"
    r"|REMOTE_(ADDR|PORT)|SUPERVISOR_.*"
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)  # what an EnvironmentFile= can name
_VARIABLE = re.compile(r"%\(ENV_([^()]+)\)")
_KEY = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*=", re.ASCII)


@dataclass(frozen=True)
class Inherited:
    """The environment of a supervisord."""

    environ: Mapping[str, str] | None = None  # None: we could not read it
    why: str = ""  # we could not
    given: Mapping[str, str] = field(default_factory=dict)  # what units of wctl would lack
    lost: tuple[str, ...] = ()  # of these, the names of variables that no file can hold
    file: Path | None = None  # that holds them for wctl's units

    @property
    def known(self) -> bool:
        """Whether this is the environment of a supervisord, and not of wctl in its place."""
        return self.file is not None and self.environ is not None

    def missing(self, program: Program) -> list[str]:
        """Return the names of the variables that ``program`` does not set by itself."""
        own = {name for name, _ in program.environment}
        return sorted(name for name in self.given if name not in own)

    @property
    def text(self) -> str:
        """The text of ``file``."""
        head = "# The environment of supervisord, from 'wctl import'.\n"
        return head + env_file.environment_file(sorted(self.given.items()))


def of(environ: Mapping[str, str], baseline: Mapping[str, str], directory: Path) -> Inherited:
    """Return what programs inherit; ``directory`` has wctl's configuration. See beyond()."""
    given, lost = beyond(environ, baseline)
    return Inherited(environ, "", given, lost, directory / NAME)


def unknown(why: str, directory: Path) -> Inherited:
    """Return what we know where supervisord's environment cannot be read: what it was before."""
    file = directory / NAME
    try:
        before = env_file.parse(files.read(file).decode())
    except (OSError, ValueError):  # not imported before
        before = {}
    return Inherited(None, why, before, file=file)


def beyond(
    environ: Mapping[str, str], baseline: Mapping[str, str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the variables that every program of supervisord has, and no unit of wctl.

    Units have what the manager gives, the ``baseline``, and HOME and the like from their own user.
    Also return the names of those that no EnvironmentFile= can hold (systemd.exec(5)).
    """
    account = accounts.find(str(os.geteuid()))
    own = {} if account is None else {"SHELL": account.pw_shell, **of_user(account)}
    found, lost = {}, []
    for name, value in environ.items():
        if _OF_THE_PROCESS.fullmatch(name) or value in (baseline.get(name), own.get(name)):
            continue
        if _NAME.fullmatch(name) and env_file.is_text(value):
            found[name] = value
        elif _NAME.fullmatch(name):
            lost.append(name)
    return found, tuple(sorted(lost))


def named(lines: Iterable[ini.Line]) -> set[str]:
    """Return the names of the variables that a file takes from the environment: %(ENV_X)s."""
    return {name for line in lines if line.key for name in _VARIABLE.findall(line.text)}


def fixed(lines: Iterable[ini.Line], sections: Sections, inherited: Inherited) -> dict[str, str]:
    """Return the values to write into the copy of a file, by %(name)s: wctl has not got them.

    [supervisord] sets some of these variables itself, and the copy has that section, too.
    """
    if inherited.file is None:
        return {}
    known = inherited.environ or inherited.given
    supervisord = sections.by_name.get("supervisord")
    entry = supervisord.entries.get("environment") if supervisord is not None else None
    own = set(_KEY.findall(entry.value)) if entry is not None else set()
    return {
        f"ENV_{name}": value
        for name in named(lines) - own
        if (value := known.get(name)) is not None and value.isprintable()
    }


def changes(file: Path, programs: Iterable[Program], found: Inherited) -> Iterator[tuple[str, str]]:
    """Yield what changes in the environment of programs: the names of variables, never values."""
    if found.file is None:
        return
    if found.environ is None:
        yield (
            str(file),
            f"supervisord's environment could not be read ({found.why}): the variables of its"
            " service, or of the shell that started it, are not known",
        )
        return
    carried: set[str] = set()
    for program in programs:
        names = found.missing(program)
        if "environment_file" not in program.places:
            carried.update(names)
        elif names and str(found.file) not in program.environment_file:
            problem = f"does not get {', '.join(names)} from supervisord's environment, because"
            yield program.title, f"{problem} environment_file is set; add {found.file} to it"
    if carried:
        problem = f"{', '.join(sorted(carried))} of supervisord's environment"
        yield str(file), f"{problem}: carried over in {found.file} (environment_file)"
    if found.lost:
        yield str(file), f"not carried over, because they are not UTF-8: {', '.join(found.lost)}"
