"""Findings about the queues of Symfony's Messenger, from the application's own console.

They concern programs that run messenger:consume. We silently skip commands that the application
lacks: an older Symfony has no messenger:stats, an application without Doctrine no dbal:run-sql.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial

from wctl.config import consoles, frameworks
from wctl.config.model import Program
from wctl.doctor import queues
from wctl.doctor.finding import Finding, printed
from wctl.doctor.queues import Counts
from wctl.doctor.runner import Runner
from wctl.doctor.usage import cpu
from wctl.doctor.workers import ExaminedProgram
from wctl.systemd.manager import Manager
from wctl.trust.commands import CANNOT_RUN, Answer

_MISSING = re.compile(r"is not defined|no commands defined|option does not exist")
_DAY = 86_400  # seconds; no time zone is farther from UTC
_LONGEST = 60  # seconds that a message may take even if stopwaitsecs is less

_OTHER = "table:"  # prefix that tells names of Doctrine's queues from transports
_UPDATE = "UPDATE messenger_messages"
_ROWS = (
    "SELECT queue_name, delivered_at, MIN(id) AS oldest, COUNT(*) AS number,"
    " MIN(available_at) AS since FROM messenger_messages GROUP BY queue_name, delivered_at"
)
# Blanks and bars are never part of a name, as in queues.py; numbers are MySQL's BIGINT at most.
_ROW = re.compile(
    r"[ |]*([^\s|]+)[ |]+(?:([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8})[^\s|]*[ |]+|NULL[ |]+)?"
    r"([0-9]{1,20})[ |]+([0-9]{1,20})[ |]+([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8})"
)
_PHP = 'echo json_encode(["pcntl" => function_exists("pcntl_signal"), "zone" => date("Z")]);'


@dataclass(frozen=True)
class Console:
    """The console of a Symfony application, and the transports that a worker consumes."""

    command: tuple[str, ...]
    transports: tuple[str, ...]
    php: str = "php"  # the PHP interpreter


@dataclass(frozen=True)
class Rows:
    """Messages of one queue in Doctrine's table that all wait, or were taken at the same moment."""

    queue: str
    delivered: str | None  # when they were taken, as the database writes times; None: they wait
    oldest: int  # the lowest id
    number: int
    since: str  # the earliest moment from which a worker may take one


@dataclass(frozen=True)
class Php:
    """What PHP says about itself."""

    pcntl: bool  # whether it has pcntl_signal()
    zone: float  # seconds by which its time zone is east of UTC


def php(text: str) -> Php | None:
    """Return what the answer to _PHP says; None if it is none.

    Its text is the application's: a php.ini, or another program of that name, can print anything.
    """
    try:
        found = json.loads(text)
        answer = Php(bool(found["pcntl"]), float(found["zone"]))
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
        return None
    return answer if abs(answer.zone) <= _DAY else None


def rows(text: str) -> list[Rows]:
    """Return the rows of the table that dbal:run-sql prints for _ROWS."""
    found = filter(None, map(_ROW.match, queues.lines(text)))
    return [Rows(row[1], row[2] or None, int(row[3]), int(row[4]), row[5]) for row in found]


def console_of(program: Program) -> Console | None:
    """Return the console with which ``program`` runs messenger:consume, None if it does not."""
    worker = consoles.of(program)
    if worker is None or worker.console.title != "Messenger" or worker.call.in_shell:
        return None  # where a shell runs the console, nobody knows its directory
    words = frameworks.words(program)
    command = words[: len(words) - len(worker.arguments) - 1]
    interpreter = worker.call.interpreter or ("php",)
    return Console(command, worker.operands, interpreter[0])


