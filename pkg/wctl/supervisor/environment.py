"""What programs get from the environment of the supervisord that runs them.

supervisord hands its own variables to every process: those of its service (Environment= in a
drop-in, /etc/default/supervisor) or of the shell that started it. No configuration file names them.
"""

from __future__ import annotations

import itertools
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

_HEADER = "# The environment of supervisord with {0}, from 'wctl import'."
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
_OF_A_USER = ("HOME", "LOGNAME", "SHELL", "USER")
_COMMENT = re.compile(r"(?:^|\s)[;#]")
_KEY = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*=", re.ASCII)


@dataclass(frozen=True)
class Inherited:
    """The environment of a supervisord."""

    environ: Mapping[str, str] | None = None  # None: we could not read it
    why: str = ""  # we could not
    given: Mapping[str, str] = field(default_factory=dict)  # what units of wctl would lack
    lost: tuple[str, ...] = ()  # of these, the names of variables that no file can hold
    file: Path | None = None  # that holds them for wctl's units
    source: Path = Path()  # the configuration of supervisord

    @property
    def known(self) -> bool:
        """Whether this is the environment of a supervisord, and not of wctl in its place."""
        return self.file is not None and self.environ is not None

    def missing(self, program: Program) -> list[str]:
        """Return the names of the variables that ``program`` does not set by itself."""
        own = {name for name, _ in program.environment}
        return sorted(name for name in self.given if name not in own)

    def needed(self, programs: Iterable[Program]) -> bool:
        """Tell whether one of these programs lacks a variable without ``file``."""
        return any(map(self.missing, programs))

    @property
    def text(self) -> str:
        """The text of ``file``."""
        head = _HEADER.format(self.source)
        return f"{head}\n{env_file.environment_file(sorted(self.given.items()))}"

    @property
    def written(self) -> bool:
        """Whether ``file`` exists."""
        return self.file is not None and _values(self.file) is not None

    @property
    def edited(self) -> list[str]:
        """The names of the variables that ``file`` has otherwise, or has not, if it exists."""
        before = _values(self.file) if self.file is not None else None
        if before is None or self.environ is None:
            return []
        names = before.keys() | self.given.keys()
        return sorted(name for name in names if before.get(name) != self.given.get(name))


def of(
    environ: Mapping[str, str], baseline: Mapping[str, str], directory: Path, source: Path
) -> Inherited:
    """Return what programs inherit from the supervisord of the configuration ``source``.

    ``directory`` has wctl's configuration. See beyond().
    """
    given, lost = beyond(environ, baseline)
    return Inherited(environ, "", given, lost, _file(directory, source), source)


def unknown(why: str, directory: Path, source: Path) -> Inherited:
    """Return what we know where supervisord's environment cannot be read: what it was before."""
    file = _file(directory, source)
    return Inherited(None, why, _values(file) or {}, file=file, source=source)


def _file(directory: Path, source: Path) -> Path:
    """Return the file for the variables of a supervisord: beside wctl.conf, one for each."""
    for number in itertools.count(1):
        file = directory / ("supervisord.env" if number == 1 else f"supervisord-{number}.env")
        try:
            head, _, _ = files.read(file).decode(errors="replace").partition("\n")
        except OSError:
            return file
        if head == _HEADER.format(source):
            return file
    raise AssertionError


def _values(file: Path) -> dict[str, str] | None:
    """Return the variables of a file; None if it does not exist, or cannot be read."""
    try:
        return env_file.parse(files.read(file).decode())
    except (OSError, ValueError):
        return None


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
        if (value := known.get(name)) is not None
    }


def unwritable(line: ini.Line, values: Mapping[str, str]) -> str:
    """Return the first of ``values``, by %(name)s, that this line cannot hold; "" if it holds all.

    Supervisor fills values in after it has read a line, so they may contain anything.
    """
    content = _COMMENT.split(line.text, maxsplit=1)[0]
    used = (name for name in values if f"%({name})" in content)
    return next((name for name in used if not fits(values[name])), "")


def fits(value: str) -> bool:
    """Tell whether a value can stand anywhere in a line."""
    return value.isprintable() and not _COMMENT.search(value)


def changes(file: Path, programs: Iterable[Program], found: Inherited) -> Iterator[tuple[str, str]]:
    """Yield what changes in the environment of programs: the names of variables, never values."""
    if found.file is None:
        return
    if found.environ is None:
        so = (
            f"{', '.join(sorted(found.given))} of an earlier import count ({found.file})"
            if found.given
            else "the variables of its service, or of the shell that started it, are not known"
        )
        yield str(file), f"supervisord's environment could not be read ({found.why}): {so}"
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
    yield from _of_users(programs, found.environ, found.given)
    if found.lost:
        yield str(file), f"not carried over, because they are not UTF-8: {', '.join(found.lost)}"


def _of_users(
    programs: Iterable[Program], environ: Mapping[str, str], given: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield what becomes of HOME and the like, which supervisord has from the shell of its user."""
    rows: dict[str, list[str]] = {}
    for program in programs:
        own = {name for name, _ in program.environment}
        names = [name for name in _OF_A_USER if name in environ and name not in {*given, *own}]
        if names:
            now = f"of {program.user}" if program.user else "missing"
            what = f"{', '.join(names)}: {now}, no longer of supervisord's user"
            rows.setdefault(what, []).append(program.title)
    for what, titles in rows.items():
        yield ", ".join(titles), what
