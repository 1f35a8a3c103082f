"""Whether the installed and the loaded units match the configuration."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import wctl
from wctl.check import machine
from wctl.check.doctor_codes import FROM_CHECK
from wctl.config.blame import PROGRAMS
from wctl.config.model import Config, Program
from wctl.doctor.finding import Commands, Finding, few
from wctl.doctor.runner import Runner
from wctl.errors import Diagnostic
from wctl.install import changes, pending
from wctl.install.changes import Plan, Write
from wctl.install.diff import diff
from wctl.install.installed import Installed, Layout
from wctl.systemd import unit_name
from wctl.systemd.manager import Manager
from wctl.trust import accounts, files
from wctl.trust.text import shell_join, shell_quote
from wctl.units.host import Host
from wctl.units.render import render

_LINGER = Path("/var/lib/systemd/linger")


def configuration(found: Iterable[Diagnostic], commands: Commands) -> Iterator[Finding]:
    """Report those diagnostics of "wctl check" in ``found`` that affect running workers."""
    for diagnostic in found:
        if diagnostic.error or diagnostic.code in FROM_CHECK:
            yield Finding(
                diagnostic.code,
                _subject(diagnostic.section),
                f"{diagnostic.key}: {diagnostic.problem}" if diagnostic.key else diagnostic.problem,
                (str(diagnostic.place),),
                commands.edit(diagnostic.place),
            )


def _subject(section: str) -> str:
    """Return the name of a section's program or group, as in the names of units."""
    kind, _, title = section.partition(":")
    escape = unit_name.of_program if kind.strip() in PROGRAMS else unit_name.escape
    try:
        return escape(title.strip())
    except ValueError:
        return title.strip()


def units(config: Config, host: Host, layout: Layout, commands: Commands) -> Iterator[Finding]:
    """Report units that differ from the configuration, programs without units, and left-overs."""
    searched = () if commands.files else layout.searched
    plan = changes.plan(config, render(config, host), layout, searched)
    update = commands.update()
    programs = {program.name: program for program in config.programs}
    added = {program.name for program in plan.added}
    for name in sorted({write.subject for write in plan.writes}):
        writes = [write for write in plan.writes if write.subject == name]
        lost = [write for write in writes if write.lost]
        if lost and name not in added:
            what = "its file of variables is missing or damaged; it cannot start without the file"
            files = few(str(write.path) for write in lost)
            yield Finding("variables-lost", name, what, files, update)
        elif name in added or all(write.before is None for write in writes):
            what = "is configured, but its units are not installed"
            files = few(str(write.path) for write in writes)
            yield Finding("not-installed", name, what, files, update)
        else:
            yield _differs(name, writes, _newest(config, programs.get(name)), update)
    yield from _left_over(plan, config, commands)
    for name in sorted(pending.read(layout).programs & programs.keys()):
        what = "its last update was interrupted, so its workers may run with what was before"
        yield Finding("update-unfinished", name, what, (str(pending.path(layout)),), update)


def _differs(name: str, writes: list[Write], configured: float, update: str) -> Finding:
    changed = [write for write in writes if write.before is not None]
    written = max((_changed(write.path) for write in changed), default=0.0)
    evidence = [f"{write.path} differs from the configuration" for write in changed]
    evidence += _difference(writes)
    if written >= max(configured, _changed(Path(wctl.__file__))):
        what = (
            "its unit was edited by hand; an update undoes the edit, but keeps what"
            " 'systemctl edit' adds"
        )
        return Finding("unit-edited", name, what, tuple(evidence), update)
    newer = "configuration" if written < configured else "installed wctl"
    what = f"the {newer} is newer than its units; an update rewrites the units"
    return Finding("units-outdated", name, what, tuple(evidence), update)


def _difference(writes: list[Write]) -> tuple[str, ...]:
    lines = diff(Plan(tuple(writes), (), (), (), (), (), ())).splitlines()
    marks = ("+++", "---")
    return few(line for line in lines if line[:1] in "+-" and not line.startswith(marks))


def _newest(config: Config, program: Program | None) -> float:
    chosen = config.programs if program is None else (program,)
    files = {selected.place.file for selected in chosen}
    files |= {place.file for selected in chosen for place in selected.places.values()}
    return max((_changed(Path(file)) for file in files), default=0.0)


