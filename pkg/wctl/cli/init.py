"""init: a first configuration for the application in a directory."""

from __future__ import annotations

import os
from pathlib import Path

import click

from wctl.cli.app import pass_session, shared
from wctl.cli.findings import show_findings
from wctl.cli.output import echo
from wctl.config.model import Config
from wctl.errors import Exit, WctlError
from wctl.install import files
from wctl.presets import application, presets
from wctl.session.session import Session
from wctl.systemd import unit_name


@click.command()
@shared
@click.argument(
    "framework", required=False, metavar="[FRAMEWORK]", type=click.Choice(list(presets.PRESETS))
)
@click.option(
    "-C",
    "--directory",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="The application's directory; by default, the working directory.",
)
@click.option("--name", metavar="NAME", help="The name of the program.")
@click.option(
    "--print", "only_print", is_flag=True, help="Print the configuration, and write nothing."
)  # fmt: skip
@pass_session
def init(
    session: Session,
    *,
    framework: str | None,
    directory: Path | None,
    name: str | None,
    only_print: bool,
) -> int:
    """Write a first configuration for an application: Symfony's Messenger, or Laravel's queue.

    wctl looks into the application's directory to see which FRAMEWORK it uses: symfony, or laravel.
    It changes nothing there, and starts nothing.

    Exit code: 1 if the check of the new file finds errors, 4 if there is no such application.

    Example: cd /srv/app && wctl init
    """
    if session.files:
        raise click.UsageError("init writes a file of its own, so it cannot be used with -c FILE")
    place = application.here() if directory is None else os.path.abspath(directory)  # noqa: PTH100 - as typed
    found = application.Application(place)
    preset = presets.choose(found, framework)
    title = name or preset.name
    try:
        unit_name.of_program(title)
    except ValueError as error:
        raise WctlError(f"--name: {error}", exit_code=Exit.USAGE) from None
    text = presets.render(preset, found, title, user=session.user)
    if only_print:
        echo(text, nl=False)
        return Exit.OK
    path = _file(session, title)
    files.write_file(path, text)
    if not session.quiet:
        echo(f"{path}: written, for {preset.title} in {place}")
    session.read_again()
    errors = show_findings(session, str(path))
    if not (errors or session.quiet):
        edit, update = session.command("edit", title), session.command("update", title)
        echo(f"Next: look at it with '{edit}', and start its worker with '{update}'")
    return Exit.FAILURE if errors else Exit.OK


def _file(session: Session, title: str) -> Path:
    """Return the new file of a program.

    Raises:
        WctlError: the program, or the file, is there already.
    """
    other = f"choose another name with --name, or see '{session.command('edit', title)}'"
    for program in _known(session.any_config):
        if program == title:
            raise WctlError(f"{title}: configured already", hint=other)
    path = session.layout.configuration / "conf.d" / f"{unit_name.of_program(title)}.conf"
    if os.path.lexists(path):
        raise WctlError(f"{path}: there already", hint=other)
    return path


def _known(config: Config) -> list[str]:
    return [program.title for program in config.known]
