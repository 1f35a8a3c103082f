"""Whether what is installed, and loaded, is what the configuration says."""

from __future__ import annotations

import os
import pwd
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

import wctl
from wctl import install
from wctl.config import Config
from wctl.doctor.commands import Runner
from wctl.doctor.finding import Finding, edit, few
from wctl.errors import Diagnostic
from wctl.install import Plan, Write
from wctl.installed import Installed, Layout
from wctl.manager import Manager
from wctl.program import Program, log_file
from wctl.render import render
from wctl.target import Target

# The warnings of "wctl check" that make trouble when workers run; the others are advice. Log
# directories are tried out below: their modes do not tell all.
_TROUBLE = {
    "command-not-found",
    "directory-closed",
    "directory-missing",
    "interrupting-stop",
    "log-directory-missing",
    "memory-below-own-limit",
    "memory-high-crawls",
    "planned-end-is-final",
    "shell-syntax",
    "startsecs-0",
    "user-missing",
}
_LINGER = Path("/var/lib/systemd/linger")


def configuration(found: Iterable[Diagnostic], layout: Layout) -> Iterator[Finding]:
    """Report what "wctl check" has ``found`` that shows when workers run."""
    for each in found:
        if each.error or each.code in _TROUBLE:
            yield Finding(
                each.code,
                each.section.partition(":")[2],
                f"{each.key}: {each.problem}" if each.key else each.problem,
                (str(each.place),),
                edit(each.place.file, each.place.line, user=layout.user),
            )


def units(config: Config, target: Target, layout: Layout) -> Iterator[Finding]:
    """Report units that are not what the configuration makes, and programs without any."""
    plan = install.plan(config, render(config, target), layout)
    update = "wctl --user update" if layout.user else "wctl update"
    programs = {program.name: program for program in config.programs}
    for name in sorted({each.subject for each in plan.writes}):
        writes = [each for each in plan.writes if each.subject == name]
        if all(each.before is None for each in writes):
            what = "is configured, but its units are not installed"
            files = few(str(each.path) for each in writes)
            yield Finding("not-installed", name, what, files, update)
        else:
            yield _differs(name, writes, _newest(config, programs.get(name)), update)
    yield from _left_over(plan, update)


def _differs(name: str, writes: list[Write], configured: float, update: str) -> Finding:
    changed = [each for each in writes if each.before is not None]
    written = max((_changed(each.path) for each in changed), default=0.0)
    evidence = [f"{each.path} is not what the configuration makes" for each in changed]
    evidence += _difference(writes)
    if written >= max(configured, _changed(Path(wctl.__file__))):
        what = "its unit was edited by hand, which the next update undoes; 'systemctl edit' lasts"
        return Finding("unit-edited", name, what, tuple(evidence), update)
    newer = "configuration" if written < configured else "installed wctl"
    what = f"the {newer} is newer than its units"
    return Finding("units-outdated", name, what, tuple(evidence), update)


def _difference(writes: list[Write]) -> tuple[str, ...]:
    lines = install.diff(Plan(tuple(writes), (), (), (), (), ())).splitlines()
    marks = ("+++", "---")
    return few(line for line in lines if line[:1] in "+-" and not line.startswith(marks))


def _newest(config: Config, program: Program | None) -> float:
    chosen = config.programs if program is None else (program,)
    files = {each.place.file for each in chosen}
    files |= {place.file for each in chosen for place in each.places.values()}
    return max((_changed(Path(file)) for file in files), default=0.0)


def _changed(path: Path) -> float:
    """Return when a file was last written here: its mtime may have come with it from elsewhere."""
    try:
        return path.stat().st_ctime
    except OSError:
        return 0.0


def _left_over(plan: Plan, update: str) -> Iterator[Finding]:
    for each in plan.removed:
        what = "is installed, but no longer configured"
        yield Finding("left-over", each.name, what, (f"was made from {each.source}",), update)