def _changed(path: Path) -> float:
    """Return when a file was last changed here: a copy may have brought its mtime along."""
    try:
        return path.stat().st_ctime
    except OSError:
        return 0.0


def _left_over(plan: Plan, config: Config, commands: Commands) -> Iterator[Finding]:
    what = "is installed, but no longer configured"
    # With -c FILE, programs of other files are none of our business.
    kept = () if commands.files else plan.kept
    for program in (*plan.removed, *kept):
        remedy = commands.update(*(["--prune"] if config.lacks else []))
        if program in plan.kept:  # an update does not remove what came from elsewhere
            stop = commands.wctl("stop", program.name)  # a group may have the same name
            remedy = f"{stop}; {commands.wctl('remove', program.name)}"
        evidence = (f"generated from {program.source}",)
        yield Finding("left-over", program.name, what, evidence, remedy)


def loaded(
    manager: Manager, layout: Layout, programs: Iterable[Installed], commands: Commands
) -> Iterator[Finding]:
    """Report units that have changed on disk since systemd read them."""
    chosen = tuple(programs)
    services = manager.units([f"{program.name}@*.service" for program in chosen]) if chosen else []
    wanted = ("NeedDaemonReload", "DropInPaths")
    properties = manager.properties([(unit.name, wanted) for unit in services])
    stale = [
        name
        for name, found in properties.items()
        # By itself, systemd does not notice the first drop-in of a unit.
        if found["NeedDaemonReload"] or _drop_ins(layout, name) - set(found["DropInPaths"])
    ]
    for program in chosen:
        mine = tuple(sorted(unit for unit in stale if unit.startswith(f"{program.name}@")))
        if mine:
            what = "its units have changed on disk since systemd read them"
            reload = commands.systemctl("daemon-reload")
            instances = tuple(unit_name.short(unit) for unit in mine)
            yield Finding("reload-needed", program.name, what, few(mine), reload, instances)


def _drop_ins(layout: Layout, unit: str) -> set[str]:
    template = unit.partition("@")[0] + "@.service"
    directories = [layout.units / f"{name}.d" for name in (template, unit)]
    return {str(place / name) for place in directories for name in _names(place, ".conf")}


def _names(directory: Path, suffix: str) -> list[str]:
    """Return the names in a directory that end so; Path.glob() may raise if it is just removed."""
    try:
        return [name for name in os.listdir(directory) if name.endswith(suffix)]
    except OSError:
        return []


def at_boot(
    layout: Layout, config: Config, programs: Iterable[Installed], commands: Commands
) -> Iterator[Finding]:
    """Report programs with autostart=true that the next boot would not start."""
    wanted = Host(user=layout.user).boot_target
    links = layout.units / f"{wanted}.wants"
    configured = {program.name: program for program in config.programs}
    for installed in programs:
        names = [f"{name}.target" for name in (installed.name, installed.group)]
        program = configured.get(installed.name)
        if program is None or not program.autostart or not installed.enabled:
            continue
        if not any(os.path.islink(links / name) for name in names):  # noqa: PTH114 - never raises
            what = "does not start at boot, although autostart is true: somebody has disabled it"
            evidence = (f"{links / names[0]}: no such link",)
            remedy = commands.wctl("enable", installed.shown)
            yield Finding("not-at-boot", installed.name, what, evidence, remedy)


def lingering(layout: Layout, programs: Iterable[str]) -> Iterator[Finding]:
    """Report a user without lingering: systemd stops the user's units after the last session."""
    user = accounts.name(os.getuid())
    if layout.user and not os.path.exists(_LINGER / user):  # noqa: PTH110 - never raises
        for name in programs:
            what = "stops when you log out, and does not start at boot"
            remedy = f"loginctl enable-linger {shell_quote(user)}"
            yield Finding("no-linger", name, what, (f"{_LINGER / user}: no such file",), remedy)


def log_files(runner: Runner, commands: Commands) -> Iterator[Finding]:
    """Report log files, and their directories, to which the program's user cannot write."""
    program = runner.program
    keys: dict[Path, str] = {}
    for key, template in program.log_files():
        for number in program.numbers:
            keys.setdefault(Path(template.text(number)), key)
    closed = set()
    for directory in sorted({file.parent for file in keys}):
        if not os.path.isdir(directory):  # noqa: PTH112 - Path.is_dir() may raise
            continue  # "wctl check" reports the missing directory
        test = 'test -w "$1" && test -x "$1"'
        if runner.run(["/bin/sh", "-c", test, "sh", str(directory)]).code != 0:
            key = next(key for file, key in keys.items() if file.parent == directory)
            closed.add(directory)
            yield _closed(runner, directory, key, commands)
    yield from _closed_files(runner, [file for file in keys if file.parent not in closed])


