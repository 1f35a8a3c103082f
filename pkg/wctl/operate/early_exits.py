"""Why a worker ended with exit status 0 before it was ready, as far as its command tells."""

from __future__ import annotations

from wctl.config import background, consoles, frameworks
from wctl.operate import wrapped
from wctl.systemd import exits
from wctl.systemd.entries import UnreadableError
from wctl.systemd.manager import Manager
from wctl.trust.text import printable
from wctl.wrapper.command_line import Options, decoded, encoded


def explained(
    manager: Manager,
    unit: str,
    how: str | None,
    since: float,
    run: exits.EarlyRun | None = None,
) -> str | None:
    """Return how the worker of ``unit`` last ended; if EARLY, how early, and the likely cause.

    ``how`` and ``since`` are the result and an argument of exits.last_exit(). We ask the journal
    about the ``run``, unless it is given.
    """
    if how != exits.EARLY:
        return how
    exec_start = manager.properties([(unit, ("ExecStart",))], stopped=True)[unit]["ExecStart"]
    options = wrapped.options(exec_start)
    if options is None:
        return how
    try:
        run = run or exits.early_run(unit, user=manager.user, since=since)
    except UnreadableError:
        run = exits.EarlyRun(None)
    return f"exit status 0{_before(options, run.seconds)}{cause(options, run.left)}"


def _before(options: Options, seconds: float | None) -> str:
    """Return in words how early the exit was, ``seconds`` after systemd began the start."""
    if options.ready != "startsecs":
        goal, known = "it was ready", seconds is not None
    else:  # the wrapper's own start counts, too, and may have taken longer
        # As rounded below: no "within 1.0 s, before startsecs=1".
        known = round(seconds or 0.0, 1) < options.startsecs
        goal = f"startsecs={options.startsecs}"
    within = f" within {seconds:.1f} s" if known and seconds is not None else ""
    return f"{within}, before {goal}"


def cause(options: Options, left: str) -> str:
    """Return what has ended the worker early, with a colon before it; "" if we do not know.

    ``left`` is the name of a process that it left behind, "" if it left none.
    """
    try:
        words = tuple(decoded(options.expanded(encoded(word))) for word in options.command)
    except (ValueError, TypeError, KeyError):  # an administrator's command with a % of its own
        words = tuple(options.command)
    found = background.of(words)
    if found is not None and (found.sure or left):
        return f": {printable(found.written)} goes to the background; {printable(found.remedy)}"
    if left:
        return f": it went to the background as {printable(left)}; keep it in the foreground"
    ends = frameworks.planned_ends(words)
    end = frameworks.early_end(words, options.startsecs) or (ends[0] if ends else None)
    if end is None:
        return ""
    written = printable(end.written)
    if end.kind == consoles.EMPTY and not options.retry:  # which is autorestart=false
        return f": {written} ends it; do without, so that it waits for messages"
    if end.kind in (consoles.COUNT, consoles.EMPTY) and options.ready == "startsecs":
        return f": {written} ends it (use startsecs=0)"
    return f": {written} may have ended it"