class Messenger:
    """The Messenger queues of one program."""

    def __init__(
        self, runner: Runner, console: Console, examined: ExaminedProgram, manager: Manager
    ):
        self._runner = runner
        self._console = console
        self._examined = examined
        self._manager = manager
        self._name = runner.program.name
        self._zone = 0.0  # seconds by which PHP's time zone is east of UTC

    def findings(self, seconds: float, consumed: frozenset[str]) -> Iterator[Finding]:
        """Yield all findings, after watching the queues for ``seconds``.

        ``consumed`` has the transports that the programs of this machine consume.
        """
        answer = self._runner.run([self._console.php, "-r", _PHP])
        if answer.code in CANNOT_RUN:
            return  # "wctl check" reports the missing command; without PHP there are no answers
        yield from self._interpreter(answer)
        if self._runner.program.health_command is None:
            unreachable = list(self._database())
            if unreachable:
                yield from unreachable
                return
        rows = self._rows()
        stuck = self._stuck(rows)
        yield from self._reported(stuck)
        if self._runner.program.queue_command is None:
            try:
                yield from self._queues(seconds, consumed, rows, stuck)
            except queues.NotCountedError as error:
                remedy = self._runner.shown(self._words("messenger:stats"))
                yield queues.not_counted(self._runner, "messenger:stats", remedy, error)

    # ---- the application -----------------------------------------------------------------

    def _interpreter(self, answer: Answer) -> Iterator[Finding]:
        found = php(answer.out)
        if found is None:
            return  # not PHP, or so broken that the worker's own state shows it
        self._zone = found.zone
        if not found.pcntl:
            what = (
                "its PHP has no pcntl_signal(), so a stop kills the worker while it handles a"
                " message; install pcntl, or remove pcntl_signal from disable_functions"
            )
            name = self._console.php
            remedy = f"{name} --ri pcntl; {name} -i | grep disable_functions"
            evidence = (f"{name} -r 'function_exists(\"pcntl_signal\")': false",)
            yield Finding("pcntl-missing", self._name, what, evidence, remedy)

    def _database(self) -> Iterator[Finding]:
        words = self._words("dbal:run-sql", "SELECT 1")
        answer = self._runner.run(words)
        if answer.code == 0 or _MISSING.search(answer.out + answer.err):
            return
        ending = queues.ending(answer, self._runner.timeout)
        what = "its database does not answer; start it, then run the command below again"
        evidence = (f"dbal:run-sql {ending}", *_message(answer))
        yield Finding("health", self._name, what, evidence, self._runner.shown(words))

    # ---- Doctrine's table ----------------------------------------------------------------

    def _rows(self) -> list[Rows]:
        answer = self._runner.run(self._words("dbal:run-sql", _ROWS))
        return rows(answer.out) if answer.code == 0 else []

    def _stuck(self, rows: list[Rows]) -> list[Rows]:
        """Return the messages that were taken so long ago that their worker is gone, or hangs."""
        longest = max(self._runner.program.stopwaitsecs, _LONGEST)
        return [
            row for row in rows if row.delivered is not None and self._age(row.delivered) > longest
        ]

    def _age(self, text: str) -> float:
        """Return the seconds since a moment in the database: the fewest that it may mean.

        Doctrine's transport writes UTC since Symfony 6.4, and wrote PHP's local time before.
        """
        try:
            moment = datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()
        except ValueError:
            return 0.0  # MySQL has a date of zeros
        return time.time() - max(moment, moment - self._zone)

    def _reported(self, stuck: list[Rows]) -> Iterator[Finding]:
        by_queue: dict[str, list[Rows]] = {}
        for row in stuck:
            by_queue.setdefault(row.queue, []).append(row)
        for queue, mine in sorted(by_queue.items()):
            number = sum(row.number for row in mine)
            oldest, newest = (pick(str(row.delivered) for row in mine) for pick in (min, max))
            what = (
                "messages are stuck: a worker took them and crashed, or hangs, and no other worker"
                " may take them; release them"
            )
            evidence = (f"queue {queue}: {number} taken, the first at {oldest}",)
            taken = f"queue_name = {_sql(queue)} AND delivered_at <= {_sql(newest)}"
            sql = f"{_UPDATE} SET delivered_at = NULL WHERE {taken}"
            remedy = self._runner.shown(self._words("dbal:run-sql", sql))
            yield Finding("messages-stuck", self._name, what, evidence, remedy)

    # ---- queues --------------------------------------------------------------------------

    def _queues(
        self, seconds: float, consumed: frozenset[str], rows: list[Rows], stuck: list[Rows]
    ) -> Iterator[Finding]:
        read = self._reader()
        if read is None:
            return
        counts = read()
        failed = self._failure_transports(counts)
        yield from self._failed(counts, failed)
        units = [process.unit for process in self._examined.running()]
        table = {row.queue for row in rows}
        taken = {row.queue for row in rows if row.delivered and row not in stuck}
        busy = handled(counts, table, taken)
        strange = self._strange(counts, rows)
        if strange:  # the queue may have grown before it was counted: read the table again
            strange &= self._strange(counts, self._rows())
        if not units or not (strange or any(counts[name] for name in counts if name not in failed)):
            return
        begun = cpu(self._manager, units)
        still = queues.standing(lambda: self._with_strange(read, strange), seconds)
        used = cpu(self._manager, units) - begun
        now = read() if strange else {}  # once: whoever fills the table may invent many queues
        known = consumed | failed
        for queue in still:
            if queue.name.startswith(_OTHER):
                yield self._wrong_queue(queue, now, table - strange)
            elif queue.name in self._console.transports and queue.name not in busy:
                look = self._runner.shown(self._words("messenger:stats"))
                yield queues.not_moving(self._examined, queue, used, look)
            elif queue.name not in known:
                yield self._unconsumed(queue)

    def _reader(self) -> Callable[[], Counts] | None:
        """Return a function that counts the messages of each transport; None if counting fails."""
        for options, parser in ((("--format=json",), queues.parse), ((), queues.parse_table)):
            words = self._words("messenger:stats", *options)
            try:
                self._counted(words, parser)
            except queues.NotCountedError:
                continue
            return partial(self._counted, words, parser)
        return None

    def _counted(self, words: Sequence[str], parser: Callable[[str], Counts]) -> Counts:
        return queues.counted(self._runner.run(words), parser)

    def _failure_transports(self, counts: Counts) -> set[str]:
        answer = self._runner.run(self._words("debug:config", "framework", "messenger"))
        named = set(re.findall(r"failure_transport: *'?([\w.-]+)", answer.out)) - {"null"}
        return named & set(counts) or {name for name in counts if "fail" in name}

    def _failed(self, counts: Counts, failed: set[str]) -> Iterator[Finding]:
        for name in sorted(failed):
            if counts[name] and name not in self._console.transports:
                what = "messages have failed for good; look at them, then retry or remove them"
                evidence = (f"transport {name}: {counts[name]} messages",)
                remedy = self._runner.shown(self._words("messenger:failed:show"))
                yield Finding("messages-failed", self._name, what, evidence, remedy)

    def _strange(self, counts: Counts, rows: list[Rows]) -> set[str]:
        """Return the queues of Doctrine's table that no transport reads."""
        waiting = {
            row.queue: row.number
            for row in rows
            if row.delivered is None and self._age(row.since) > 0
        }
        return unread(counts, waiting)

    def _with_strange(self, read: Callable[[], Counts], strange: set[str]) -> Counts:
        counts = dict(read())
        if strange:
            for row in self._rows():
                if row.delivered is None and row.queue in strange:
                    counts[_OTHER + row.queue] = row.number
        return counts

    def _wrong_queue(self, queue: queues.Standing, counts: Counts, read: set[str]) -> Finding:
        """Return the finding about a queue of the table; transports read the queues in ``read``."""
        name = queue.name[len(_OTHER) :]
        transports = self._console.transports
        own = ", ".join(f"{transport}: {counts.get(transport, 0)}" for transport in transports)
        what = (
            f"messages wait in the queue {name}, which no transport reads; give the transports of"
            " sender and worker the same queue_name, or move the messages"
        )
        evidence = (f"queue {name}: {queue.last} messages", f"this worker consumes {own}")
        right = queue_of(transports[0], counts, read) if transports else None
        sql = f"{_UPDATE} SET queue_name = {_sql(right or '')} WHERE queue_name = {_sql(name)}"
        words = ("dbal:run-sql", sql) if right else ("debug:config", "framework", "messenger")
        remedy = self._runner.shown(self._words(*words))
        return Finding("wrong-queue", self._name, what, evidence, remedy)

    def _unconsumed(self, queue: queues.Standing) -> Finding:
        own = ", ".join(self._console.transports)
        what = f"messages wait in the transport {queue.name}, which no program here consumes"
        evidence = (queue.evidence, f"this worker consumes {own}")
        consume = self._words("messenger:consume", queue.name, f"--limit={queue.last}")
        return Finding("wrong-queue", self._name, what, evidence, self._runner.shown(consume))

    def _words(self, *words: str) -> list[str]:
        return [*self._console.command, *words, "--no-ansi", "--no-interaction"]


