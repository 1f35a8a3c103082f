"""Messages in the journal: those that workers wrote, and those about workers.

wctl reads the journal through systemd-python, or through journalctl without that library.
"""

from __future__ import annotations

import json
import re
import select
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from wctl.errors import WctlError
from wctl.systemd import journal_fields, unit_name
from wctl.systemd.journal_fields import UNIT_FIELDS
from wctl.trust import commands
from wctl.wrapper import journald

_INFO = 6
_CHUNK = 1 << 16  # bytes
_LONGEST = 1 << 20  # bytes of a message; journald cuts the lines of a stream at 48 KiB
_LONGEST_NOTE = 8 << 10  # bytes; a note has two paths at most
_CUT = " … (longer than 1 MiB; 'wctl logs -o json' shows all)".encode()
SUPERVISING = ("systemd", "wctl")  # identifiers; they begin a note with the unit, or name it
_IDENTIFIER = "SYSLOG_IDENTIFIER"
# stdout has any facility but stderr's: the administrator may choose one (SyslogFacility=).
_STDOUT = tuple(facility for facility in range(24) if facility != journald.USER)
_FIELDS = (_IDENTIFIER, "MESSAGE", "PRIORITY", "SYSLOG_FACILITY", "_TRANSPORT", "_PID", "_UID")
_PROGRAM = "WCTL_PROGRAM"  # the field of the notes that "wctl scale" and others write (log.py)


@dataclass(frozen=True)
class Line:
    """One message."""

    unit: str  # or the program's name, if the message is about all of its instances
    data: bytes
    time: int  # microseconds since the epoch
    priority: int
    pid: int
    stream: str  # stdout or stderr; "" if the message came through neither
    identifier: str

    @property
    def text(self) -> str:
        """The message as text; a replacement character stands for bytes that are not UTF-8."""
        return self.data.decode(errors="replace")


@dataclass(frozen=True)
class Query:
    """Which messages to read: those that ``units`` wrote, or with ``about`` those about them."""

    units: tuple[str, ...]
    user: bool = False
    about: bool = False
    events: bool = False  # both what they wrote, and what is about them
    programs: tuple[str, ...] = ()  # with about or events
    stream: str | None = None
    output: bool = False  # only stdout and stderr, and no messages of wctl itself
    notes: bool = False  # only messages of wctl itself
    priority: int | None = None
    since: int | None = None  # microseconds since the epoch
    until: int | None = None
    grep: re.Pattern[bytes] | None = field(default=None)

    def groups(self) -> list[tuple[str, ...]]:
        """Return groups of matches: a message needs a listed value for each field of one group."""
        own = UNIT_FIELDS[self.user][-1]
        units = tuple(f"{own}={unit}" for unit in self.units)
        wctl = f"{_IDENTIFIER}=wctl"
        if self.notes:
            return [(wctl, *units)]
        own_lines = [units, *([self._of_children()] if self.user else [])]
        own_lines = [(*group, *self._stream()) for group in own_lines]
        groups = [*([] if self.about else own_lines), *self._groups_about(units)]
        return [(*group, *self._priorities()) for group in groups]

    def _groups_about(self, units: tuple[str, ...]) -> list[tuple[str, ...]]:
        if not (self.about or self.events):
            return []
        wctl = f"{_IDENTIFIER}=wctl"
        trusted = journal_fields.of_administrator(user=self.user)
        groups = [(wctl, *units)]
        for name in UNIT_FIELDS[self.user][:-1]:
            groups.append((*trusted, *(f"{name}={unit}" for unit in self.units)))
        if self.programs:
            groups.append((*trusted, wctl, *(f"{_PROGRAM}={name}" for name in self.programs)))
        return groups

    def _of_children(self) -> tuple[str, ...]:
        """Return the matches for lines of processes that were gone before journald looked.

        journald takes the unit of a stream only from the system manager. For user units it looks at
        the process that wrote, which may be gone. The stream's identifier stays, so match that.
        """
        names = (unit_name.short(unit) for unit in self.units)
        own = journal_fields.of_administrator(user=True)
        return (*own, "_TRANSPORT=stdout", *(f"{_IDENTIFIER}={name}" for name in names))

    def _stream(self) -> tuple[str, ...]:
        if not (self.output or self.stream):
            return ()
        facilities = {None: (), "stderr": (journald.USER,), "stdout": _STDOUT}[self.stream]
        return ("_TRANSPORT=stdout", *(f"SYSLOG_FACILITY={facility}" for facility in facilities))

    def _priorities(self) -> tuple[str, ...]:
        most = -1 if self.priority is None else self.priority
        return tuple(f"PRIORITY={priority}" for priority in range(most + 1))

    def trusts(self, writer: bytes | None) -> bool:
        """Tell whether the user who wrote a message (_UID) may say which unit it is about."""
        trusted = journal_fields.of_administrator(user=self.user)[0]
        return writer is not None and f"_UID={writer.decode()}" == trusted

    def names(self, writer: bytes | None) -> tuple[str, ...]:
        """Return the fields that may name the unit of a message, the most significant first."""
        *about, own = UNIT_FIELDS[self.user]
        believed = (self.about or self.events) and self.trusts(writer)
        return (*about, _PROGRAM, own) if believed else (own,)

    def wants(self, line: Line) -> bool:
        """Tell whether ``line`` passes the filters that no match in the journal can express."""
        if (self.output or self.stream) and line.identifier == "wctl":
            return False
        return self.grep is None or self.grep.search(line.data) is not None


