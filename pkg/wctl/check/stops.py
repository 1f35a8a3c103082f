"""How a worker ends: by itself, as planned, and at a stop, with the message in hand."""

from __future__ import annotations

from collections.abc import Iterator

from wctl.check.codes import Check, Problem
from wctl.config import background, consoles, frameworks
from wctl.config.model import Program

_SHORT_STOP = 10  # seconds: Supervisor's default; many messages take longer
# What workers do with a signal other than to finish the message in hand, and the right signal.
_DROPPING = {
    ("Messenger", "SIGINT"): ("before Symfony 6.3, Messenger aborts the current message", "TERM"),
    ("Messenger", "SIGQUIT"): ("Messenger ends at once, and drops the current message", "TERM"),
    ("Celery", "SIGQUIT"): ("Celery ends at once, and drops the tasks in hand", "TERM"),
    ("Huey", "SIGTERM"): ("Huey ends at once, and drops the tasks in hand", "INT"),
}


def _planned_end_is_final(program: Program) -> Iterator[Problem]:
    end = frameworks.planned_end(program)
    if end and program.autorestart != "true" and 0 in program.exitcodes:
        yield Problem(
            "planned-end-is-final",
            "autorestart",
            f"with autorestart={program.autorestart}, systemd does not start the worker again after"
            f" {end.written} ends it with exit code 0; use autorestart=true",
        )


def _ends_before_ready(program: Program) -> Iterator[Problem]:
    if program.ready != "startsecs" or program.startsecs == 0:
        return
    end = frameworks.early_end(frameworks.words(program), program.startsecs)
    if end is not None:
        remedy = "use startsecs=0"
        if end.kind == consoles.EMPTY and program.autorestart == "true":
            remedy = f"do without {end.written}, so that the worker waits for messages"
        tries = program.startretries + 1
        yield Problem(
            "ends-before-ready",
            "startsecs",
            f"a worker that {end.written} ends within startsecs={program.startsecs} has failed to"
            f" start, and is FATAL after {tries} such start{'s' if tries > 1 else ''}; {remedy}",
        )


def _daemonizes(program: Program) -> Iterator[Problem]:
    found = background.of(frameworks.words(program))
    if found is not None:
        doubt = "" if found.sure else ", unless its configuration says otherwise"
        yield Problem(
            "daemonizes",
            "command",
            f"{found.written} goes to the background{doubt}, and wctl takes the end of the first"
            f" process for the end of the worker; {found.remedy}",
        )


def _short_stop(program: Program) -> Iterator[Problem]:
    limit = frameworks.message_limit(program)
    problem = None
    if limit is not None:
        what = f"{limit.written} lets a message take longer, and a stop cuts such a message off"
        if limit.loses:
            what = f"unfinished jobs are given back only after {limit.written}, and else lost"
        if program.stopwaitsecs < limit.seconds + limit.loses:
            problem = f"{program.stopwaitsecs} s, but {what}; use {limit.seconds + 5} or more"
    elif "stopwaitsecs" not in program.places and consoles.of(program) is not None:
        problem = (
            f"the default of {_SHORT_STOP} s: a stop cuts off a message that takes longer; set"
            " stopwaitsecs to the time that the slowest message takes"
        )
    if problem is not None:
        yield Problem("short-stop", "stopwaitsecs", problem)


def _group_stop(program: Program) -> Iterator[Problem]:
    worker = consoles.of(program)
    if program.stopasgroup and worker is not None and worker.forks:
        yield Problem(
            "group-stop",
            "stopasgroup",
            f"every process of {worker.console.title} gets the signal, and those that handle"
            " messages drop them; leave stopasgroup out: the first process lets the others finish",
        )


def _abrupt_stop(program: Program) -> Iterator[Problem]:
    if program.stopsignal.name == "SIGKILL":
        yield Problem(
            "abrupt-stop",
            "stopsignal",
            "SIGKILL does not let the worker finish its current message; use TERM",
        )


def _interrupting_stop(program: Program) -> Iterator[Problem]:
    worker = consoles.of(program)
    title = "" if worker is None else worker.console.title
    signal = program.stopsignal.name
    if (title, signal) in _DROPPING:
        what, right = _DROPPING[title, signal]
        yield Problem("interrupting-stop", "stopsignal", f"on {signal}, {what}; use {right}")


CHECKS: tuple[Check, ...] = (
    _planned_end_is_final,
    _ends_before_ready,
    _daemonizes,
    _short_stop,
    _group_stop,
    _interrupting_stop,
    _abrupt_stop,
)
