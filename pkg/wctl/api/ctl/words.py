"""The help of supervisorctl's verbs: what one can type, and what it does."""

from __future__ import annotations

from collections.abc import Callable

from wctl.api.ctl.face import Face

_NAMES = "NAME is a process, GROUP:PROCESS, GROUP:* or all"
HELP = {
    "add": (("add GROUP...", "install configured groups, and start what autostarts"),),
    "avail": (("avail", "show all configured processes"),),
    "clear": (("clear PROCESS...|all", "empty log files; the journal keeps its lines"),),
    "exit": (("exit", "leave the prompt"),),
    "fg": (("fg PROCESS", "show what a process writes, until Ctrl-C"),),
    "help": (("help [VERB]", "show all verbs, or how to use one"),),
    "maintail": (
        ("maintail", "show the last 1600 bytes that systemd and wctl noted about processes"),
        ("maintail -N", "show the last N bytes"),
        ("maintail -f", "show the end, and then what is added, until Ctrl-C"),
    ),
    "open": (("open URL", "show the states, if URL is that of this machine's Supervisor"),),
    "pid": (
        ("pid", "show the process ID of systemd, which supervises the processes"),
        ("pid PROCESS...|all", "show those of processes, one per line"),
    ),
    "quit": (("quit", "leave the prompt"),),
    "reload": (("reload", "stop all processes, update, and start those that autostart"),),
    "remove": (("remove GROUP...", "uninstall groups that do not run"),),
    "reread": (("reread", "show what an update would change"),),
    "restart": (("restart NAME...", f"stop, then start: {_NAMES}"),),
    "shutdown": (("shutdown", "stop all processes"),),
    "signal": (("signal SIGNAL NAME...", f"send a signal: {_NAMES}"),),
    "start": (("start NAME...", f"start: {_NAMES}"),),
    "status": (
        ("status", "show the states of all processes"),
        ("status NAME...", f"show the states of some: {_NAMES}"),
    ),
    "stop": (("stop NAME...", f"stop: {_NAMES}"),),
    "tail": (
        ("tail PROCESS [stdout|stderr]", "show the last 1600 bytes of a log"),
        ("tail -N PROCESS [stdout|stderr]", "show the last N bytes"),
        ("tail -f PROCESS [stdout|stderr]", "show the end, and then what is added, until Ctrl-C"),
    ),
    "update": (("update [GROUP...|all]", "apply the configuration to these groups, or to all"),),
    "version": (("version", "show the version of supervisorctl whose verbs these are"),),
}


def show_help(face: Face, verb: str) -> None:
    """Print how to use a verb."""
    width = max(len(usage) for usage, _ in HELP[verb]) + 2
    for usage, what in HELP[verb]:
        face.say(f"{usage:<{width}}{what}")


def without_argument(verb: Callable[[Face], None], name: str) -> Callable[[Face, str], None]:
    """Return a verb that refuses arguments."""

    def checked(face: Face, argument: str) -> None:
        if argument:
            face.fail(f"Error: {name} accepts no arguments")
            show_help(face, name)
        else:
            verb(face)

    return checked