def loaded(manager: Manager, layout: Layout, programs: Iterable[Installed]) -> Iterator[Finding]:
    """Report units that have changed on disk since systemd read them."""
    chosen = tuple(programs)
    units = manager.units([f"{each.name}@*.service" for each in chosen]) if chosen else []
    wanted = ("NeedDaemonReload", "DropInPaths")
    properties = manager.properties([(unit.name, wanted) for unit in units])
    stale = [
        name
        for name, found in properties.items()
        # systemd itself does not notice the first drop-in of a unit.
        if found["NeedDaemonReload"] or _drop_ins(layout, name) - set(found["DropInPaths"])
    ]
    reload = "systemctl --user daemon-reload" if manager.user else "systemctl daemon-reload"
    for each in chosen:
        mine = tuple(sorted(unit for unit in stale if unit.startswith(f"{each.name}@")))
        if mine:
            what = "systemd has an older version of its units than the disk"
            instances = tuple(unit[: -len(".service")] for unit in mine)
            yield Finding("reload-needed", each.name, what, few(mine), reload, instances)


def _drop_ins(layout: Layout, unit: str) -> set[str]:
    template = unit.partition("@")[0] + "@.service"
    directories = [layout.units / f"{name}.d" for name in (template, unit)]
    return {str(file) for each in directories for file in each.glob("*.conf")}


def at_boot(layout: Layout, config: Config, programs: Iterable[Installed]) -> Iterator[Finding]:
    """Report programs that the next boot would not start though autostart says so."""
    wanted = Target(user=layout.user).boot_target
    links = layout.units / f"{wanted}.wants"
    flag = "--user " if layout.user else ""
    configured = {program.name: program for program in config.programs}
    for each in programs:
        names = [f"{name}.target" for name in (each.name, each.group)]
        program = configured.get(each.name)
        if program is None or not program.autostart or not each.enabled:
            continue
        if not any((links / name).is_symlink() for name in names):
            what = "does not start at boot, though autostart is true"
            evidence = (f"{links / names[0]}: no such link",)
            remedy = f"systemctl {flag}enable {shlex.quote(names[0])}"
            yield Finding("not-at-boot", each.name, what, evidence, remedy)


def lingering(layout: Layout, programs: Iterable[str]) -> Iterator[Finding]:
    """Report a user whose workers would end when the last session does."""
    user = pwd.getpwuid(os.getuid()).pw_name
    if layout.user and not (_LINGER / user).exists():
        for name in programs:
            what = "ends when you log out, and does not start at boot"
            remedy = f"loginctl enable-linger {shlex.quote(user)}"
            yield Finding("no-linger", name, what, (f"{_LINGER / user}: no such file",), remedy)


def log_directories(runner: Runner) -> Iterator[Finding]:
    """Report directories of log files that the program's user cannot write into."""
    program = runner.program
    directories = set()
    for template in (program.stdout_logfile, program.stderr_logfile):
        path = log_file(template)
        if path is not None:
            directories.add(str(Path(path.text(program.numprocs_start)).parent))
    for directory in sorted(directories):
        if not Path(directory).is_dir():
            continue  # which "wctl check" reports
        test = 'test -w "$1" && test -x "$1"'
        if runner.run(["/bin/sh", "-c", test, "sh", directory]).code != 0:
            owner = program.user or "root"
            found = Path(directory).stat()
            yield Finding(
                "log-directory-closed",
                program.name,
                f"its user, {owner}, cannot write into the directory of its log files",
                (f"{directory}: mode {found.st_mode & 0o7777:04o}, {_owner(found)}",),
                f"install -d -o {shlex.quote(owner)} -m 0750 {shlex.quote(directory)}",
            )


def _owner(found: os.stat_result) -> str:
    try:
        return f"owner {pwd.getpwuid(found.st_uid).pw_name}"
    except KeyError:
        return f"owner {found.st_uid}"