class Reader(Protocol):
    """A way to read the journal."""

    def read(
        self, query: Query, count: int | None, *, idle: Callable[[], None] | None = None
    ) -> Iterator[Line]:
        """Yield the last ``count`` messages (None: all).

        With ``idle`` go on with every new message, and call ``idle`` before each wait for more.
        """


def reader(longest: int | None = _LONGEST) -> Reader:
    """Return the best reader of the journal that is installed.

    It cuts messages longer than ``longest`` bytes: a worker may send messages of any size.
    """
    try:
        # systemd.journal, the public module, imports half of the standard library and converts
        # every field.
        from systemd import _reader
    except ImportError:
        return Journalctl(longest)
    return Native(_reader, longest)


def last(
    unit: str, count: int, *, user: bool, since: float, until: float | None = None
) -> list[Line]:
    """Return the last ``count`` lines of ``unit``, with the lines that wctl wrote in between.

    Lines before ``since`` or after ``until`` (seconds since the epoch) are left out.
    """
    end = None if until is None else int(until * 1_000_000)
    query = Query((unit,), user=user, since=int(since * 1_000_000), until=end)
    return list(reader().read(query, count))


def notes(units: Sequence[str], since: float, *, user: bool) -> Iterator[Line]:
    """Yield what the wrappers of ``units`` noted since ``since`` (seconds since the epoch)."""
    query = Query(tuple(units), user=user, notes=True, since=int(since * 1_000_000))
    return reader(_LONGEST_NOTE).read(query, None) if units else iter(())


class Native:
    """Read the journal through systemd-python."""

    def __init__(self, module: Any, longest: int | None) -> None:
        self._reader = module._Reader(flags=1)  # SD_JOURNAL_LOCAL_ONLY
        self._longest = longest
        # The library cuts only what it decompresses (sd_journal_set_data_threshold(3)).
        self._reader.data_threshold = 2 * longest if longest else 0  # 0: all

    def read(
        self, query: Query, count: int | None, *, idle: Callable[[], None] | None = None
    ) -> Iterator[Line]:
        """Yield the last ``count`` messages, then new ones."""
        reader = self._reader
        for index, group in enumerate(query.groups()):
            if index:
                reader.add_disjunction()
            for match in group:
                reader.add_match(match)
        if idle is not None:
            reader.fileno()  # arms the notification before we reach the end
        there = self._go_back(query, count) if count is not None else self._go_to(query.since)
        yield from self._forward(query, there)
        while idle is not None:
            idle()
            self._wait()
            yield from self._forward(query, False)

    def _go_to(self, since: int | None) -> bool:
        if since is None:
            self._reader.seek_head()
        else:
            self._reader.seek_realtime(since)
        return False

    def _go_back(self, query: Query, count: int) -> bool:
        """Go to the ``count``-th message from the end; tell whether the reader is at a message."""
        reader = self._reader
        if query.until is None:
            reader.seek_tail()
        else:
            reader.seek_realtime(query.until + 1)
        there = False
        while reader._previous(1):
            there = True
            if query.since is not None and reader._get_realtime() < query.since:
                return False
            if count <= 0:
                return False
            line = self._line(query)
            count -= line is not None and query.wants(line)
            if count == 0:
                return True
        if not there:
            reader.seek_head()
        return there

    def _forward(self, query: Query, there: bool) -> Iterator[Line]:
        while there or self._reader._next(1):
            there = False
            if query.until is not None and self._reader._get_realtime() > query.until:
                return
            line = self._line(query)
            if line is not None and query.wants(line):
                yield line

    def _line(self, query: Query) -> Line | None:
        try:
            if query.grep is not None and not query.grep.search(self._get("MESSAGE") or b""):
                return None  # most lines of a search end here: the other fields cost more
            values = {name: self._get(name) for name in _FIELDS}
            units = map(self._get, query.names(values["_UID"]))
            unit = next((unit for unit in units if unit is not None), None)
            line = _line(values, unit, self._reader._get_realtime(), self._longest)
            return line if query.trusts(values["_UID"]) else _without_forgery(line)
        except OSError:
            return None  # journald was killed while it wrote this entry

    def _get(self, name: str) -> bytes | None:
        try:
            value: bytes = self._reader._get(name)
        except KeyError:
            return None
        return value

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._reader.fileno(), self._reader.get_events())
        poll.poll(self._reader.get_timeout_ms())
        self._reader.process()


