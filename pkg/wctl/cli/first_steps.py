"""The first steps on a machine where wctl has no configuration, or no program, yet."""

from __future__ import annotations

from pathlib import Path

from wctl.cli.output import echo
from wctl.config import load
from wctl.errors import WctlError
from wctl.install.installed import Layout, programs
from wctl.supervisor import migration
from wctl.trust.text import shell_quote


def unconfigured(layout: Layout) -> WctlError:
    """Return the error that there is no configuration, with the way to one."""
    return WctlError(
        f"{layout.configuration}: no configuration, expected wctl.conf or conf.d/*.conf",
        hint=next_step(layout),
    )


def tell(layout: Layout) -> None:
    """Say that no program is installed, and what to do next."""
    echo("wctl: no program is installed", err=True)
    echo(f"      {next_step(layout)}", err=True)


def next_step(layout: Layout) -> str:
    """Return what to do next, in one line."""
    wctl = "wctl --user" if layout.user else "wctl"
    if load.default_files(layout.configuration):
        return f"run '{wctl} update' to install the configured programs"
    directory = layout.configuration / "conf.d"
    example = _example(layout)
    if example is not None:
        step = f"cp {shell_quote(str(example))} {shell_quote(str(directory))}/, edit the copy"
    else:
        step = f"describe programs in {directory}/*.conf, as for Supervisor"
    step += f", and run '{wctl} update'"
    theirs = None if layout.user else _supervisors()
    if theirs is not None:
        step += f"; or run '{wctl} import --dry-run', which reads {theirs}"
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
