"""tail, maintail, clear, fg: the verbs about what processes wrote."""

from __future__ import annotations

import re
from functools import partial
from itertools import chain

from wctl.api.ctl.face import Face
from wctl.api.ctl.words import show_help
from wctl.api.faults import Code, Fault
from wctl.api.names import joined, split
from wctl.operate.states import State

_SIZE = 1600  # bytes
_STREAMS = ("stderr", "stdout")
_TAIL = {
    Code.NO_FILE: "no log file",
    Code.FAILED: "unknown error reading log",
    Code.BAD_NAME: "no such process name",
}
_CLEAR = {Code.BAD_NAME: "no such process", Code.FAILED: "failed"}


def do_tail(face: Face, argument: str) -> None:
    """Show the end of a log."""
    if not face.is_up():
        return
    words = argument.split()
    if not words or len(words) > 3:
        face.fail(f"Error: too {'many' if words else 'few'} arguments")
        show_help(face, "tail")
        return
    modifier = words.pop(0) if words[0].startswith("-") else None
    if not words:
        face.fail("Error: tail requires process name")
        return
    name = words[0]
    stream = words[-1].lower() if len(words) > 1 else "stdout"
    if stream not in _STREAMS:
        face.fail(f"Error: bad channel {stream!r}")
        return
    size = _size(face, modifier)
    if size is None:
        return
    try:
        if modifier == "-f":
            face.follow(partial(face.logs.follow, name, stream))
        else:
            face.show(chain(face.logs.read(name, stream, -size, 0), [b"\n"]))
    except Fault as fault:
        face.fail(f"{name}: ERROR ({_TAIL[fault.code]})")


def do_maintail(face: Face, argument: str) -> None:
    """Show the end of what systemd and wctl noted."""
    if not face.is_up():
        return
    words = argument.split()
    if len(words) > 1:
        face.fail("Error: too many arguments")
        show_help(face, "maintail")
        return
    modifier = words[0] if words else None
    if modifier is not None and not modifier.startswith("-"):
        face.fail(f"Error: bad argument {modifier}")
        return
    size = _size(face, modifier)
    if size is None:
        return
    try:
        if modifier == "-f":
            face.follow(face.logs.follow_main)
        else:
            face.show([face.logs.main(-size, 0), b"\n"])
    except Fault as fault:
        face.fail(f"supervisord: ERROR ({_TAIL[fault.code]})")


def _size(face: Face, modifier: str | None) -> int | None:
    """Return how many bytes are wanted; None if that is no number, which we say."""
    if modifier is None or modifier == "-f":
        return _SIZE
    if re.fullmatch(r"-[+-]?[0-9]{1,18}", modifier):
        return int(modifier[1:])
    face.fail(f"Error: bad argument {modifier}")
    return None


def do_clear(face: Face, argument: str) -> None:
    """Empty log files."""
    if not face.is_up():
        return
    names = argument.split()
    if not names:
        face.fail("Error: clear requires a process name")
        show_help(face, "clear")
        return
    if "all" in names:
        for result in face.logs.clear_all():
            _cleared(face, result.full, result.code)
        return
    for name in names:
        group, process = split(name)
        shown = joined(group, process or "None")
        try:
            face.logs.clear(name)
        except Fault as fault:
            _cleared(face, shown, fault.code)
        else:
            _cleared(face, shown, Code.SUCCESS)


def _cleared(face: Face, name: str, code: Code) -> None:
    face.say(f"{name}: {'cleared' if code is Code.SUCCESS else f'ERROR ({_CLEAR[code]})'}")
    face.note(code)


def do_fg(face: Face, argument: str) -> None:
    """Show what a process writes, until Ctrl-C."""
    if not face.is_up():
        return
    names = argument.split()
    if not names:
        face.fail("ERROR: no process name supplied")
        show_help(face, "fg")
        return
    if len(names) > 1:
        face.fail("ERROR: too many process names supplied")
        return
    try:
        _, process = face.processes.one(names[0])
    except Fault:
        face.fail("ERROR: bad process name supplied")
        return
    if process.state is not State.RUNNING:
        face.fail("ERROR: process not running")
        return
    face.say("What you type does not reach the worker: systemd starts it without a terminal.")
    try:
        face.follow(partial(face.logs.follow, names[0], "stdout"), "Exiting foreground")
    except Fault as fault:
        face.fail(f"ERROR: {_TAIL[fault.code]}")
