"""edit: opens a program's file in an editor, checks it, shows what would change, and updates."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import click

from wctl.cli.app import pass_session, shared
from wctl.cli.completion import complete_programs
from wctl.cli.configure import show_diff
from wctl.cli.findings import show_findings
from wctl.cli.output import echo
from wctl.cli.update import run_update
from wctl.errors import NEEDS_ROOT, Exit, Place, WctlError, nearest
from wctl.install.files import write_file
from wctl.install.installed import programs
from wctl.session.planning import planned
from wctl.session.session import Session
from wctl.systemd import unit_name
from wctl.trust import commands, files
from wctl.trust.text import printable
from wctl.units.marker import absolute

_EDITORS = ("sensible-editor", "editor", "nano", "vi")


@click.command()
@shared
@click.option("-y", "--yes", is_flag=True, help="Update without asking.")
@click.argument("program", required=False, shell_complete=complete_programs)
@pass_session
def edit(session: Session, program: str | None, yes: bool) -> int:
    """Edit the file of a program, check it, show what changes, and update.

    The editor is that of VISUAL or EDITOR. If the check finds errors, you can edit once more, or
    take the changes back. Before the update, wctl shows how units would change, and asks; without
    a terminal, and without --yes, it leaves the update to you.

    Exit code: 1 if the check finds errors, or the update fails.

    Example: wctl edit messenger-worker
    """
    place = _place(session, program)
    path = Path(place.file).resolve()
    _may_edit(session, path)
    as_it_was, before = path.stat(), files.read(path)
    while True:
        _open(path, place.line)
        if files.read(path) == before:
            echo("nothing has changed")
            return Exit.OK
        session.read_again()
        if not show_findings(session, place.file):
            break
        if not sys.stdin.isatty():
            echo(f"{path} stays as you have edited it; its programs run on as they are", err=True)
            return Exit.FAILURE
        answer = _ask("edit again, take the changes back, or keep the file with its errors", "etk")
        if answer == "t":
            write_file(path, before, like=as_it_was)
            echo("the file is as it was")
        if answer != "e":
            return Exit.FAILURE
    return _update(session, place.file, yes=yes)


def _may_edit(session: Session, path: Path) -> None:
    """Raise WctlError if we cannot write a file, or, as root, might write another one instead.

    Whoever can replace its directory can make root's editor write elsewhere: see sudoedit(8).
    """
    why = files.not_roots(path.parent) if os.geteuid() == 0 else None
    if why is not None:
        update = session.command("update", files=session.files)
        raise WctlError(
            f"{path}: root does not edit it, because {why}",
            hint=f"edit it without sudo, and then run '{update}'",
        )
    if not os.access(path, os.W_OK):
        raise WctlError(f"{path}: not writable", hint=NEEDS_ROOT, exit_code=Exit.UNKNOWN)


def _update(session: Session, path: str, *, yes: bool) -> int:
    """Show what the programs of a file would become, and update them if the user agrees."""
    names = _programs_of(session, path)
    found = planned(session, names) if names else planned(session)
    if found.plan.empty:
        echo("the file is right, and no unit changes")
        return Exit.OK
    if not yes:
        show_diff(found.plan)
        update = session.command("update", *names, files=session.files)
        if not sys.stdin.isatty() or _ask("update now", "yn") != "y":
            echo(f"Next: run '{update}'")
            return Exit.OK
    return run_update(session, names)


def _programs_of(session: Session, path: str) -> tuple[str, ...]:
    """Return the programs that are, or were, in a file."""
    here = {one.title for one in session.config.programs if one.place.file == path}
    gone = {one.shown for one in programs(session.layout) if one.source == absolute(path)}
    return tuple(sorted(here | gone))


def _place(session: Session, name: str | None) -> Place:
    """Return where a program is configured; without a name, the only program.

    Raises:
        WctlError: no file has it, or a name is needed.
    """
    config = session.any_config
    known = {program.title: program for program in config.known}
    if name is None:
        if not known:
            raise WctlError("no program is configured; 'wctl init' writes a first file")
        if len(known) > 1:
            which = f"name one of the programs: {', '.join(sorted(known))}"
            raise WctlError(which, exit_code=Exit.USAGE)
        (name,) = known
    meant = unit_name.meant(name)
    for program in config.programs:
        if program.name in meant:
            return program.place
    for held in config.held:
        if held.name in meant:
            section = f"program:{held.title}"
            places = [error.place for error in config.errors if error.section == section]
            if places:
                return places[0]
    for installed in programs(session.layout):
        if installed.name in meant and not installed.shipped and Path(installed.source).is_file():
            return Place(installed.source)
    near = nearest(name, known)
    raise WctlError(f"{printable(name)}: no such program in a file{near}", exit_code=Exit.UNKNOWN)


def _open(path: Path, line: int) -> None:
    wanted = (os.environ.get(name, "").strip() for name in ("VISUAL", "EDITOR"))
    editor = next(filter(None, wanted), None) or next(filter(shutil.which, _EDITORS), None)
    if editor is None:
        raise WctlError("no editor is installed", hint="set EDITOR to the command of one")
    code = commands.edit(editor, str(path), max(line, 1))
    if code:
        raise WctlError(f"{editor}: the editor ended with exit status {code}; nothing was updated")


def _ask(question: str, letters: str) -> str:
    """Return one of ``letters``, as the user answers."""
    shown = "/".join(letters)
    while True:
        answer = click.prompt(f"{question}? [{shown}]", default=letters[0], show_default=False)
        letter = str(answer).strip().lower()[:1]
        if letter and letter in letters:
            return letter
