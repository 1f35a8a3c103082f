"""What processes wrote: their log files, or the journal where they have none."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from wctl.api.faults import Code, Fault, Result
from wctl.api.names import Member
from wctl.api.processes import Processes
from wctl.errors import WctlError
from wctl.operate import file_tail, log_files
from wctl.operate.file_tail import FileTail
from wctl.operate.log_files import LogFile
from wctl.session.session import Session
from wctl.systemd import journal, journal_rights, journal_tail
from wctl.systemd.journal import SUPERVISING, Line

_WINDOW = 1 << 20  # bytes at the end of the journal, in which offsets count from its beginning
_FOLLOWED = 1024  # bytes with which supervisord begins a log that is followed
_LEVELS = ("CRIT", "CRIT", "CRIT", "ERRO", "WARN", "INFO", "INFO", "DEBG")  # by syslog(3)'s level


class Logs:
    """The logs of processes, and what systemd and wctl noted about them."""

    def __init__(self, session: Session, processes: Processes) -> None:
        self._session = session
        self._processes = processes

    def read(self, name: str, stream: str, offset: int, length: int) -> Iterator[bytes]:
        """Yield ``length`` bytes (0: all) of a stream from ``offset`` on; the last for a minus.

        A file comes in pieces: it may be larger than the memory.

        Raises:
            Fault: BAD_NAME, NO_FILE or FAILED.
        """
        member = self._processes.member(name)
        file = self._file(member, stream)
        if file is None or not os.path.lexists(file.path):
            data = _end(self._query(member, stream), offset, length)
            if file is not None and not data:  # nothing was written yet
                raise Fault(Code.NO_FILE, name)
            yield _found(data, user=self._session.user)
            return
        try:
            with FileTail(file) as tail:
                if offset < 0:
                    yield from tail.last_bytes(-offset)
                else:
                    yield from tail.between(offset, offset + length if length else None)
        except OSError:
            raise Fault(Code.FAILED, name) from None

    def follow(self, name: str, stream: str, idle: Callable[[], None]) -> Iterator[bytes]:
        """Yield the end of a stream, and then what comes, for ever; call ``idle`` before a wait.

        Raises:
            Fault: BAD_NAME, NO_FILE or FAILED.
        """
        member = self._processes.member(name)
        file = self._file(member, stream)
        if file is None or not os.path.lexists(file.path):
            query = self._query(member, stream)
            lines = journal_tail.last_bytes(query, _FOLLOWED).count(b"\n")
            for line in journal.reader().read(query, lines, idle=idle):
                yield line.data + b"\n"
            return
        try:
            with FileTail(file) as tail:
                yield from tail.last_bytes(_FOLLOWED)
                idle()
                for _, data in file_tail.follow([tail]):
                    yield data
                    idle()
        except OSError:
            raise Fault(Code.FAILED, name) from None

    def clear(self, name: str) -> None:
        """Empty the log files of a process; the journal keeps its lines.

        Raises:
            Fault: BAD_NAME or FAILED.
        """
        for result in self._cleared([self._processes.member(name)]):
            if result.code is not Code.SUCCESS:
                raise Fault(result.code, name)

    def clear_all(self) -> list[Result]:
        """Empty the log files of all processes."""
        return self._cleared(self._processes.names().members)

    def main(self, offset: int, length: int) -> bytes:
        """Return a part of what systemd and wctl noted about all processes, as read() does.

        Raises:
            Fault: NO_FILE: there is no process.
        """
        data = _end(self._about(), offset, length, _noted)
        return _found(data, user=self._session.user)

    def follow_main(self, idle: Callable[[], None]) -> Iterator[bytes]:
        """Yield the end of main(), and then what comes, for ever; call ``idle`` before a wait.

        Raises:
            Fault: NO_FILE: there is no process.
        """
        query = self._about()
        lines = journal_tail.last_bytes(query, _FOLLOWED, _noted).count(b"\n")
        for line in journal.reader().read(query, lines, idle=idle):
            yield _noted(line)

    def _file(self, member: Member, stream: str) -> LogFile | None:
        """Return the log file of a stream; None if its lines are in the journal alone.

        If the file does not exist, the journal may have the lines.

        Raises:
            Fault: NO_FILE: nothing is kept, or another stream has the lines.
        """
        unit = member.instance.unit
        (place,) = log_files.of_units(self._session.manager, [unit])
        if stream in place.absent:
            raise Fault(Code.NO_FILE, member.full)
        own = [file for file in place.files if file.stream == stream and not file.spare]
        if not place.journal and not place.present(stream):
            raise Fault(Code.NO_FILE, member.full)
        return own[0] if own else None

    def _cleared(self, members: Sequence[Member]) -> list[Result]:
        units = [member.instance.unit for member in members]
        results = []
        for member, place in zip(members, log_files.of_units(self._session.manager, units)):
            code = Code.SUCCESS
            try:
                place.clear()
            except OSError:
                code = Code.FAILED
            results.append(Result(member.group, member.name, code))
        return results

    def _query(self, member: Member, stream: str) -> journal.Query:
        units = (member.instance.unit,)
        return journal.Query(units, user=self._session.user, stream=stream, output=True)

    def _about(self) -> journal.Query:
        members = self._processes.names().members
        if not members:
            raise Fault(Code.NO_FILE)
        units = tuple(member.instance.unit for member in members)
        query = journal.Query(units, user=self._session.user, about=True)
        return replace(query, programs=tuple(sorted({one.program.name for one in members})))


def _end(
    query: journal.Query,
    offset: int,
    length: int,
    form: Callable[[Line], bytes] = journal_tail.as_written,
) -> bytes:
    """Return the last bytes in the journal for an ``offset`` below 0; else a part of its window."""
    if offset < 0:
        return journal_tail.last_bytes(query, -offset, form)
    data = journal_tail.last_bytes(query, _WINDOW, form)
    return data[offset : offset + length if length else None]


def _found(data: bytes, *, user: bool) -> bytes:
    """Return what was in the journal; that of a ``user`` is readable to that user.

    Raises:
        WctlError: there is nothing, and we may not read the journal.
    """
    if not (data or user or journal_rights.may_read()):
        raise WctlError(f"the journal shows nothing; {journal_rights.NEEDED}")
    return data


def _noted(line: Line) -> bytes:
    """Return a message as lines of supervisord's log.

    A worker's user may send messages as wctl's, and the journal's reader gives them the name of the
    instance. We show the name, and begin each line of a message anew, so that none passes for
    what systemd says about another instance.
    """
    second, rest = divmod(line.time, 1_000_000)
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
    level = _LEVELS[min(line.priority, len(_LEVELS) - 1)]
    who = "" if line.identifier in SUPERVISING else f"{line.identifier}: "
    head = f"{moment},{rest // 1000:03d} {level} {who}".encode(errors="replace")
    return b"".join(head + text + b"\n" for text in line.data.split(b"\n"))
