"""What workers and their users will notice after the move from Supervisor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from wctl.config import ini
from wctl.config.model import Config, Program, log_file
from wctl.supervisor.environment import named
from wctl.systemd.quantities import span_in_words

_SERVERS = {"unix_http_server", "inet_http_server"}
_SERVICE_STOP = (
    90  # seconds that systemd gives to Supervisor's own service (DefaultTimeoutStopSec=)
)

Change = tuple[str, str]  # who, what


def changes(config: Config, lines: Mapping[Path, Sequence[ini.Line]]) -> Iterator[Change]:
    """Yield what changes for the programs of ``config``, whose files have the given ``lines``."""
    sections = {line.section for outline in lines.values() for line in outline if line.section}
    rules = [_output, _log_files, _reboot, _remainder, _working_directory]
    if sections & _SERVERS:
        rules.append(_server_url)
    for rule in rules:
        yield from _grouped(rule, config.programs)
    if len({config.levels()[0][0].priority, config.levels()[-1][-1].priority}) > 1:
        order = "a program starts when those with a lower priority are ready; Supervisor does not"
        yield "at boot", f"{order} wait for that"
    for name in sorted(sections):
        if name.startswith("eventlistener:"):
            yield f"[{name}]", "wctl does not run it, as there are no events of supervisord"


def _grouped(
    rule: Callable[[Program], str | None], programs: Sequence[Program]
) -> Iterator[Change]:
    """Yield each change once, with all programs that it is about."""
    found: dict[str, list[str]] = {}
    for program in programs:
        change = rule(program)
        if change is not None:
            found.setdefault(change, []).append(program.title)
    for change, titles in found.items():
        everyone = 2 < len(programs) == len(titles)
        yield "all programs" if everyone else ", ".join(titles), change


def _output(program: Program) -> str | None:
    if program.logs == "both":
        return "output also goes to the journal (log)"
    instead = set()
    for stream in ("stdout",) if program.redirect_stderr else ("stdout", "stderr"):
        template = getattr(program, f"{stream}_logfile")
        if not program.silent(stream) and log_file(template) is None:
            instead.add("AUTO" if template is None else template.text(program.numprocs_start))
    if program.logs != "journal" or not instead:
        return None
    # Supervisor's syslog ends in the journal, too.
    names = sorted(name for name in instead if name.startswith("/"))
    if not names:
        names = ["automatic log files (AUTO)"]
    return f"output goes to the journal ('wctl tail'), not to {' and '.join(names)}"


def _log_files(program: Program) -> str | None:
    if program.logs not in {"both", "file"}:
        return None
    if program.user in {None, "root", "0"}:
        return "new log files have mode 0640, not 0644"
    return f"new log files belong to {program.user} and have mode 0640, not to root with mode 0644"


def _reboot(program: Program) -> str | None:
    if program.stopwaitsecs <= _SERVICE_STOP:
        return None
    wait = span_in_words(program.stopwaitsecs * 1_000_000)
    bound = f"systemd gives Supervisor's service {_SERVICE_STOP} s"
    return f"a reboot waits up to {wait} for a worker to stop (stopwaitsecs); {bound}"


def _remainder(program: Program) -> str | None:
    if program.killasgroup or program.stopasgroup:
        return None
    return (
        "after stopwaitsecs, the worker's children are killed, too; Supervisor leaves them running"
    )


def _working_directory(program: Program) -> str | None:
    if program.directory is None or "directory" in program.places:
        return None
    where = program.directory.text(program.numprocs_start)
    without = "not with -n or nodaemon=true"
    return f"the directory is {where}, which supervisord enters only as a daemon, {without}"


def directories(programs: Iterable[Program], running: Path | None) -> Iterator[Change]:
    """Yield the programs that run in the directory in which somebody has started supervisord."""
    found = [
        program.title
        for program in programs
        if "directory" not in program.places
        and running is not None
        and str(running) != (program.directory.text(0) if program.directory else "/")
    ]
    if found:
        what = f"no longer run in {running}, as supervisord does; directory = {running} keeps that"
        yield ", ".join(found), what


def _server_url(program: Program) -> str | None:
    if program.serverurl is not None:
        return None
    return "SUPERVISOR_SERVER_URL is missing, as there is no supervisord to call"


def variables(
    lines: Mapping[Path, Iterable[ini.Line]], known: Iterable[str] = ()
) -> Iterator[Change]:
    """Yield the variables that supervisord takes from its own environment, unless ``known``."""
    for path, outline in lines.items():
        for name in sorted(named(outline) - {"HOME", "PATH", "USER", *known}):
            problem = (
                f"%(ENV_{name})s comes from the environment of 'wctl update', not of supervisord"
            )
            yield str(path), problem
