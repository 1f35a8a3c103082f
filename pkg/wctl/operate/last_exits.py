"""How many instances last ended, by one question to the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from wctl.install.installed import Layout, enabled_since
from wctl.operate import early_exits
from wctl.operate.details import Details
from wctl.operate.states import Process, State
from wctl.systemd import entries, exits
from wctl.systemd.entries import Entry, UnreadableError
from wctl.systemd.exits import LastExit
from wctl.systemd.manager import Manager
from wctl.systemd.quantities import size_in_words

_TIMEOUT = 10.0  # seconds
_UNKNOWN = LastExit(exits.UNKNOWN)


def last_exits(
    manager: Manager, processes: Sequence[Process], details: Mapping[str, Details]
) -> dict[str, LastExit | None]:
    """Return how the worker of each process last ended, by its unit; None if it never did.

    What was before an instance was enabled is of a removed program of the same name.
    """
    layout = Layout.of_user() if manager.user else Layout.of_system()
    since = {process.unit: enabled_since(layout, process) for process in processes}
    find = _Find("USER_UNIT" if manager.user else "UNIT", since)
    try:
        found = entries.newest(list(since), exits.ENDS, find, user=manager.user, timeout=_TIMEOUT)
    except UnreadableError:
        return dict.fromkeys(since, _UNKNOWN)
    ended: dict[str, LastExit | None] = {unit: found.get(unit) for unit in since}
    ended.update(_exited(manager, processes, ended))
    ended.update(_early(manager, processes, ended, since))
    for unit, last in ended.items():
        limit = details[unit].memory_max if unit in details else None
        if last is not None and last.out_of_memory and limit is not None:
            ended[unit] = replace(last, words=f"{last.words} (limit {size_in_words(limit)})")
    return ended


@dataclass(frozen=True)
class _Find:
    """Finds the last exit of each unit in the answers of journalctl."""

    field: str
    since: Mapping[str, float]

    def __call__(self, found: Sequence[Entry], whole: bool) -> dict[str, LastExit]:
        by_unit: dict[str, list[Entry]] = {}
        for entry in found:
            unit = entry[self.field]
            if entry.time >= self.since.get(unit, entry.time):
                by_unit.setdefault(unit, []).append(entry)
        last = {unit: exits.newest(its, whole=whole) for unit, its in by_unit.items()}
        return {unit: one for unit, one in last.items() if one is not None}


def _exited(
    manager: Manager, processes: Iterable[Process], ended: Mapping[str, LastExit | None]
) -> dict[str, LastExit]:
    """Return the exits of instances that are EXITED: systemd itself has their exit statuses."""
    over = [process.unit for process in processes if process.state is State.EXITED]
    found = manager.properties(
        [(unit, ("ExecMainCode", "ExecMainStatus")) for unit in over], stopped=True
    )
    known = {}
    for unit, properties in found.items():
        last, of_journal = exits.main_exit(properties), ended[unit]
        if of_journal is None or not of_journal.words.startswith(last.words):
            known[unit] = replace(last, time=of_journal.time if of_journal else None)
    return known


def _early(
    manager: Manager,
    processes: Iterable[Process],
    ended: Mapping[str, LastExit | None],
    since: Mapping[str, float],
) -> dict[str, LastExit]:
    """Return the early ends with their likely causes; how early, for one instance of a program.

    To see how early takes a question to the journal.
    """
    known = {}
    asked: set[str] = set()
    for process in processes:
        last = ended[process.unit]
        if last is None or last.words != exits.EARLY:
            continue
        run = exits.EarlyRun(None) if process.program in asked else None
        asked.add(process.program)
        begun = since[process.unit]
        said = early_exits.explained(manager, process.unit, exits.EARLY, begun, run)
        known[process.unit] = replace(last, words=said or exits.EARLY)
    return known
