"""Records of a configuration: programs, with a field for each option, and groups."""

from __future__ import annotations

import posixpath
import re
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from wctl.config.expansion import Template
from wctl.config.fcgi import Socket
from wctl.errors import Diagnostic, Place

MOST_EARLIER = 100  # programs that a program of the next priority may come after

# Values that name no log file, in upper or lower case.
_OFF = {"NONE", "OFF"}
_NO_FILE = {*_OFF, "AUTO", "SYSLOG", ""}
# Devices, and what processes have open. The kernel refuses to open the journal's socket again, and
# a pipe opened again would be shared with others.
_NO_REGULAR_FILE = re.compile(r"/proc/|/dev/(?!shm/)")
_NULL = "/dev/null"
# What containers log to: supervisord's own output, or that of PID 1. A worker's output already goes
# where it should.
_OWN_OUTPUTS = re.compile(r"/dev/(stdout|stderr)|/(dev|proc/(self|1))/fd/[12]")


@dataclass(frozen=True)
class Directive:
    """A directive passed through verbatim: systemd.SECTION.KEY = value."""

    section: str
    key: str
    value: str


@dataclass(frozen=True)
class Program:
    """One program. Every value is resolved, except for the number of the process."""

    name: str  # as in the names of units (unit_name.py)
    title: str  # as in the configuration
    section: str  # program:x or fcgi-program:x
    group: str  # as in the names of units
    group_title: str
    place: Place
    places: Mapping[str, Place] = field(repr=False)  # of each option in the configuration
    passed_through: tuple[Directive, ...]
    for_supervisor: bool  # from a file written for Supervisor: nothing that Supervisor would not do
    command: tuple[Template, ...]
    process_name: Template
    numprocs: int
    numprocs_start: int
    priority: int
    autostart: bool
    startsecs: int
    startretries: int
    autorestart: str
    exitcodes: tuple[int, ...]
    stopsignal: signal.Signals
    stopwaitsecs: int
    stopasgroup: bool
    killasgroup: bool | None
    user: str | None
    umask: int | None
    directory: Template | None
    environment: tuple[tuple[str, Template], ...]
    redirect_stderr: bool
    stdout_logfile: Template | None
    stdout_logfile_maxbytes: int
    stdout_logfile_backups: int
    stderr_logfile: Template | None
    stderr_logfile_maxbytes: int
    stderr_logfile_backups: int
    stdout_capture_maxbytes: int
    stderr_capture_maxbytes: int
    stdout_events_enabled: bool
    stderr_events_enabled: bool
    stdout_syslog: bool
    stderr_syslog: bool
    serverurl: str | None
    memory_max: str | None
    memory_swap_max: str | None
    memory_high: str | None
    cpu_quota: str | None
    cpu_weight: int | None
    io_weight: int | None
    tasks_max: int | None
    nice: int | None
    max_runtime: str | None
    max_runtime_jitter: str | None
    ready: str
    ready_timeout: int
    log: str | None
    stderr_priority: int
    environment_file: tuple[str, ...]
    credential: tuple[str, ...]
    after: tuple[str, ...]
    requires: tuple[str, ...]
    wants: tuple[str, ...]
    hardening: str
    health_command: tuple[str, ...] | None
    queue_command: tuple[str, ...] | None
    wctl_ignore: tuple[str, ...]
    minfds: int | None
    minprocs: int | None
    socket: Socket | None = None  # only of an [fcgi-program:x]

    @property
    def logs(self) -> str:
        """Where output goes: journal, file, both or null."""
        if self.log is not None:
            return self.log
        files = (self.stdout_logfile, self.stderr_logfile)
        return "both" if any(log_file(file) for file in files) else "journal"

    def silent(self, stream: str) -> bool:
        """Tell whether the output of ``stream`` (stdout, stderr) is thrown away."""
        if stream == "stderr" and self.redirect_stderr:
            stream = "stdout"
        if self.log is not None:
            return self.log == "null"
        file: Template | None = getattr(self, f"{stream}_logfile")
        path = "" if file is None else _normal(file)
        off = path.upper() in _OFF or path == _NULL
        return off and not getattr(self, f"{stream}_syslog")  # syslog: to the journal

    def log_files(self) -> Iterator[tuple[str, Template]]:
        """Yield the option and the path of each log file that the wrapper writes by this name.

        With log = journal, the wrapper writes such a file only while journald is away.
        """
        if self.logs not in ("file", "both"):
            return
        for key in ("stdout_logfile", "stderr_logfile"):
            path = log_file(getattr(self, key))
            if path is not None and not (key == "stderr_logfile" and self.redirect_stderr):
                yield key, path

    def place_of(self, key: str) -> Place:
        """Return the place of option ``key``, or else where the program begins."""
        return self.places.get(key, self.place)

    def instance(self, number: int) -> str:
        """Return the name of the unit of instance ``number``."""
        return f"{self.name}@{number:02d}.service"

    @property
    def numbers(self) -> range:
        """The numbers of the configured instances."""
        return range(self.numprocs_start, self.numprocs_start + self.numprocs)


