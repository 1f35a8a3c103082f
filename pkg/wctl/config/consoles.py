"""The queue workers that wctl knows, by the commands that run them, and the options they take.

One row is all that wctl knows about the options of a kind of worker. The same option has different
meanings elsewhere: -l is a number of messages to Symfony, and a size to RabbitMqBundle.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from wctl.config import calls
from wctl.config.calls import Call
from wctl.config.model import Program

# What ends a worker with exit code 0, as planned.
COUNT = "count"  # so many messages
EMPTY = "empty"  # an empty queue
TIME = "time"
MEMORY = "memory"


@dataclass(frozen=True)
class End:
    """An option that ends the worker, unless its value is 0."""

    names: tuple[str, ...]  # long, then short; none: the command itself ends
    kind: str

    @property
    def is_flag(self) -> bool:
        """Whether the option has no value."""
        return self.kind == EMPTY or self is _ONCE


@dataclass(frozen=True)
class Console:
    """A kind of worker."""

    title: str
    programs: frozenset[str]  # that run it; none: its commands tell it from any other
    commands: tuple[str, ...] = ()  # words after the program; none: the program is the worker
    ends: tuple[End, ...] = ()
    valued: frozenset[str] = frozenset()  # other options whose value may be the next word
    # Where its arguments match, processes of its own hold the messages, and a signal for each of
    # these processes loses them.
    forks: re.Pattern[str] | None = None


def _console(
    title: str,
    programs: str,
    commands: str = "",
    ends: tuple[End, ...] = (),
    valued: str = "",
    *,
    forks: str | None = None,
) -> Console:
    pattern = None if forks is None else re.compile(forks)
    names, options = frozenset(programs.split()), frozenset(valued.split())
    return Console(title, names, tuple(commands.split()), ends, options, pattern)


def _end(names: str, kind: str) -> End:
    return End(tuple(names.split()), kind)


_ALWAYS = ""
_NOT_IN_THREADS = r"^(?!.*(-P|--pool)[ =]?(threads|solo|gevent|eventlet))"
_NOT_SIMPLE = r"^(?!.*SimpleWorker)"
_IN_PROCESSES = r"(-k|--worker-type)[ =]?process"
_DJANGO = "manage.py django-admin django-admin.py"
_NONE = re.compile(r"0*|-\d+")  # of the values: no end
_ONCE = _end("--once", COUNT)
_BURST = _end("--burst -b", EMPTY)
_RQ = (_end("--burst", EMPTY), _end("--max-jobs", COUNT), _end("--max-idle-time", TIME))
_LIMITS = (
    _end("--message-limit", COUNT),
    _end("--time-limit", TIME),
    _end("--memory-limit", MEMORY),
)
_LARAVEL_VALUED = (
    "--name --queue --delay --backoff --memory --sleep --rest --timeout --tries --env --supervisor"
)

CONSOLES = (
    _console("Messenger", "", "messenger:consume messenger:consume-messages",
             (_end("--limit -l", COUNT), _end("--failure-limit -f", COUNT),
              _end("--time-limit -t", TIME), _end("--memory-limit -m", MEMORY)),
             "--sleep --bus -b --queues --exclude-receivers --keepalive --env -e"),
    _console("Laravel", "artisan", "queue:work horizon:work",
             (_end("--max-jobs", COUNT), _ONCE, _end("--stop-when-empty", EMPTY),
              _end("--max-time", TIME)),  # its --memory ends it with exit code 12
             _LARAVEL_VALUED),
    _console("Laravel", "artisan", "queue:listen", (), _LARAVEL_VALUED),
    _console("Horizon", "artisan", "horizon", (), "--environment --env"),
    _console("Oro", "", "oro:message-queue:consume oro:message-queue:transport:consume",
             (*_LIMITS, _end("--object-limit", COUNT), _end("--gc-limit", COUNT))),
    _console("Enqueue", "", "enqueue:consume enqueue:transport:consume", _LIMITS),
    _console("RabbitMqBundle", "", "rabbitmq:consumer rabbitmq:multiple-consumer",
             (_end("--messages -m", COUNT), _end("--memory-limit -l", MEMORY)), "--route -r"),
    _console("Magento", "magento", "queue:consumers:start", (_end("--max-messages", COUNT),),
             "--batch-size --area-code --multi-process --pid-file-path"),
    _console("CakePHP", "cake cake.php", "worker",
             (_end("--max-jobs", COUNT), _end("--max-runtime", TIME)),
             "--config --queue --processor --logger"),
    _console("Yii", "yii", "queue/run", (_end("", EMPTY),)),
    _console("Yii", "yii", "queue/listen"),
    _console("Celery", "celery airflow", "worker", forks=_NOT_IN_THREADS),
    _console("RQ", "rq", "worker worker-pool", (_BURST, *_RQ[1:]), forks=_NOT_SIMPLE),
    _console("RQ", "rqworker", "", (_BURST, *_RQ[1:]), forks=_NOT_SIMPLE),
    _console("RQ", _DJANGO, "rqworker", _RQ, forks=_NOT_SIMPLE),
    _console("django-q", _DJANGO, "qcluster", (_end("--run-once", EMPTY),), forks=_ALWAYS),
    _console("Huey", "huey_consumer huey_consumer.py", "", forks=_IN_PROCESSES),
    _console("Huey", _DJANGO, "run_huey", forks=_IN_PROCESSES),
    _console("dramatiq", "dramatiq", forks=_ALWAYS),
    _console("dramatiq", _DJANGO, "rundramatiq", forks=_ALWAYS),
    _console("arq", "arq", "", (_end("--burst", EMPTY),)),
    _console("SAQ", "saq"),
    _console("procrastinate", "procrastinate", "worker"),
    _console("Sidekiq", "sidekiq sidekiqswarm", valued="-t --timeout -c -C -q -r -e -g"),
)  # fmt: skip


@dataclass(frozen=True)
class Worker:
    """A worker of a kind that wctl knows."""

    console: Console
    call: Call
    command: str  # its command, or else its program
    arguments: tuple[str, ...]  # what follows

    def option(self, *names: str) -> str | None:
        """Return the value of the option with these names; None if it is not given with one."""
        found = [value for name, value, _ in self._given(names) if name in names]
        return found[-1] if found else None

    @property
    def operands(self) -> tuple[str, ...]:
        """The arguments that are neither options nor their values."""
        return tuple(written for name, _, written in self._given() if not name)

    @property
    def ends(self) -> Iterator[tuple[End, str]]:
        """Whatever ends the worker as planned, and how it is written, in the order written."""
        for end in self.console.ends:
            if not end.names:
                yield end, self.command
        by_name = {name: end for end in self.console.ends for name in end.names}
        for name, value, written in self._given():
            if name in by_name and not (value is not None and _NONE.fullmatch(value)):
                yield by_name[name], written

    @property
    def forks(self) -> bool:
        """Whether processes of its own hold the messages."""
        pattern = self.console.forks
        return pattern is not None and pattern.search(" ".join(self.arguments)) is not None

    def _given(self, valued: tuple[str, ...] = ()) -> Iterator[tuple[str, str | None, str]]:
        """Yield the name of each option, its value and both as written; an operand has no name."""
        of_ends = {name for end in self.console.ends if not end.is_flag for name in end.names}
        wanted = {*valued, *of_ends, *self.console.valued}
        left = list(reversed(self.arguments))
        while left:
            word = left.pop()
            name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
            if not equals and word[:1] == "-" and word[:2] in wanted:
                name, value = word[:2], word[2:]
            if not word.startswith("-") or word == "-":
                yield "", None, word
            elif word == "--":
                yield from (("", None, operand) for operand in reversed(left))
                return
            elif name in wanted and not (equals or value) and left and left[-1][:1] != "-":
                value = left.pop()
                yield name, value, f"{word} {value}"
            else:
                yield name, value if equals or value else None, word


def of(program: Program) -> Worker | None:
    """Return the worker that a program runs; None if it is of no kind that wctl knows."""
    return find(tuple(word.text(program.numprocs_start) for word in program.command))


@lru_cache(maxsize=64)
def find(words: tuple[str, ...]) -> Worker | None:
    """Return the worker that a command line runs; None if it is of no kind that wctl knows."""
    for call in calls.of(words):
        for console in CONSOLES:
            worker = _recognised(call, console)
            if worker is not None:
                return worker
    return None


def option(program: Program, *names: str) -> str | None:
    """Return the value of the worker's option with these names (long, short); None if none."""
    worker = of(program)
    return None if worker is None else worker.option(*names)


def _recognised(call: Call, console: Console) -> Worker | None:
    if console.programs and call.name not in console.programs:
        return None
    if not console.commands:
        return Worker(console, call, call.name, call.words[1:])
    for index, word in enumerate(call.words):
        if index and word in console.commands:
            return Worker(console, call, word, call.words[index + 1 :])
    return None
