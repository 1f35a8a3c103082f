"""reread, update, add, remove, avail, reload, shutdown, version, open: the other verbs."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from wctl.api.ctl import process_verbs, server
from wctl.api.ctl.face import FAILURE, Face
from wctl.api.ctl.words import show_help
from wctl.api.faults import Code, Fault
from wctl.errors import WctlError

VERSION = "4.3.0"  # of the supervisorctl whose words these are


def _without_argument(verb: Callable[[Face], None], name: str) -> Callable[[Face, str], None]:
    def checked(face: Face, argument: str) -> None:
        if argument:
            face.fail(f"Error: {name} accepts no arguments")
            show_help(face, name)
        else:
            verb(face)

    return checked


def _reread(face: Face) -> None:
    try:
        changes = face.groups.reread()
    except Fault as fault:
        face.fail(f"ERROR: {fault}")
        return
    words = {
        **dict.fromkeys(changes.added, "available"),
        **dict.fromkeys(changes.changed, "changed"),
        **dict.fromkeys(changes.removed, "disappeared"),
    }
    for group in sorted(words):
        face.say(f"{group}: {words[group]}")
    if not words:
        face.say("No config updates to processes")


def update(face: Face, argument: str) -> None:
    """Bring groups, or all, to what their configuration says."""
    names = [] if "all" in argument.split() else list(dict.fromkeys(argument.split()))
    if names:
        known = face.groups.known().union(face.groups.reread().added)
        for name in names:
            if name not in known:
                face.fail(f"ERROR: no such group: {name}")
        names = [name for name in names if name in known]
        if not names:
            return
    done = face.groups.update(names)
    for group in done.removed:
        face.say(f"{group}: stopped")
        face.say(f"{group}: removed process group")
    for group in done.changed:
        if group not in done.rescaled:
            face.say(f"{group}: stopped")
        face.say(f"{group}: updated process group")
    for group in done.added:
        face.say(f"{group}: added process group")


def add(face: Face, argument: str) -> None:
    """Install configured groups."""
    for name in argument.split():
        try:
            face.groups.add(name)
        except Fault as fault:
            if fault.code is Code.ALREADY_ADDED:
                face.say("ERROR: process group already active")
            elif fault.code is Code.BAD_NAME:
                face.fail(f"ERROR: no such process/group: {name}")
            else:
                face.fail(f"ERROR: {fault}")
        else:
            face.say(f"{name}: added process group")


def remove(face: Face, argument: str) -> None:
    """Uninstall groups that do not run."""
    for name in argument.split():
        try:
            face.groups.remove(name)
        except Fault as fault:
            running = fault.code is Code.STILL_RUNNING
            why = "process/group still running" if running else "no such process/group"
            face.fail(f"ERROR: {why}: {name}")
        else:
            face.say(f"{name}: removed process group")


def _avail(face: Face) -> None:
    for one in face.groups.configured():
        use = "in use" if one.in_use else "avail"
        start = "auto" if one.autostart else "manual"
        priorities = f"{one.group_priority}:{one.priority}"
        face.say(f"{one.name:<32} {use:<9} {start:<9} {priorities}")


def _reload(face: Face) -> None:
    if not _really(face, "Really restart all processes y/N? "):
        return
    face.groups.reload()
    face.say("Restarted supervisord")


def _shutdown(face: Face) -> None:
    if not _really(face, "Really stop all processes y/N? "):
        return
    face.processes.stop_all()
    face.say("Shut down")


def _really(face: Face, question: str) -> bool:
    return not face.interactive or input(question).lower().startswith("y")


def _version(face: Face) -> None:
    if face.is_up():
        face.say(VERSION)


def open_(face: Face, argument: str) -> None:
    """Go on with the Supervisor at a URL, which must be this machine's."""
    url = argument.strip()
    if urlsplit(url).scheme not in ("unix", "http"):
        face.fail("ERROR: url must be http:// or unix://")
        return
    try:
        server.check(url)
    except WctlError as error:
        face.fail(f"ERROR: {error.message}", FAILURE)
        return
    before = face.code
    process_verbs.status(face, "")
    face.code = before


reread = _without_argument(_reread, "reread")
avail = _without_argument(_avail, "avail")
reload = _without_argument(_reload, "reload")
shutdown = _without_argument(_shutdown, "shutdown")
version = _without_argument(_version, "version")
