"""Whether queues move: their depth, sampled while somebody waits."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from wctl.doctor.finding import Finding, few
from wctl.doctor.runner import CANNOT_RUN, Answer, Runner
from wctl.doctor.workers import ExaminedProgram, cpu
from wctl.systemd.manager import Manager

Counts = Mapping[str, int]
"""How many messages wait, by the queue's name; "" where there is but one."""

_EVERY = 1.0  # seconds between two samples
_BUSY = 0.02  # of a processor: a worker that only polls its queue needs less


class NotCountedError(Exception):
    """A queue command said nothing that could be understood."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


@dataclass(frozen=True)
class Standing:
    """A queue that nobody took a message from, for so many seconds."""

    name: str
    first: int
    last: int
    seconds: float

    @property
    def evidence(self) -> str:
        """The figures."""
        queue = f"queue {self.name}: " if self.name else ""
        return f"{queue}{self.first} messages, {self.last} after {self.seconds:.0f} s"


def parse(text: str) -> Counts:
    """Return what a queue command printed: a number, or JSON of name → number.

    Raises:
        ValueError: it is neither.
    """
    try:
        found = json.loads(text.strip())
    except RecursionError:  # of brackets within brackets
        found = None
    counts = found if isinstance(found, dict) else {"": found}
    if all(type(each) is int and each >= 0 for each in counts.values()):
        return {str(name): each for name, each in counts.items()}
    raise ValueError("neither a number nor numbers by name")


def parse_table(text: str) -> Counts:
    """Return the counts of a table of names and numbers, as Symfony's messenger:stats prints it.

    Raises:
        ValueError: there is none.
    """
    rows = re.findall(r"^[ |]*(\S+)[ |]+(\d+)[ |]*$", text, re.MULTILINE)
    if not rows:
        raise ValueError("no table of counts")
    return {name: int(count) for name, count in rows}


def standing(read: Callable[[], Counts], seconds: float) -> list[Standing]:
    """Return the queues from which nobody takes anything, after looking at them for ``seconds``.

    Ends early when none can be left: a count that is zero, or has fallen once, is of no concern.
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
    """Report what the program's queue_command tells."""
    command = runner.program.queue_command
    assert command is not None

    def read() -> Counts:
        return counted(runner.run(command), parse)

    units = [each.unit for each in examined.running()]
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
    for each in found if units else ():
        yield not_moving(examined, each, used, runner.shown(command))


def counted(answer: Answer, parser: Callable[[str], Counts]) -> Counts:
    """Return the counts of a command's answer.

    Raises:
        NotCountedError: it failed, or printed something else.
    """
    if answer.code != 0:
        raise NotCountedError(answer)
    try:
        return parser(answer.out)
    except ValueError:
        raise NotCountedError(answer) from None


def not_counted(runner: Runner, what: str, remedy: str, error: NotCountedError) -> Finding:
    """Return the finding of a queue command, called ``what``, that tells nothing."""
    answer = error.answer
    if answer.code == 0:
        problem = f"its {what} prints neither a number nor JSON of queue and number"
        lines = few(answer.lines) or ("it printed nothing to be read",)
    else:
        problem = f"its {what} {ending(answer, runner.timeout)}"
        lines = few(answer.lines)
    problem += ", so that nobody knows what waits"
    return Finding("queue-unknown", runner.program.name, problem, lines, remedy)


def ending(answer: Answer, timeout: float) -> str:
    """Say how a command ended."""
    if answer.code is None:
        return f"did not end within {timeout:g} s"
    if answer.code in CANNOT_RUN:
        return "cannot be run"
    if answer.code < 0:
        return f"was killed by signal {-answer.code}"
    return f"ended with exit code {answer.code}"


def not_moving(examined: ExaminedProgram, queue: Standing, used: float, look: str) -> Finding:
    """Return the finding of a queue that only grows, or stands still, while workers run."""
    running = examined.running()
    share = used / queue.seconds / len(running) if queue.seconds else 0.0
    evidence = (
        queue.evidence,
        f"{len(running)} running, which used {used:.2f} s of processor time meanwhile",
    )
    name, commands = examined.program.name, examined.commands
    if queue.last > queue.first and share > _BUSY:
        what = "the queue grows faster than its workers take from it; run more of them"
        remedy = commands.wctl("scale", name, str(len(examined.installed.enabled) + 1))
        return Finding("queue-growing", name, what, evidence, remedy)
    what = "RUNNING, but takes nothing from the queue: it hangs, or it consumes another one"
    remedy = commands.wctl("restart", "--rolling", name)
    return Finding("queue-standing", name, what, (*evidence, f"looked with: {look}"), remedy)
