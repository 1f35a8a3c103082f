"""Entries in the journal about units, with all their fields, from those who know.

journal.py has what workers write, line by line; this module has what systemd reports about them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from wctl.systemd import journal_fields, journal_rights
from wctl.systemd.journal_fields import UNIT_FIELDS
from wctl.trust import commands

# Message IDs of systemd's catalog, which describes each message (journalctl --catalog).
PROCESS_EXIT = "98e322203f7a4ed290d09fe03c09fe15"  # SD_MESSAGE_UNIT_PROCESS_EXIT
UNIT_FAILED = "d9b373ed55a64feb8242e02dbe79a49c"  # SD_MESSAGE_UNIT_FAILURE_RESULT, after the exit
START_FAILED = "be02cf6855d2428ba40df7e9d022f03d"  # SD_MESSAGE_UNIT_FAILED, after the two above
STARTING = "7d4958e842da4a758f6c1cdc7b36dcc5"  # SD_MESSAGE_UNIT_STARTING
STARTED = "39f53479d3a045ac8e11786248231fbf"  # SD_MESSAGE_UNIT_STARTED, when it is READY
STOPPING = "de5b426a63be47a7b6ac3eaac82e2f6f"  # SD_MESSAGE_UNIT_STOPPING
STOPPED = "9d1aaa27d60140bd96365438aad20286"  # SD_MESSAGE_UNIT_STOPPED
SUCCEEDED = "7ad2d189f7e94e70a38c781354912448"  # SD_MESSAGE_UNIT_SUCCESS, after a clean exit
RESTART_SCHEDULED = "5eb03494b6584870a536b337290809b3"  # SD_MESSAGE_UNIT_RESTART_SCHEDULED
OUT_OF_MEMORY = "fe6faa94e7774663a0da52717891d8ef"  # SD_MESSAGE_UNIT_OUT_OF_MEMORY
LIFE = (
    PROCESS_EXIT, UNIT_FAILED, STARTING, STARTED, STOPPING, STOPPED, SUCCEEDED, RESTART_SCHEDULED
)  # fmt: skip
DROPPED = "a596d6fe7bfa4994828e72309e95d61e"  # SD_MESSAGE_JOURNAL_DROPPED

# All that anybody reads. Other fields may hold the command line of any process, however long.
_FIELDS = ",".join(
    (
        "MESSAGE_ID", "MESSAGE", "EXIT_CODE", "EXIT_STATUS", "UNIT_RESULT", "UNIT", "USER_UNIT",
        "OBJECT_SYSTEMD_UNIT", "OBJECT_SYSTEMD_USER_UNIT", "INVOCATION_ID", "USER_INVOCATION_ID",
        "SYSLOG_IDENTIFIER", "WCTL_PROGRAM", "_PID", "_UID",
        *(own for *_, own in UNIT_FIELDS.values()),
    )
)  # fmt: skip
_OF_RUN = 50  # entries; a worker's user may add as many as it likes to those of wctl
_LATE = 0.001  # seconds; journalctl rounds times
_TIMEOUT = 30.0  # seconds
_EACH = 20  # entries for each unit; systemd logs two or three for each end
_MOST = 5_000  # entries
_MOST_OF_ALL = 100_000  # entries; a worker's user can fill the journal, and then our memory

Found = TypeVar("Found")


class UnreadableError(Exception):
    """The journal cannot be read, so nobody knows what happened; the text says why."""


class Entry:
    """One entry; a field that it does not have as one text, is ""."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        """Take over the fields as "journalctl --output=json" prints them."""
        self._fields = fields

    def __getitem__(self, name: str) -> str:
        """Return the text of a field."""
        value = self._fields.get(name)
        return value if isinstance(value, str) else ""

    @property
    def message(self) -> str:
        """The message, for printable(): journalctl writes one that is not printable as numbers."""
        value = self._fields.get("MESSAGE")
        if isinstance(value, list) and all(isinstance(byte, int) for byte in value):
            return bytes(value).decode(errors="replace")
        return self["MESSAGE"]

    @property
    def time(self) -> float:
        """Seconds since the epoch."""
        return int(self["__REALTIME_TIMESTAMP"]) / 1e6


def read(
    kinds: Sequence[str], lines: int, *, user: bool, since: float = 0.0, unit: str | None = None
) -> Iterator[Entry]:
    """Return the newest entries of ``kinds`` (message IDs), at most ``lines``, the oldest first.

    They are about ``unit`` or all units, and not older than ``since`` (seconds since the epoch).

    Raises:
        UnreadableError: journalctl fails or hangs, or shows nothing to users without the right.
    """
    about = [] if unit is None else [f"{'USER_UNIT' if user else 'UNIT'}={unit}"]
    systemds = [kind for kind in kinds if kind != DROPPED]
    matches = [*_kinds(systemds), *about, *journal_fields.of_manager(user=user)]
    if DROPPED in kinds:
        matches += ["+", *_kinds([DROPPED]), *about, *journal_fields.of_journald()]
    command = [
        "journalctl", "--quiet", "--output=json", f"--output-fields={_FIELDS}",
        # Without --reverse, the journalctl of systemd 252 shows the oldest lines since a time.
        # It refuses times before the epoch.
        "--reverse", f"--lines={lines}", f"--since=@{max(0.0, since):.6f}",
    ]  # fmt: skip
    shown = _shown([*command, *matches], user=user)
    # Not splitlines(): a field may have U+2028, which is not the end of a line.
    return (Entry(json.loads(line)) for line in reversed(shown.split("\n")) if line)


def of_units(
    units: Sequence[str], kinds: Sequence[str], lines: int, *, user: bool, timeout: float
) -> Iterator[Entry]:
    """Return what systemd logged about ``units`` since the boot, the newest entries first.

    Raises:
        UnreadableError: as from read(); journalctl has ``timeout`` seconds.
    """
    about = [f"{'USER_UNIT' if user else 'UNIT'}={unit}" for unit in units]
    matches = [*_kinds(kinds), *about, *journal_fields.of_manager(user=user)]
    command = ["journalctl", "--quiet", "--output=json", f"--output-fields={_FIELDS}"]
    command += ["--reverse", f"--lines={lines}", "--boot"]
    shown = _shown([*command, *matches], user=user, timeout=timeout)
    return (Entry(json.loads(line)) for line in shown.split("\n") if line)


def newest(
    units: Sequence[str],
    kinds: Sequence[str],
    find: Callable[[list[Entry], bool], Mapping[str, Found]],
    *,
    user: bool,
    timeout: float,
) -> dict[str, Found]:
    """Return what ``find`` finds about each of ``units`` in their newest entries since the boot.

    ``find`` gets entries, the newest first, and whether they are all that there are. We ask
    journalctl once, and again only for the units that it lacks: those that log very often can fill
    an answer. What cannot be told within ``timeout`` seconds is left out.

    Raises:
        UnreadableError: as from read(), at the first question.
    """
    found: dict[str, Found] = {}
    deadline = time.monotonic() + timeout
    while units and (left := deadline - time.monotonic()) > 0:
        lines = min(_MOST, _EACH * len(units))
        try:
            answer = list(of_units(units, kinds, lines, user=user, timeout=left))
        except UnreadableError:
            if found:
                break
            raise
        whole = len(answer) < lines
        found.update(find(answer, whole))
        lacking = [unit for unit in units if unit not in found]
        units = [] if whole or len(lacking) == len(units) else lacking
    return found


def of_run(unit: str, invocation: str, *, until: float, user: bool) -> list[Entry]:
    """Return what systemd logged about one run of ``unit``, and wctl's wrapper, oldest first.

    ``invocation`` is the ID that systemd gave the run (systemd.exec(5), $INVOCATION_ID), and
    ``until`` its end (seconds since the epoch). The wrapper's lines begin in earlier runs:
    journald does not know the ID of a run that RestartMode=direct began.

    Raises:
        UnreadableError: as from read().
    """
    scope = "USER_" if user else ""
    matches = [f"{scope}UNIT={unit}", f"{scope}INVOCATION_ID={invocation}"]
    matches += journal_fields.of_manager(user=user)
    matches += ["+", f"{UNIT_FIELDS[user][-1]}={unit}", "SYSLOG_IDENTIFIER=wctl"]
    command = ["journalctl", "--quiet", "--output=json", f"--output-fields={_FIELDS}"]
    command += ["--reverse", f"--lines={_OF_RUN}", f"--until=@{until + _LATE:.6f}"]
    shown = _shown([*command, *matches], user=user)
    return [Entry(json.loads(line)) for line in reversed(shown.split("\n")) if line]


@dataclass(frozen=True)
class Span:
    """From when to when, and how many of the newest entries; None: no limit."""

    since: int | None = None  # microseconds since the epoch
    until: int | None = None
    lines: int | None = None


def history(
    units: Sequence[str], programs: Sequence[str], span: Span, *, user: bool
) -> Iterator[Entry]:
    """Return what systemd, wctl's wrapper and wctl noted about units and programs, oldest first.

    See by_manager() and by_wctl() for who wrote an entry; all others are the wrapper's, which runs
    as the worker's user.

    Raises:
        UnreadableError: as from read(), or there are too many.
    """
    own = UNIT_FIELDS[user][-1]
    about = [f"{'USER_UNIT' if user else 'UNIT'}={unit}" for unit in units]
    groups = [
        [*_kinds(LIFE), *about, *journal_fields.of_manager(user=user)],
        ["SYSLOG_IDENTIFIER=wctl", *(f"{own}={unit}" for unit in units)],
        [
            "SYSLOG_IDENTIFIER=wctl",
            *(f"WCTL_PROGRAM={name}" for name in programs),
            *journal_fields.of_administrator(user=user),
        ],
    ]
    command = ["journalctl", "--quiet", "--output=json", f"--output-fields={_FIELDS}", "--reverse"]
    lines = _MOST_OF_ALL + 1 if span.lines is None else min(span.lines, _MOST_OF_ALL + 1)
    command += [f"--lines={lines}"]
    for name, moment in (("since", span.since), ("until", span.until)):
        command += [] if moment is None else [f"--{name}=@{moment / 1e6:.6f}"]
    matches = [word for group in groups for word in ("+", *group)][1:]
    shown = _shown([*command, *matches], user=user)
    found = [line for line in shown.split("\n") if line]
    if len(found) > _MOST_OF_ALL:
        many = f"the journal has more than {_MOST_OF_ALL:,} entries about this"
        raise UnreadableError(f"{many}; name instances, or a time with --since and --until")
    return (Entry(json.loads(line)) for line in reversed(found))


def by_manager(entry: Entry, *, user: bool) -> bool:
    """Tell whether the service manager wrote an entry of history()."""
    return _is_by(entry, journal_fields.of_manager(user=user)) and entry["MESSAGE_ID"] in LIFE


def by_wctl(entry: Entry, *, user: bool) -> bool:
    """Tell whether wctl itself wrote an entry of history(), for the owner of the units."""
    trusted = journal_fields.of_administrator(user=user)
    return _is_by(entry, trusted) and entry["WCTL_PROGRAM"] != ""


def _is_by(entry: Entry, matches: Sequence[str]) -> bool:
    return all(entry[name] == value for name, _, value in (each.partition("=") for each in matches))


def _shown(command: Sequence[str], *, user: bool, timeout: float | None = None) -> str:
    timeout = _TIMEOUT if timeout is None else timeout
    answer = commands.ask(command, timeout)
    if answer.code is None:
        raise UnreadableError(f"journalctl has not ended after {timeout:g} seconds")
    found = answer.out or answer.code == commands.NOT_FOUND
    if not found and not user and not journal_rights.may_read():
        # The exit code is 0 if there is a journal of our own.
        raise UnreadableError(journal_rights.NEEDED)
    if answer.code != 0:
        why = answer.err.strip().splitlines() or [f"exit code {answer.code}"]
        raise UnreadableError(f"journalctl: {why[-1].removeprefix('journalctl: ')}")
    return answer.out


def _kinds(kinds: Sequence[str]) -> list[str]:
    return [f"MESSAGE_ID={kind}" for kind in kinds]
