"""The arguments that the unit's ExecStart= gives to the wrapper (command_line.Options)."""

from __future__ import annotations

import signal
from collections.abc import Iterable

from wctl.config import between
from wctl.config.expansion import Number, Template
from wctl.config.model import Program, log_file
from wctl.systemd.unit_file import Raw, Word
from wctl.units.host import Host

INSTANCE = Raw("%i")
_MINFDS, _MINPROCS = 1024, 200  # Supervisor's defaults; no machine allows less by default
_NATIVE_NUMBER = "02d"  # the format of systemd's %i, the name of the instance


class Arguments:
    """The wrapper's options and the worker's command line, for one program."""

    def __init__(self, program: Program, host: Host) -> None:
        self._program = program
        self._host = host
        logs = (log_file(program.stdout_logfile), log_file(program.stderr_logfile))
        self.expand = needs_wrapper([*program.command, program.directory, *logs])

    def options(self) -> list[list[Word]]:
        """Return the wrapper's options."""
        return [
            [f"--{name}"] if value is True else [f"--{name}=", *plain_words(value)]
            for name, value in self._options()
        ]

    def command(self) -> list[list[Word]]:
        """Return the worker's command line."""
        return [self.words(word) for word in self._program.command]

    def words(self, template: Template) -> list[Word]:
        """Return a template as words of a unit, with %i or with formats for the wrapper to fill."""
        if not self.expand:
            return [INSTANCE if isinstance(part, Number) else part for part in template.parts]
        return [for_wrapper(template)]

    def _options(self) -> list[tuple[str, object]]:
        """Return the wrapper's options, most of them only if they differ from their defaults."""
        program = self._program
        options: list[tuple[str, object]] = [
            ("startsecs", program.startsecs),
            ("startretries", program.startretries),
        ]
        if program.ready != "startsecs":
            options += [("ready", program.ready), ("ready-timeout", program.ready_timeout)]
        if program.stopsignal != signal.SIGTERM:
            options.append(("stopsignal", int(program.stopsignal)))
        if program.directory is not None and program.directory.text(0) != "/":
            options.append(("directory", self.words(program.directory)))
        options += [
            (name, value)
            for name, value, default in (
                ("minfds", program.minfds, _MINFDS),
                ("minprocs", program.minprocs, _MINPROCS),
            )
            if value is not None and value > default
        ]
        if self.expand:
            options.append(("expand", True))
        names = expanded_variables(program)
        if names:
            options.append(("expand-env", ",".join(names)))
        behind = between.seconds(program)
        if behind:
            options.append(("behind-shell", behind))
        for name, given in (
            ("retry", program.autorestart == "false"),
            ("stop-group", program.stopasgroup),
            ("redirect-stderr", program.redirect_stderr),
            ("user", self._host.user),
            ("keep-stdin", passed(program, "StandardInput") is not None),
            ("sigpipe", passed(program, "IgnoreSIGPIPE") in {"no", "false", "off", "0"}),
        ):
            if given:
                options.append((name, True))
        return options + self._log_options()

    def _log_options(self) -> list[tuple[str, object]]:
        program = self._program
        options: list[tuple[str, object]] = []
        silent = {name for name in ("stdout", "stderr") if program.silent(name)}
        if len(silent) == 2 or passed(program, "StandardOutput") == "null":
            return [("log", "none")]
        if program.logs != "journal":
            options.append(("log", program.logs))
        if not program.redirect_stderr:
            options.append(("stderr-priority", program.stderr_priority))
        for name in ("stdout", "stderr"):
            path = log_file(getattr(program, f"{name}_logfile"))
            if path is not None:
                options.append((f"{name}-file", self.words(path)))
            elif name in silent or program.logs == "both" != program.log:
                options.append((f"{name}-file", "NONE"))  # this stream has no file
            for limit, default in (("maxbytes", 50 << 20), ("backups", 10)):
                value = getattr(program, f"{name}_logfile_{limit}")
                if value != default:
                    options.append((f"{name}-{limit}", value))
        return options


def needs_wrapper(templates: Iterable[Template | None]) -> bool:
    """Tell whether a number has a format other than that of systemd's %i."""
    return any(
        number.format != _NATIVE_NUMBER
        for template in templates
        if template is not None
        for number in template.numbers
    )


def expanded_variables(program: Program) -> list[str]:
    """Return the variables whose numbers the wrapper fills in."""
    # systemd expands no specifiers in an EnvironmentFile=, but expands %i in Environment=.
    names = [name for name, text in program.environment if text.numbers]
    return names + ["SUPERVISOR_PROCESS_NAME"] * needs_wrapper([program.process_name])


def for_wrapper(template: Template) -> str:
    """Return the text for Options.expanded: numbers as %(process_num) formats, other % doubled."""
    return "".join(
        f"%(process_num){part.format}" if isinstance(part, Number) else part.replace("%", "%%")
        for part in template.parts
    )


def plain_words(value: object) -> list[Word]:
    if isinstance(value, Template):
        return [INSTANCE if isinstance(part, Number) else part for part in value.parts]
    return value if isinstance(value, list) else [str(value)]


def passed(program: Program, key: str) -> str | None:
    found = [directive.value for directive in program.passed_through if directive.key == key]
    return found[-1].lower() if found else None