def _closed_files(runner: Runner, paths: Sequence[Path]) -> Iterator[Finding]:
    """Report the files in ``paths`` that are there, and that the program's user may not write."""
    if not paths:
        return
    program = runner.program
    user = program.user or accounts.name(os.geteuid())
    words = [str(path) for path in paths]
    test = 'for file; do test ! -e "$file" || test -w "$file" || exit 1; done'
    if runner.run(["/bin/sh", "-c", test, "sh", *words]).code == 0:
        return
    closed = [path for path in words if runner.run(["/bin/sh", "-c", test, "sh", path]).code != 0]
    if closed:
        instead = "its lines are lost"
        if program.logs != "file":
            instead = "only the journal has its lines"
        what = f"its user {user} cannot write to its log file, so {instead}"
        evidence = [line for path in closed for line in _mode(Path(path))]
        remedy = shell_join(machine.give(closed, user))
        yield Finding("log-file-closed", program.name, what, tuple(evidence), remedy)


def _closed(runner: Runner, directory: Path, key: str, commands: Commands) -> Finding:
    program = runner.program
    user = program.user or accounts.name(os.geteuid())
    barred = next(
        (parent for parent in reversed(directory.parents) if not _entered(runner, parent)), None
    )
    what = f"its user {user} cannot write log files into {directory}"
    own = None
    if barred is not None:
        what = (
            f"its user {user} cannot reach its log files in {directory}; let {user} enter {barred}"
        )
        remedy = f"chmod a+x {shell_quote(str(barred))}"
    elif _is_its_own(directory, program):
        what += f"; make {user} its owner"
        remedy = shell_join(["install", "-d", "-o", user, "-m", "0750", str(directory)])
    else:  # others use a directory like /var/log: do not give it to one user
        own = directory / program.name
        what += f"; other programs use that directory, so set {key} to a file in {own}"
        make = shell_join(["install", "-d", "-o", user, "-m", "0750", str(own)])
        remedy = f"{make} && {commands.edit_option(program, key)}"
    place = barred or directory
    why = _misled(place, inside=own is not None)
    if why is not None:  # the remedies above would act on what another user chooses
        what = f"its user {user} cannot write log files into {directory}; {why}"
        remedy = shell_join(["namei", "-l", str(directory)])
    return Finding("log-directory-closed", program.name, what, _mode(place), remedy)


def _misled(place: Path, *, inside: bool) -> str | None:
    """Return why a command for ``place``, or for what is ``inside``, may act elsewhere.

    Another user may exchange a directory for a link at any time until the administrator pastes the
    command. The owner of ``place`` can exchange only what is inside.
    """
    trusted = files.ourselves()
    try:
        why = files.unsafe(place)
        found = dict(files.others(place, trusted, shared=True))
        if not inside:
            found.pop(str(place), None)
            found.update(files.others(place.parent, trusted, shared=True))
    except OSError as error:
        return error.strerror
    return why or next((f"{who} can change {where}" for where, who in found.items()), None)


def _mode(place: Path) -> tuple[str, ...]:
    try:
        found = place.stat()
    except OSError:
        return ()  # its owner has removed it meanwhile
    owner = accounts.name(found.st_uid)
    return (f"{place}: mode {found.st_mode & 0o7777:04o}, owner {owner}",)


def _entered(runner: Runner, directory: Path) -> bool:
    return runner.run(["/bin/sh", "-c", 'test -x "$1"', "sh", str(directory)]).code == 0


def _is_its_own(directory: Path, program: Program) -> bool:
    """Tell whether ``directory`` contains only log files of this program."""
    files = [
        Path(template.text(number))
        for _, template in program.log_files()
        for number in program.numbers
    ]
    mine = tuple(file.name for file in files if file.parent == directory)
    try:
        return all(entry.name.startswith(mine) for entry in directory.iterdir())
    except OSError:
        return False  # we may not read the directory
