"""From the entries of a section to a Program: expansions, parsers, defaults."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wctl.config import fcgi, hints, values
from wctl.config.expansion import LONGEST, PROCESS_NUM, Number, Template, expand
from wctl.config.includes import here
from wctl.config.ini import Entry
from wctl.config.model import Directive, Program, log_file
from wctl.config.options import FCGI_OPTIONS, OPTION, OPTIONS, VERBATIM, Option
from wctl.errors import KEYS_ALIKE, Diagnostics, Place

_PASSED = re.compile(r"systemd\.(Unit|Service|Install)\.([A-Za-z]+)")
_PROGRAM = {option.name: option for option in OPTIONS}
_FCGI = {option.name for option in FCGI_OPTIONS}
# The most characters that all expansions of a configuration may have together. One program
# has a few thousand; a bomb of 1,000 programs that use one long variable would fill the memory.
_MOST_EXPANDED = 1 << 26
_SHORT = LONGEST // 2
# Our defaults where a file was written for Supervisor: nothing that Supervisor would not do.
_AS_SUPERVISOR = {"hardening": "off"}

# Options of [supervisord] that are defaults for every program.
SHARED = ("umask", "user", "directory")
LIMITS = tuple(
    Option(name, values.clamped(0, 1 << 30, over=False), None, becomes, help)
    for name, becomes, help in (
        ("minfds", "the wrapper", "How many open files each worker must be allowed at least."),
        ("minprocs", "the wrapper", "How many processes its user must be allowed at least."),
    )
)


@dataclass
class Shared:
    """The data that all programs of a configuration share."""

    findings: Diagnostics
    names: dict[str, object]  # %(host_node_name)s and %(ENV_X)s
    values: dict[str, Any] = field(default_factory=dict)  # from [supervisord]: SHARED and LIMITS
    environment: dict[str, Template] = field(default_factory=dict)  # from [supervisord]
    expanded: int = 0  # the number of characters so far

    def value(
        self, option: Option, entry: Entry, names: ChainMap[str, object], section: str = ""
    ) -> Any:
        """Return the value of ``entry``: a Template if the option expands, else the parsed value.

        A number that wctl cannot count to becomes a warning about ``section``, if that is given.

        Raises:
            ValueError: the value is wrong, or the values of all programs are too long.
        """
        text = entry.value.lstrip()  # a value may begin on the line below its key
        if "%" not in text and len(text) < _SHORT:
            template = Template((text,) if text else ())
        else:
            template = expand(text, names.new_child({"here": here(entry.place)}))
        for part in template.parts:
            self.expanded += len(part) if isinstance(part, str) else 0
        if self.expanded > _MOST_EXPANDED:
            raise ValueError("the values of all programs are too long, expected shorter values")
        if option.expands:
            return template
        if template.numbers:
            raise ValueError(f"%({PROCESS_NUM})d is not valid here: all processes have one value")
        written = template.text(0).strip()
        try:
            return option.parse(written)
        except values.Clamped as clamped:
            if section:
                problem = f"{_shown(written)}: {clamped.why}"
                self.findings.warning("number-clamped", entry.place, section, entry.key, problem)
            return clamped.number

    def variables(
        self, entry: Entry, names: ChainMap[str, object], section: str
    ) -> dict[str, Template]:
        """Return the names and values of an ``environment``; warn of what is dropped from it.

        Raises:
            ValueError: the value of ``entry`` is wrong.
        """
        template: Template = self.value(OPTION["environment"], entry, names, section)
        pairs = template.pairs(values.environment)
        for problem in values.cut(template.marked(), template.marks):
            self.findings.warning("environment-cut", entry.place, section, entry.key, problem)
        return pairs


class Builder:
    """Resolves the options of one program, one by one."""

    def __init__(
        self,
        shared: Shared,
        section: str,
        place: Place,
        entries: Mapping[str, Entry],
        names: Mapping[str, object],
    ) -> None:
        self._shared = shared
        self._findings = shared.findings
        self._section = section
        self._place = place
        self._entries = entries
        # Two scopes: Supervisor expands some options once per program, others once per process.
        self._names: ChainMap[str, object] = ChainMap(dict(names), shared.names)
        self._of_process = self._names.new_child({PROCESS_NUM: None})
        self.for_supervisor = False  # the program is in a file that was written for Supervisor

    def program(self, name: str, group: str) -> Program | None:
        """Return the program, whose units are named ``name``; None if an option is wrong."""
        before = self._findings.errors
        resolved = self._values()
        passed = self._passed_through()
        self._check_keys(resolved)
        if self._findings.errors == before:
            self._check_together(resolved)
        if self._findings.errors > before:
            return None
        return Program(
            name=name,
            title=str(self._names["program_name"]),
            section=self._section,
            group=group,
            group_title=str(self._names["group_name"]),
            place=self._place,
            places={key: entry.place for key, entry in self._entries.items()},
            passed_through=passed,
            for_supervisor=self.for_supervisor,
            **resolved,
        )

    def _values(self) -> dict[str, Any]:
        """Return the values of all options. Report each wrong value, and return None for it."""
        resolved: dict[str, Any] = {}
        resolved["numprocs"] = self._numprocs()
        self._of_process["numprocs"] = resolved["numprocs"] or 0  # 0 if wrong (reported)
        resolved["environment"] = self._environment()
        for option in OPTIONS:
            if option.name not in resolved:
                resolved[option.name] = self._value(option)
        resolved["command"] = self._command(resolved["command"])
        resolved["process_name"] = self._process_name(resolved)
        for name in ("stdout_logfile", "stderr_logfile"):
            resolved[name] = self._at_home(resolved[name])
        for option in LIMITS:
            resolved[option.name] = self._shared.values.get(option.name)
        if self._section.startswith("fcgi-program:"):
            resolved["socket"] = self._socket(resolved)
        return resolved

    def _numprocs(self) -> Any:
        return self._value(OPTION["numprocs"])

    def _value(self, option: Option) -> Any:
        """Return the value of an option. Report a wrong value, and return None."""
        entry = self._entries.get(option.name)
        if entry is None:
            if self.for_supervisor and option.name in _AS_SUPERVISOR:
                return _AS_SUPERVISOR[option.name]
            return self._shared.values.get(option.name, option.default)
        # Supervisor also expands all options of log files in the scope of the process.
        of_process = option.expands or option.name.startswith(("stdout_logfile", "stderr_logfile"))
        names = self._of_process if of_process else self._names
        try:
            return self._shared.value(option, entry, names, self._section)
        except ValueError as error:
            self._bad(entry, str(error))
            return None

    def _environment(self) -> tuple[tuple[str, Template], ...]:
        own: dict[str, Template] = {}
        entry = self._entries.get("environment")
        if entry is not None:
            try:
                own = self._shared.variables(entry, self._of_process, self._section)
            except ValueError as error:
                # Without the value, which may be a secret.
                self._error("bad-value", entry, f"{error}{hints.of_value(entry)}")
        for key, text in own.items():
            self._of_process[f"ENV_{key}"] = text if text.numbers else text.text(0)
        return tuple({**self._shared.environment, **own}.items())

    def _command(self, template: Template | None) -> tuple[Template, ...]:
        entry = self._entries.get("command")
        if entry is None:
            problem = "missing, expected the command to run"
            self._findings.error("missing", self._place, self._section, "command", problem)
        elif template is not None:
            try:
                words = template.split()
            except ValueError as error:
                self._bad(entry, str(error).lower())
            else:
                if not words or not words[0].parts:
                    self._error("bad-value", entry, "empty, expected the command to run")
                return words
        return ()

    def _process_name(self, resolved: Mapping[str, Any]) -> Template:
        """Return the name of each process; by default with its number if there are several."""
        name: Template | None = resolved["process_name"]
        if name is not None:
            return name.stripped()
        title = str(self._names["program_name"])
        if (resolved["numprocs"] or 0) > 1:
            return Template((f"{title}_", Number("02d")))
        return Template((title,))

    def _at_home(self, path: Template | None) -> Template | None:
        """Return the path of a log file, with the home directory in place of a leading ~."""
        if path is None or not path.parts or not str(path.parts[0]).startswith("~/"):
            return path
        home = str(self._names.get("ENV_HOME", "/"))
        return Template((home.rstrip("/") + str(path.parts[0])[1:], *path.parts[1:]))

    def _socket(self, resolved: Mapping[str, Any]) -> fcgi.Socket | None:
        before = self._findings.errors
        found = {option.name: self._value(option) for option in FCGI_OPTIONS}
        if "socket" not in self._entries:
            problem = "missing, expected unix:///PATH or tcp://ADDRESS:PORT"
            self._findings.error("missing", self._place, self._section, "socket", problem)
        if self._findings.errors > before:
            return None
        if not found["socket"].startswith("/"):
            for key in ("socket_owner", "socket_mode"):
                if key in self._entries:
                    problem = "a tcp:// socket has no owner or mode, expected a unix:// socket"
                    self._error("bad-value", self._entries[key], problem)
        return fcgi.of({**resolved, **found})

    def _passed_through(self) -> tuple[Directive, ...]:
        """Return the directives that wctl copies into the unit unchanged."""
        directives = []
        for key, entry in self._entries.items():
            if not key.startswith(VERBATIM):
                continue
            match = _PASSED.fullmatch(key)
            value = " ".join(entry.value.split("\n"))
            if not match:
                problem = "expected systemd.Unit.KEY, systemd.Service.KEY or systemd.Install.KEY"
                self._error("bad-value", entry, problem)
            elif value.endswith("\\") or not _one_line(value):
                problem = "expected one line of printable characters that does not end with \\"
                self._error("bad-value", entry, problem)
            else:
                directives.append(Directive(match[1], match[2], value))
        return tuple(directives)

    def _check_keys(self, resolved: Mapping[str, Any]) -> None:
        known = OPTION if self._section.startswith("fcgi-program:") else _PROGRAM
        for key, entry in self._entries.items():
            if key in known:
                # stdout_syslog=false asks for nothing that wctl does not do.
                if OPTION[key].instead and resolved[key] != OPTION[key].default:
                    self._warn(
                        "no-effect", entry, f"without effect in wctl; use {OPTION[key].instead}"
                    )
            elif not key.startswith(VERBATIM):
                hint = ", expected in [fcgi-program:x] only" if key in _FCGI else ""
                hint = hint or hints.of_key(key) or self._nearest(key, known)
                self._warn("unknown-key", entry, f"unknown key{hint}")

    def _check_together(self, resolved: Mapping[str, Any]) -> None:
        if resolved["stopasgroup"] and resolved["killasgroup"] is False:
            problem = "false, but stopasgroup is true; expected true, or no killasgroup"
            self._error("bad-value", self._entries["killasgroup"], problem)
        name = resolved["process_name"]
        if resolved["numprocs"] > 1 and not name.numbers:
            problem = "all processes have one name, expected %(process_num)02d in the name"
            self._error("process-name", self._entries["process_name"], problem)
        if re.search("[ :/]", name.text(0)):
            problem = f"{_shown(name.text(0))}: expected a name without blanks, ':' or '/'"
            self._error("process-name", self._entries["process_name"], problem)
        for key in ("directory", "stdout_logfile", "stderr_logfile"):
            path = resolved[key] if key == "directory" else log_file(resolved[key])
            if path is not None and key in self._entries and not path.text(0).startswith("/"):
                problem = "expected an absolute path; %(here)s is the directory of this file"
                self._bad(self._entries[key], problem, path.text(0))

    def _nearest(self, key: str, known: Iterable[str]) -> str:
        return self._findings.nearest(key, known, KEYS_ALIKE)

    def _bad(self, entry: Entry, problem: str, value: str | None = None) -> None:
        shown = _shown(entry.value if value is None else value)
        self._error("bad-value", entry, f"{shown}: {problem}{hints.of_value(entry)}")

    def _error(self, code: str, entry: Entry, problem: str) -> None:
        self._findings.error(code, entry.place, self._section, entry.key, problem)

    def _warn(self, code: str, entry: Entry, problem: str) -> None:
        self._findings.warning(code, entry.place, self._section, entry.key, problem)


def _one_line(text: str) -> bool:
    return not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text)


def _shown(value: str) -> str:
    short = value if len(value) <= 60 else value[:57] + "…"
    return repr(short)
