"""status, pid, start, stop, restart, signal: the verbs about processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wctl.api.ctl.face import (
    FAILURE,
    NOT_RUNNING,
    STATUS_NOT_RUNNING,
    STATUS_UNKNOWN,
    USAGE,
    Face,
)
from wctl.api.ctl.words import show_help
from wctl.api.faults import Code, Fault, Result
from wctl.api.names import Member, joined, split
from wctl.api.processes import group_of
from wctl.operate.states import STOPPED_STATES
from wctl.trust.text import printable

_WIDTH = 33  # of the column of names, at least
_ERRORS = {
    Code.BAD_NAME: "no such process",
    Code.BAD_SIGNAL: "bad signal name",
    Code.NO_FILE: "no such file",
    Code.NOT_EXECUTABLE: "file is not executable",
    Code.FAILED: "failed",
    Code.ABNORMAL_TERMINATION: "abnormal termination",
    Code.SPAWN_ERROR: "spawn error",
    Code.ALREADY_STARTED: "already started",
    Code.NOT_RUNNING: "not running",
}


def do_status(face: Face, argument: str) -> None:
    """Show the state of processes."""
    if not face.is_up(STATUS_UNKNOWN):
        return
    members = face.processes.names().members
    names = argument.split()
    if names and "all" not in names:
        members = _chosen(face, members, names)
    found = face.processes.now(members)
    width = max([_WIDTH, *(len(member.full) + 3 for member, _ in found)])
    for member, process in found:
        face.say(f"{member.full:<{width}}{process.state!s:<10}{process.description}")
    if any(process.state in STOPPED_STATES for _, process in found):
        face.code = STATUS_NOT_RUNNING


def _chosen(face: Face, members: Sequence[Member], names: Sequence[str]) -> list[Member]:
    chosen: list[Member] = []
    for name in names:
        group, process = split(name)
        if process is None:
            mine = [member for member in members if member.group == group]
        else:
            one = face.processes.names().find(name)
            mine = [] if one is None else [one]
        chosen += mine
        if not mine:
            what = f"{group}: ERROR (no such group)"
            what = what if process is None else f"{name}: ERROR (no such process)"
            face.fail(what, STATUS_UNKNOWN)
    return chosen


def do_pid(face: Face, argument: str) -> None:
    """Print the process IDs of processes, or of systemd."""
    if not face.is_up():
        return
    names = argument.split()
    if not names:
        face.say(str(face.session.manager.pid()))
    elif "all" in names:
        for _, process in face.processes.all():
            face.say(str(process.pid))
    else:
        for name in names:
            _pid(face, name)


def _pid(face: Face, name: str) -> None:
    try:
        _, process = face.processes.one(name)
    except Fault:
        face.fail(f"No such process {name}")
        return
    face.say(str(process.pid))
    if not process.pid:
        face.code = NOT_RUNNING


def do_start(face: Face, argument: str) -> None:
    """Start processes."""
    if _lacks_names(face, argument, "start", USAGE):
        return
    _each(
        face,
        argument.split(),
        face.processes.start,
        face.processes.start_all,
        done="started",
        harmless=Code.ALREADY_STARTED,
        no_group=USAGE,
    )


def do_stop(face: Face, argument: str) -> None:
    """Stop processes."""
    if _lacks_names(face, argument, "stop"):
        return
    _each(
        face,
        argument.split(),
        face.processes.stop,
        face.processes.stop_all,
        done="stopped",
        harmless=Code.NOT_RUNNING,
    )


def do_restart(face: Face, argument: str) -> None:
    """Stop processes, and then start them."""
    if _lacks_names(face, argument, "restart"):
        return
    try:
        do_stop(face, argument)
    except KeyboardInterrupt:
        face.output.note("restart: interrupted in its stop; nothing is started again")
        raise
    do_start(face, argument)


def do_signal(face: Face, argument: str) -> None:
    """Send a signal to processes."""
    if not face.is_up():
        return
    which, *names = argument.split() or [""]
    if not names:
        face.fail("Error: signal requires a signal name and a process name")
        show_help(face, "signal")
        return
    processes = face.processes
    _each(
        face,
        names,
        lambda name: processes.signal(name, which),
        lambda group=None: processes.signal_all(which, group),
        done="signalled",
    )


def _lacks_names(face: Face, argument: str, verb: str, code: int = FAILURE) -> bool:
    """Tell whether a verb cannot go on, and say why."""
    if not face.is_up():
        return True
    if not argument.split():
        face.fail(f"Error: {verb} requires a process name", code)
        show_help(face, verb)
        return True
    return False


def _each(
    face: Face,
    names: Sequence[str],
    one: Callable[[str], None],
    many: Callable[..., list[Result]],
    *,
    done: str,
    harmless: Code | None = None,
    no_group: int = FAILURE,
) -> None:
    """Do something to each process, group or all, and print what came of it."""
    if "all" in names:
        _tell(face, many(), done, harmless)
        return
    for name in names:
        group = group_of(name)
        try:
            if group is not None:
                _tell(face, many(group), done, harmless)
                continue
            one(name)
        except Fault as fault:
            if group is not None:
                face.fail(f"{group}: ERROR (no such group)", no_group)
                continue
            code, why = fault.code, fault.why
        else:
            code, why = Code.SUCCESS, ""
        shown = joined(*_both(name))
        _tell(face, [Result(shown, shown, code, why)], done, harmless)


def _both(name: str) -> tuple[str, str]:
    group, process = split(name)
    return group, process or group


def _tell(face: Face, results: Sequence[Result], done: str, harmless: Code | None) -> None:
    for result in results:
        success = result.code is Code.SUCCESS
        face.say(f"{result.full}: {done if success else f'ERROR ({_ERRORS[result.code]})'}")
        if not success and result.text:
            face.output.note(f"{result.full}: {printable(result.text)}")
        face.note(result.code, harmless=harmless)