def log_file(template: Template | None) -> Template | None:
    """Return the template of a real path; None for AUTO, NONE, OFF, syslog and /dev/stdout."""
    if template is None:
        return None
    path = _normal(template)
    return None if path.upper() in _NO_FILE or _NO_REGULAR_FILE.match(path) else template


def device(template: Template | None) -> bool:
    """Tell whether a log file is a device that wctl does not write to: a terminal, a printer."""
    path = "" if template is None else _normal(template)
    known = path == _NULL or _OWN_OUTPUTS.fullmatch(path) is not None
    return _NO_REGULAR_FILE.match(path) is not None and not known


def _normal(template: Template) -> str:
    """Return a path without "//" and the like."""
    path = template.marked()
    return re.sub("^//", "/", posixpath.normpath(path)) if path.startswith("/") else path


@dataclass(frozen=True)
class Group:
    """A [group:x]: programs that the user starts and stops together."""

    name: str  # as in the names of units
    title: str  # as in the configuration
    programs: tuple[str, ...]  # as in the names of units
    priority: int
    place: Place


@dataclass(frozen=True)
class Held:
    """A program that wctl leaves as it is, because of an error: what is known of it."""

    name: str  # as in the names of units
    title: str  # as in the configuration
    group: str  # as in the names of units; "" if it is in none
    priority: int | None = None
    autostart: bool = True  # as it is installed


@dataclass(frozen=True)
class Config:
    """All programs and groups, sorted by name, and all diagnostics.

    The programs that have errors are ``held``; ``install/held.py`` holds those, too, that an error
    elsewhere concerns.
    """

    programs: tuple[Program, ...]
    groups: tuple[Group, ...]
    diagnostics: tuple[Diagnostic, ...]
    held: tuple[Held, ...] = ()
    held_groups: frozenset[str] = frozenset()  # leave their targets as they are
    # The words of programs= of each [group:x], by the group's title: also where they are wrong.
    listed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # The sections that seem to be in each file that wctl cannot read, or not understand.
    broken: Mapping[str, frozenset[str]] = field(default_factory=dict)
    # Files in which a program with an error may be one that is installed, under a new name.
    renaming: frozenset[str] = frozenset()
    files: tuple[str, ...] = ()  # that were read
    searched: tuple[str, ...] = ()  # directories in which [include] has looked for files
    unmatched: tuple[str, ...] = ()  # patterns of [include] without a file
    skipped: tuple[str, ...] = ()  # matches of [include] that cannot be read
    wctl_ignore: tuple[str, ...] = ()  # of [supervisord] and [DEFAULT]: for the configuration

    @property
    def lacks(self) -> str:
        """Why programs are likely to be missing by mistake, such as a file system; "" if not so."""
        if not self.programs and not self.held:
            return "the configuration has no program"
        if self.unmatched:
            missing = ", ".join(self.unmatched)
            return f"no such file: {missing}, which the configuration includes"
        if self.skipped:
            return f"cannot read {', '.join(self.skipped)}, which the configuration includes"
        return ""

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that make the configuration unusable."""
        return tuple(diagnostic for diagnostic in self.diagnostics if diagnostic.error)

    @property
    def known(self) -> tuple[Program | Held, ...]:
        """All programs, with those that are held."""
        return (*self.programs, *self.held)

    def levels(self) -> list[list[Program]]:
        """Return the programs in start order: by the priority of the group, then by their own."""
        by_name = {program.name: program for program in self.programs}
        levels = ([by_name[name] for name in names if name in by_name] for names in self.order())
        return [level for level in levels if level]

    def order(self) -> list[list[str]]:
        """Return the names of the programs in start order, with those that are held.

        An error in one program moves no other program.
        """
        of_group = {group.name: group.priority for group in self.groups}
        levels: dict[tuple[int, int], list[str]] = {}
        for program in self.known:
            if program.priority is not None:
                first = of_group.get(program.group, program.priority)
                levels.setdefault((first, program.priority), []).append(program.name)
        return [sorted(levels[key]) for key in sorted(levels)]
