"""The first steps on a machine where wctl has no configuration, or no program, yet."""

from __future__ import annotations

from pathlib import Path

from wctl.cli.app import Session
from wctl.cli.output import echo
from wctl.errors import WctlError
from wctl.install.installed import Layout, programs
from wctl.supervisor import migration
from wctl.trust.text import shell_quote


def tell(session: Session) -> None:
    """Say that no program is installed, and what to do next."""
    echo("wctl: no program is installed", err=True)
    echo(f"      {next_step(session)}", err=True)


def next_step(session: Session) -> str:
    """Return what to do next, in one line."""
    layout = session.layout
    if session.has_files:
        update = session.command("update", files=session.files)
        return f"run '{update}' to install the configured programs"
    directory = layout.configuration / "conf.d"
    example = _example(layout)
    if example is not None:
        step = f"cp {shell_quote(str(example))} {shell_quote(str(directory))}/, edit the copy"
    else:
        step = f"describe programs in {directory}/*.conf, as for Supervisor"
    step += f", and run '{session.command('update')}'"
    theirs = None if layout.user else _supervisors()
    if theirs is not None:
        step += f"; or run '{session.command('import', '--dry-run')}', which reads {theirs}"
    return step


def _example(layout: Layout) -> Path | None:
    """Return the configuration of a shipped program; some machines install no documentation."""
    sources = (Path(program.source) for program in programs(layout) if program.shipped)
    return next((source for source in sources if source.exists()), None)


def _supervisors() -> Path | None:
    try:
        return migration.default_file()
    except WctlError:
        return None
