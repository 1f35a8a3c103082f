"""Prints log lines in one of three formats: short, json, cat."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence

import click

from wctl.cli.output import Lines, colours
from wctl.systemd import unit_name
from wctl.systemd.journal import SUPERVISING, Line
from wctl.trust.text import printable

FORMATS = ("short", "json", "cat")

_COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green")
_ERR, _WARNING = 3, 4
_LATE = 0.2  # seconds that a line may wait, so that we write several together


class Printer:
    """Prints lines as bytes, because the output of a worker need not be text."""

    def __init__(self, form: str, units: Sequence[str], *, named: bool) -> None:
        self._form = form
        self._named = named
        self._out = Lines()
        self._colour = colours()
        self._colours = {unit: _COLOURS[i % len(_COLOURS)] for i, unit in enumerate(units)}
        self._second = (0, b"")
        self._flushed = 0.0

    def show(self, line: Line) -> None:
        """Print one line."""
        self._out.write({"short": self._short, "json": _json, "cat": self._cat}[self._form](line))
        # Flush at once if lines come one by one; write them together if they come in thousands.
        now = time.monotonic()
        if now - self._flushed > _LATE:
            self._out.flush()
            self._flushed = now

    def flush(self) -> None:
        """Write out all lines that still wait."""
        self._out.flush()

    def _short(self, line: Line) -> bytes:
        who = self._name(line) if self._named else line.identifier
        head = self._clock(line.time) + self._styled(who, line.unit) + b": "
        return _with(head, [self._coloured(text, line) for text in _texts(line)])

    def _cat(self, line: Line) -> bytes:
        if not self._named:
            return line.data + b"\n"
        return _with(self._styled(self._name(line), line.unit) + b": ", _texts(line))

    def _coloured(self, text: bytes, line: Line) -> bytes:
        if not self._colour or line.priority > _WARNING:
            return text
        start = click.style("", fg="red" if line.priority <= _ERR else "yellow", reset=False)
        return start.encode() + text + b"\x1b[0m"

    def _name(self, line: Line) -> str:
        name = _instance(line)
        return f"{name} {line.identifier}" if line.identifier in SUPERVISING else name

    def _styled(self, name: str, unit: str) -> bytes:
        return _styled(name, self._colours.get(unit) if self._colour else None)

    def _clock(self, microseconds: int) -> bytes:
        second, rest = divmod(microseconds, 1_000_000)
        if second != self._second[0]:
            text = time.strftime("%b %d %H:%M:%S", time.localtime(second))
            self._second = second, text.encode()
        return self._second[1] + b".%03d " % (rest // 1000)


class FileLines:
    """Prints pieces of log files; if there are several, each line names its instance.

    A line of its own, such as tail(1) prints between files, could come from a worker.
    """

    def __init__(self, *, named: bool) -> None:
        self._named = named
        self._out = Lines()
        self._colour = colours()
        self._colours: dict[str, str] = {}
        self._who: str | None = None  # whose line is unfinished

    def write(self, who: str, data: bytes) -> None:
        """Print ``data``, which comes from a log file of ``who``."""
        if not self._named:
            self._out.write(data)
            return
        head = self._head(who)
        begin = b"" if self._who in (None, who) else b"\n"
        if self._who != who:
            begin += head
        whole = data.endswith(b"\n")
        lines = data[:-1] if whole else data
        self._out.write(begin + lines.replace(b"\n", b"\n" + head) + (b"\n" if whole else b""))
        self._who = None if whole else who

    def flush(self) -> None:
        """Write out what still waits."""
        self._out.flush()

    def _head(self, who: str) -> bytes:
        colour = self._colours.setdefault(who, _COLOURS[len(self._colours) % len(_COLOURS)])
        return _styled(who, colour if self._colour else None) + b": "


def _styled(name: str, colour: str | None) -> bytes:
    name = printable(name)
    if colour is not None:
        name = click.style(name, fg=colour)
    return name.encode(errors="replace")


def _with(head: bytes, texts: Iterable[bytes]) -> bytes:
    """Put ``head`` before each line of a message, so that none passes for another instance's."""
    return b"".join(head + text + b"\n" for text in texts)


def _texts(line: Line) -> list[bytes]:
    return line.data.split(b"\n")


def _instance(line: Line) -> str:
    return unit_name.shown(unit_name.short(line.unit))


def _json(line: Line) -> bytes:
    second, rest = divmod(line.time, 1_000_000)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
    record = {
        "time": f"{moment}.{rest:06d}Z",
        "instance": _instance(line),
        "stream": line.stream or None,
        "identifier": line.identifier,
        "priority": line.priority,
        "pid": line.pid or None,
        "message": line.text,
    }
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"
