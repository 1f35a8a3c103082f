"""What to do next: where wctl has no program yet, and about a name that names nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from wctl.cli.output import echo
from wctl.errors import NO_SUCH, Unknown, UnknownNamesError, WctlError, nearest
from wctl.install.installed import programs
from wctl.session.session import Session
from wctl.supervisor import migration
from wctl.systemd import unit_name


def tell(session: Session) -> None:
    """Say that no program is installed, and what to do next."""
    of = f" of {', '.join(map(str, session.files))}" if session.files else ""
    echo(f"wctl: no program{of} is installed", err=True)
    echo(f"      {next_step(session)}", err=True)


def next_step(session: Session) -> str:
    """Return what to do next, in one line."""
    layout = session.layout
    if session.has_files:
        update = session.command("update", files=session.files)
        return f"run '{update}' to install the configured programs"
    directory = layout.configuration / "conf.d"
    step = f"run '{session.command('init')}' in the directory of a Symfony or Laravel application,"
    step += f" or describe programs in {directory}/*.conf, as for Supervisor, and run"
    step += f" '{session.command('update')}'"
    theirs = None if layout.user else _supervisors()
    if theirs is not None:
        step += f"; or run '{session.command('import', '--dry-run')}', which reads {theirs}"
    return step


def explained(session: Session, error: UnknownNamesError) -> Iterator[tuple[Unknown, str]]:
    """Yield each unknown name, with a hint; it may be configured, and only not installed."""
    for unknown in error.unknown:
        if unknown.remedy:
            yield unknown, f"run '{session.command(*unknown.remedy)}'"
            continue
        typed = unit_name.short(unknown.name).partition("@")[0].partition(":")[0]
        configured = _configured(session, unknown.name) or _configured(session, typed)
        if configured is not None:
            why, purpose, *words = configured
            hint = f"run '{session.command(*words, files=session.files)}' to {purpose}"
            yield replace(unknown, why=why), hint
            continue
        near = _nearest(session, typed) if unknown.why == NO_SUCH else ""
        hint = next_step(session) if error.nothing else ""
        yield replace(unknown, why=f"{unknown.why}{near}"), hint


def _configured(session: Session, typed: str) -> tuple[str, ...] | None:
    """Return why a program, or a group, that is configured is not installed, and the remedy.

    The remedy is what for, and the words of a wctl command.
    """
    names = unit_name.meant(typed)
    installed = {program.name for program in programs(session.layout)}
    config = session.any_config
    # In a group that is installed, the name of a process is wrong.
    groups = names - {one.group for one in config.programs if one.name in installed}
    for program in config.programs:
        called = program.name in names or program.group in groups
        if called and program.name not in installed:
            why = f"configured in {program.place.file}, but not installed"
            return why, "install it", "update", typed
    for held in config.held:
        if names & {held.name, held.group} and held.name not in installed:
            return "configured with an error, and not installed", "see the error", "check"
    return None


def _nearest(session: Session, typed: str) -> str:
    """Return ", did you mean X?" for a program that is configured."""
    return nearest(typed, [program.title for program in session.any_config.known])


def _supervisors() -> Path | None:
    try:
        return migration.default_file()
    except WctlError:
        return None
