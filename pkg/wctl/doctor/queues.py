"""Whether queues move: we sample how many messages wait, for some seconds."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from wctl.doctor.finding import Finding, printed
from wctl.doctor.runner import Runner
from wctl.doctor.usage import cpu
from wctl.doctor.workers import ExaminedProgram
from wctl.systemd.manager import Manager
from wctl.trust.commands import CANNOT_RUN, Answer

Counts = Mapping[str, int]
"""The number of waiting messages by the queue's name; "" names the only queue of a command."""

# Blanks and bars are never part of a name: a line of bars can then be read in one way only.
_ROW = re.compile(r"[ |]*([^\s|]+)[ |]+([0-9]{1,18})[ |]*")
_LONGEST_ROW = 1000  # characters
_HIGHEST = 10**18 - 1  # of a count; Python refuses to convert numbers of thousands of digits
_EVERY = 1.0  # seconds between two samples
_BUSY = 0.02  # of a processor; a worker that only polls its queue uses less


class NotCountedError(Exception):
    """A queue command failed, or printed no counts."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


@dataclass(frozen=True)
class Standing:
    """A queue from which no worker took a message within ``seconds``."""

    name: str
    first: int
    last: int
    seconds: float

    @property
    def evidence(self) -> str:
        """The counts, and the seconds between them."""
        queue = f"queue {self.name}: " if self.name else ""
        return f"{queue}{self.first} messages, {self.last} after {self.seconds:.0f} s"


def parse(text: str) -> Counts:
    """Return the counts that a queue command printed: a number, or JSON of name → number.

    Raises:
        ValueError: ``text`` is neither.
    """
    try:
        found = json.loads(text.strip())
    except RecursionError:  # too many brackets within brackets
        found = None
    counts = found if isinstance(found, dict) else {"": found}
    if all(type(count) is int and 0 <= count <= _HIGHEST for count in counts.values()):
        "".join(counts).encode()  # a name with half a character (\\ud800) is none to work with
        return counts
    raise ValueError("neither a number nor numbers by name")


def parse_table(text: str) -> Counts:
    """Return the counts in a table of names and numbers, as Symfony's messenger:stats prints it.

    Raises:
        ValueError: ``text`` has no such table.
    """
    rows = list(filter(None, map(_ROW.fullmatch, lines(text))))
    if not rows:
        raise ValueError("no table of counts")
    return {row[1]: int(row[2]) for row in rows}


def lines(text: str) -> list[str]:
    """Return the lines of a table; a line that is too long for a row is none of it."""
    return [line for line in text.split("\n") if len(line) <= _LONGEST_ROW]


def standing(read: Callable[[], Counts], seconds: float) -> list[Standing]:
    """Return the queues from which no worker takes a message, after watching for ``seconds``.

    The watch ends early if no queue is left: a queue drops out if it is empty, or its count falls.
    """
    first = before = read()
    begun = time.monotonic()
    still = {name for name, count in first.items() if count}
    while still and time.monotonic() - begun < seconds:
        time.sleep(_EVERY)
        now = read()
        still = {name for name in still if now.get(name, 0) >= before[name]}
        before = now
    passed = time.monotonic() - begun
    return [Standing(name, first[name], before[name], passed) for name in sorted(still)]


def by_command(
    runner: Runner, examined: ExaminedProgram, manager: Manager, seconds: float
) -> Iterator[Finding]:
    """Yield the findings from the program's queue_command, after watching for ``seconds``."""
    command = runner.program.queue_command
    assert command is not None

    def read() -> Counts:
        return counted(runner.run(command), parse)

    units = [process.unit for process in examined.running()]
    begun = cpu(manager, units)
    try:
        found = standing(read, seconds if units else 0.0)
    except NotCountedError as error:
        remedy = runner.shown(command)
        if error.answer.code in CANNOT_RUN:
            remedy = examined.commands.edit_option(runner.program, "queue_command")
        yield not_counted(runner, "queue_command", remedy, error)
        return
    used = cpu(manager, units) - begun
    for queue in found if units else ():
        yield not_moving(examined, queue, used, runner.shown(command))


def counted(answer: Answer, parser: Callable[[str], Counts]) -> Counts:
    """Return the counts in a command's answer.

    Raises:
        NotCountedError: the command failed, or printed something else.
    """
    if answer.code != 0:
        raise NotCountedError(answer)
    try:
        return parser(answer.out)
    except ValueError:
        raise NotCountedError(answer) from None


def not_counted(runner: Runner, what: str, remedy: str, error: NotCountedError) -> Finding:
    """Return the finding about a queue command, called ``what``, that gave no counts."""
    answer = error.answer
    if answer.code == 0:
        problem = f"its {what} prints neither a number nor JSON of queue and number"
        lines = printed(answer.lines) or ("it printed nothing readable",)
    else:
        problem = f"its {what} {ending(answer, runner.timeout)}"
        lines = printed(answer.lines)
    problem += ", so doctor does not know how many messages wait"
    return Finding("queue-unknown", runner.program.name, problem, lines, remedy)


def ending(answer: Answer, timeout: float) -> str:
    """Return in words how a command ended; it had ``timeout`` seconds."""
    if answer.code is None:
        return f"did not finish within {timeout:g} s"
    if answer.code in CANNOT_RUN:
        return "cannot be run"
    if answer.code < 0:
        return f"was killed by signal {-answer.code}"
    return f"ended with exit code {answer.code}"


def not_moving(examined: ExaminedProgram, queue: Standing, used: float, look: str) -> Finding:
    """Return the finding about a queue that only grows, or stands still, while workers run.

    The workers used ``used`` seconds of processor time; the command ``look`` counts the messages.
    """
    running = examined.running()
    share = used / queue.seconds / len(running) if queue.seconds else 0.0
    evidence = (
        queue.evidence,
        f"{len(running)} running, which meanwhile used {used:.2f} s of CPU time",
    )
    name, commands = examined.program.name, examined.commands
    if queue.last > queue.first and share > _BUSY:
        what = "messages arrive faster than the workers handle them; run more workers"
        remedy = commands.wctl("scale", name, str(len(examined.installed.enabled) + 1))
        return Finding("queue-growing", name, what, evidence, remedy)
    what = "RUNNING, but takes nothing from the queue: the worker hangs, or consumes another queue"
    remedy = commands.wctl("restart", "--rolling", name)
    return Finding("queue-standing", name, what, (*evidence, f"counted with: {look}"), remedy)
