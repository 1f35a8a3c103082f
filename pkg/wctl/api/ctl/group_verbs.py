"""reread, update, add, remove, avail, reload: the verbs about groups and their configuration."""

from __future__ import annotations

from wctl.api.ctl.face import Face
from wctl.api.ctl.words import without_argument
from wctl.api.faults import Code, Fault


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


def do_update(face: Face, argument: str) -> None:
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
        if group not in done.kept:
            face.say(f"{group}: stopped")
        face.say(f"{group}: updated process group")
    for group in done.added:
        face.say(f"{group}: added process group")


def do_add(face: Face, argument: str) -> None:
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


def do_remove(face: Face, argument: str) -> None:
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
    if not face.really("Really restart all processes y/N? "):
        return
    face.groups.reload()
    face.say("Restarted supervisord")


do_reread = without_argument(_reread, "reread")
do_avail = without_argument(_avail, "avail")
do_reload = without_argument(_reload, "reload")
