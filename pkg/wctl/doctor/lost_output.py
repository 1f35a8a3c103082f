"""Findings about output that is lost, and counts that are not kept."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence

from wctl.doctor.finding import Commands, Finding, noted
from wctl.doctor.history import History
from wctl.operate.states import Process, State
from wctl.systemd import journal, journal_rights, unit_name
from wctl.systemd.journal import Line
from wctl.systemd.manager import Manager
from wctl.trust import commands as tools
from wctl.trust.text import shell_join

_JOURNALD = "systemd-journald.service"
_SOCKETS = ("systemd-journald.socket", "systemd-journald-dev-log.socket")
_STORAGE = re.compile(r"^[ \t]*Storage[ \t]*=[ \t]*(\S*)", re.MULTILINE)
_CONFIGURATION = ("systemd-analyze", "cat-config", "systemd/journald.conf")
# Notes of the wrapper: outputs.py, starts.py.
_DROPPED, _RESUMED = ": lines are dropped", " were dropped"
_KEPT = " from the file; the journal has them"
_LOCKED = ": another process has locked it"
_GROWS, _ROTATED = " cannot be rotated and grows: ", " is rotated again"
_NOT_COUNTED = ": cannot count failed starts: "
_NOTE = re.compile("|".join(map(re.escape, (_DROPPED, _RESUMED, _GROWS, _ROTATED, _NOT_COUNTED))))
_MOST_NOTES = 4096


def of_journald(manager: Manager, programs: Sequence[str], commands: Commands) -> Iterator[Finding]:
    """Report a journald that keeps nothing of what ``programs`` log to the journal."""
    if manager.user or not programs:
        return
    found = manager.properties([(_JOURNALD, ("ActiveState", "LoadState"))])[_JOURNALD]
    state = found["LoadState"] if found["LoadState"] != "loaded" else found["ActiveState"]
    evidence = (f"{_JOURNALD}: {state}", f"programs that log to the journal: {', '.join(programs)}")
    if state not in ("active", "reloading", "activating"):
        what = "journald does not run, so what workers write is lost, or goes to files"
        start = commands.systemctl("start", _JOURNALD)
        unmask = commands.systemctl("unmask", _JOURNALD, *_SOCKETS)
        remedy = f"{unmask} && {start}" if state == "masked" else start
        yield Finding("journald-down", "", what, evidence, remedy)
        return
    storage = _STORAGE.findall(tools.output(_CONFIGURATION) or "")
    if storage and storage[-1].lower() == "none":
        what = "journald stores nothing, so what workers write is lost; use Storage=auto"
        remedy = f"{shell_join(_CONFIGURATION)} | grep -n Storage"
        yield Finding("journald-stores-nothing", "", what, ("Storage=none", evidence[1]), remedy)


def of_journal(past: History, commands: Commands) -> Iterator[Finding]:
    """Report a journal that doctor cannot read."""
    if past.unreadable:
        what = "doctor cannot read the journal; crashes, kills and lost lines stay unknown"
        look = "journalctl --lines=1"
        remedy = look if past.unreadable != journal_rights.NEEDED else commands.wctl("doctor")
        yield Finding("journal-unreadable", "", what, (past.unreadable,), remedy)


def by_notes(
    manager: Manager, processes: Sequence[Process], past: History, since: float
) -> Iterator[Finding]:
    """Report what wrappers have noted in the journal: what holds now, the rest of ``since`` on.

    ``since`` is in seconds since the epoch. What they noted before the last start by hand does not
    count.
    """
    dropping: dict[str, tuple[str, str]] = {}
    growing: dict[str, tuple[str, str]] = {}
    uncounted: dict[str, tuple[str, str]] = {}
    for line in () if past.unreadable else _notes(manager, processes, past, since):
        name, _, note = line.text.partition(": ")
        told = unit_name.short(line.unit), note
        text = line.text[: -len(_KEPT)] if line.text.endswith(_KEPT) else line.text
        if text.endswith(_DROPPED):
            dropping[note.partition(": ")[0]] = told
        elif text.endswith(_RESUMED):
            dropping.pop(note.partition(": ")[0], None)
        elif _GROWS in note:
            growing[note.partition(_GROWS)[0]] = told
        elif note.endswith(_ROTATED):
            growing.pop(note[: -len(_ROTATED)], None)
        elif _NOT_COUNTED in line.text and line.time / 1e6 >= since:
            uncounted[name] = told
    program = processes[0].program if processes else ""
    if dropping:
        kept = all(note.endswith(_KEPT) for _, note in dropping.values())
        there = ", and only the journal has them" if kept else ""
        what = (
            f"lines for its log file are dropped{there}; correct the cause, and they are written"
            " again"
        )
        remedy = shell_join(["namei", "-l", next(iter(dropping))])
        yield _finding("log-file-fails", program, what, dropping, remedy)
    if growing:
        what = "its log file cannot be rotated and grows; remove what is in the way"
        remedy = _who_is_in_the_way(next(iter(growing.items())))
        yield _finding("log-file-grows", program, what, growing, remedy)
    if uncounted:
        what = "its failed starts cannot be counted, so it is started again without a pause"
        yield _finding("starts-not-counted", program, what, uncounted, "df -h /run")


def _who_is_in_the_way(grows: tuple[str, tuple[str, str]]) -> str:
    """Return the command that shows what keeps a file from being rotated, as its note says."""
    path, (_, note) = grows
    if note.endswith(_LOCKED):
        return "lslocks --output=PID,COMMAND,PATH | grep -F -- " + shell_join([path])
    directory, _, own = path.rpartition("/")
    other = note.partition(_GROWS)[2].rpartition(": ")[0]
    files = (path, f"{directory}/{other}") if other not in ("", own) else (directory, path)
    return shell_join(["ls", "-ld", "--", *files])


def _notes(
    manager: Manager, processes: Sequence[Process], past: History, since: float
) -> list[Line]:
    """Return the notes about each instance of this start if it runs, else of ``since`` on."""
    up = [process.unit for process in processes if process.state is State.RUNNING]
    asked = manager.properties([(unit, ("InactiveExitTimestamp",)) for unit in up])
    begun = {unit: int(asked[unit]["InactiveExitTimestamp"]) / 1e6 for unit in up}
    units = [process.unit for process in processes]
    notes = journal.notes(units, min([since, *begun.values()]), user=manager.user)
    # A worker may write what looks like a note, and as many as it likes.
    lines = deque((line for line in notes if _NOTE.search(line.text)), _MOST_NOTES)
    for unit in {line.unit for line in lines}.difference(up):
        begun[unit] = max(since, past.by_hand.get(unit, 0.0))
    return [line for line in lines if line.time / 1e6 >= begun[line.unit]]


def _finding(
    code: str, program: str, what: str, notes: dict[str, tuple[str, str]], remedy: str
) -> Finding:
    instances = tuple(sorted({instance for instance, _ in notes.values()}))
    return Finding(
        code, program, what, noted(note for _, note in notes.values()), remedy, instances
    )