class Journalctl:
    """Read the journal through journalctl, if systemd-python is not installed."""

    def __init__(self, longest: int | None) -> None:
        self._longest = longest

    def read(
        self, query: Query, count: int | None, *, idle: Callable[[], None] | None = None
    ) -> Iterator[Line]:
        """Yield the last ``count`` messages, then new ones."""
        newest: list[str] = []
        if count is None:
            yield from self._run(query, newest, *_span(query))
        else:
            lines = []
            # Read backwards, and no further than needed.
            for line in self._run(query, newest, "--reverse", *_span(query)) if count else ():
                lines.append(line)
                if len(lines) == count:
                    break
            yield from reversed(lines)
        if idle is not None:
            cursor = [f"--after-cursor={newest[0]}", "--no-tail"] if newest else ["--lines=0"]
            yield from self._run(query, [], "--follow", *cursor, idle=idle)

    def _run(
        self,
        query: Query,
        newest: list[str],
        *options: str,
        idle: Callable[[], None] = lambda: None,
    ) -> Iterator[Line]:
        command = ["journalctl", "--quiet", "--all", "--output=json", *options]
        for index, group in enumerate(query.groups()):
            command += ["+"] if index else []
            command += group
        try:
            process = commands.stream(command)
        except FileNotFoundError:
            raise WctlError("journalctl is not installed") from None
        with process:
            assert process.stdout is not None
            try:
                for text in _lines(process.stdout.fileno(), idle):
                    entry = json.loads(text)
                    if not newest or "--reverse" not in options:
                        newest[:] = [entry["__CURSOR"]]
                    line = _line_of_json(entry, query, self._longest)
                    if query.wants(line):
                        yield line
            finally:
                process.terminate()  # the caller may not want the rest


def _lines(fd: int, idle: Callable[[], None]) -> Iterator[bytes]:
    """Yield the lines that come from ``fd``; call ``idle`` before each wait for more."""
    import os

    pieces: list[bytes] = []  # of a line that has not ended yet
    idle()
    while data := os.read(fd, _CHUNK):
        end, *others = data.split(b"\n")
        pieces.append(end)
        if others:
            yield b"".join(pieces)
            yield from others[:-1]
            pieces = others[-1:]
        idle()


def _span(query: Query) -> list[str]:
    bounds = (("since", query.since), ("until", query.until))
    return [f"--{name}=@{bound / 1_000_000:.6f}" for name, bound in bounds if bound is not None]


def _line_of_json(entry: dict[str, Any], query: Query, longest: int | None) -> Line:
    values = {name: _bytes(entry.get(name)) for name in _FIELDS}
    names = [name for name in query.names(values["_UID"]) if name in entry]
    unit = _bytes(entry[names[0]]) if names else None
    line = _line(values, unit, int(entry["__REALTIME_TIMESTAMP"]), longest)
    return line if query.trusts(values["_UID"]) else _without_forgery(line)


def _bytes(value: Any) -> bytes | None:
    """Return the bytes of a field in journalctl's JSON, which has numbers for binary data."""
    if isinstance(value, list):
        return _bytes(value[0]) if value and isinstance(value[0], (str, list)) else bytes(value)
    return None if value is None else str(value).encode()


def _line(
    values: dict[str, bytes | None], unit: bytes | None, time: int, longest: int | None
) -> Line:
    message = values["MESSAGE"] or b""
    if longest is not None and len(message) > longest:
        message = message[:longest] + _CUT
    source = ""
    if values["_TRANSPORT"] == b"stdout":
        stderr = values["SYSLOG_FACILITY"] == str(journald.USER).encode()
        source = "stderr" if stderr else "stdout"
    if unit is None:  # see Query._of_children
        unit = (values[_IDENTIFIER] or b"") + b".service"
    return Line(
        unit=unit.decode(errors="replace"),
        data=message,
        time=time,
        priority=_number(values["PRIORITY"], _INFO),
        pid=_number(values["_PID"], 0),
        stream=source,
        identifier=(values[_IDENTIFIER] or b"").decode(errors="replace"),
    )


def _without_forgery(line: Line) -> Line:
    """Return a line of a worker's user under its own instance's name, if it is called another's.

    The user may call it wctl's or systemd's. The notes of a wrapper have one line, which begins
    with its unit.
    """
    own = (f"{line.unit}: ".encode(), b"wctl worker: ")
    note = line.identifier == "wctl" and line.data.startswith(own) and b"\n" not in line.data
    if note or line.identifier not in SUPERVISING:
        return line
    return replace(line, identifier=unit_name.short(line.unit))


def _number(value: bytes | None, default: int) -> int:
    return int(value[:9]) if value is not None and value.isdigit() else default