def unread(counts: Counts, waiting: Counts) -> set[str]:
    """Return the queues in ``waiting`` that none of the transports in ``counts`` reads.

    A transport and its queue may have different names. But a transport never counts more messages
    than wait in its queue.
    """
    named = {queue for queue, number in waiting.items() if 0 < counts.get(queue, 0) <= number}
    free = sorted(count for name, count in counts.items() if count and name not in named)
    strange, taken = set(), 0  # how many of the free transports have a queue, lowest counts first
    for number, queue in sorted((waiting[queue], queue) for queue in waiting.keys() - named):
        if taken < len(free) and free[taken] <= number:
            taken += 1
        else:
            strange.add(queue)
    return strange


def handled(counts: Counts, table: set[str], taken: set[str]) -> set[str]:
    """Return the transports of which a worker may handle a message at this moment.

    ``table`` has the queues of Doctrine's table, and ``taken`` those from which workers have taken
    messages. A queue without a transport of its name may be that of any transport in ``counts``
    without a queue of its name.
    """
    nameless = counts.keys() - table if taken - counts.keys() else set()
    return (taken & counts.keys()) | nameless


def queue_of(transport: str, counts: Counts, read: set[str]) -> str | None:
    """Return the queue of a transport, among those that transports ``read``; None if unclear.

    If nothing waits there, nothing tells the queue from one with the transport's name.
    """
    if transport in read or not counts.get(transport):
        return transport
    others = read - counts.keys()
    return others.pop() if len(others) == 1 else None


def _sql(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _message(answer: Answer) -> tuple[str, ...]:
    """Return the error message of a Symfony console, without "In FILE line N:" and usage."""
    lines = [line.strip() for line in answer.lines]
    return printed(line for line in lines if line and not line.startswith(("In ", "dbal:run-sql")))


def consumed(programs: Iterable[Program]) -> frozenset[str]:
    """Return the transports that ``programs`` consume."""
    consoles = (console_of(program) for program in programs)
    return frozenset(name for console in consoles if console for name in console.transports)
