"""Supervisor's supervisorctl and wctl's, on one machine, with the same programs.

A real supervisord 4.3.0 includes the files that wctl reads. Each command line goes to both, at the
same time; what they print is equal but for the numbers that must vary.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, groupby
from pathlib import Path
from typing import Union

import supervisor  # type: ignore[import-untyped] # it has no types

from machine.driver import Machine, wait_for

HERE = Path(__file__).parent
HOME = "/opt/supervisor"
CONFIGURATION = f"{HOME}/etc/supervisord.conf"  # where the program looks for it, beside itself
SOCKET = f"{HOME}/socket"
CONF_D = "/etc/wctl/conf.d"
INSIDE = f"{HOME}/inside.py"
REAL, FACE = f"{HOME}/bin/supervisorctl", "/opt/wctl/bin/supervisorctl"
DAEMON = "supervisor-under-test"

SCRIPT = """\
#!/usr/bin/python3
import sys
sys.path.insert(0, "{HOME}/lib")
from supervisor.{name} import main
sys.exit(main())
"""
SETTINGS = f"""\
[supervisord]
nodaemon=true
silent=true
logfile={HOME}/supervisord.log
pidfile={HOME}/supervisord.pid
childlogdir={HOME}
[unix_http_server]
file={SOCKET}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{SOCKET}
[include]
files={CONF_D}/*.conf
"""


@dataclass(frozen=True)
class Row:
    """A command line after "supervisorctl", with its standard input.

    until  what the command has printed when the user presses Ctrl-C
    shell  a script that calls supervisorctl, instead of a command line
    """

    line: str
    input: str = ""
    until: str | None = None
    shell: bool = False

    def order(self) -> dict[str, object]:
        """Returns what inside.py takes."""
        argv, shell = ([], self.line) if self.shell else (shlex.split(self.line), None)
        return {"argv": argv, "shell": shell, "input": self.input, "until": self.until}


@dataclass(frozen=True)
class Files:
    """Writes files in conf.d, by name; None removes one."""

    texts: dict[str, str | None]


@dataclass(frozen=True)
class Await:
    """Waits until both tell these states of processes."""

    states: dict[str, str]


@dataclass(frozen=True)
class Printed:
    """Waits until both print a text when they are asked a row."""

    row: Row
    text: str


Step = Union[str, Row, Files, Await, Printed]


@dataclass(frozen=True)
class Answer:
    """What a command printed, and its exit code; masked where it must vary."""

    out: str
    err: str
    code: int


    def __str__(self) -> str:
        err = f"stderr: {self.err}" if self.err else ""
        return f"{self.out}{err}[{self.code}]"


@dataclass(frozen=True)
class Pair:
    """A row, and what both answered."""

    row: Row
    real: Answer
    face: Answer


class Controls:
    """Both supervisorctls of a machine, until the block ends."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        install(machine)
        self._real, self._face = self._popen("real"), self._popen("face")

    def __enter__(self) -> Controls:
        return self

    def __exit__(self, *exception: object) -> None:
        for side in (self._real, self._face):
            side.communicate(timeout=60)  # closes its standard input, which ends it
        self._stop()

    def _stop(self) -> None:
        self._machine.run(f"systemctl kill --signal=KILL {DAEMON}; systemctl stop {DAEMON}", check=False)

    def start(self, files: dict[str, str]) -> None:
        """Starts supervisord anew, without a program, and then writes files for both."""
        machine = self._machine
        self._stop()
        machine.run(f"rm -rf {CONF_D}/* {SOCKET} /srv/real /srv/face; mkdir /srv/real /srv/face")
        machine.run(
            ["systemd-run", "--quiet", f"--unit={DAEMON}", "--collect", "--setenv=SIDE=real"]
            + [f"{HOME}/bin/supervisord", "--configuration", CONFIGURATION]
        )
        wait_for(lambda: self._ask([Row("pid")])[0].real.code == 0, 20, "supervisord")
        self.change(files)

    def change(self, texts: Mapping[str, str | None]) -> None:
        """Writes or removes files in conf.d."""
        for name, text in texts.items():
            if text is None:
                self._machine.run(["rm", f"{CONF_D}/{name}"])
            else:
                self._machine.write(f"{CONF_D}/{name}", text)

    def run(self, steps: Iterable[Step]) -> list[Pair]:
        """Carries out all steps in their order, and returns the answers to the rows."""
        pairs: list[Pair] = []
        rows: list[Row] = []
        for step in steps:
            if isinstance(step, (str, Row)):
                rows.append(Row(step) if isinstance(step, str) else step)
                continue
            pairs += self._ask(rows)
            rows = []
            if isinstance(step, Files):
                self.change(step.texts)
            elif isinstance(step, Await):
                self._wait(Row("status " + " ".join(step.states)), partial(tells, step.states))
            else:
                self._wait(step.row, partial(prints, step.text))
        return pairs + self._ask(rows)

    def _ask(self, rows: Sequence[Row]) -> list[Pair]:
        orders = json.dumps([row.order() for row in rows])
        for side in (self._real, self._face):
            assert side.stdin is not None
            side.stdin.write(f"{orders}\n")
            side.stdin.flush()
        answers = [read(side) for side in (self._real, self._face)]
        return [
            Pair(row, masked(row, real), masked(row, face))
            for row, real, face in zip(rows, *answers)
        ]

    def _wait(self, row: Row, reached: Callable[[Answer], bool]) -> None:
        last: list[Pair] = []

        def both() -> bool:
            last[:] = self._ask([row])
            return reached(last[0].real) and reached(last[0].face)

        try:
            wait_for(both, 20, f"{row.line}: {reached}")
        except TimeoutError as error:
            raise AssertionError(f"{error}; {last}") from None

    def _popen(self, side: str) -> subprocess.Popen[str]:
        return self._machine.popen(
            ["/usr/bin/python3", INSIDE, side],
            env={"SIDE": side},
            stdin=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )


def install(machine: Machine) -> None:
    """Copies Supervisor into the machine: it is Python and needs nothing else."""
    machine.copy_in(Path(supervisor.__file__).parents[1], f"{HOME}/lib", ["supervisor"])
    for name in ("supervisord", "supervisorctl"):
        machine.write(f"{HOME}/bin/{name}", SCRIPT.format(HOME=HOME, name=name), mode=0o755)
    machine.write(CONFIGURATION, SETTINGS)
    machine.write(INSIDE, (HERE / "inside.py").read_text())
    machine.run(f"install -d /opt/wctl/bin; ln -sf /usr/lib/wctl/supervisorctl {FACE}")


def read(side: subprocess.Popen[str]) -> list[Answer]:
    """Returns the answers to the orders that were sent last."""
    assert side.stdout is not None
    line = side.stdout.readline()
    if not line.startswith("["):
        raise AssertionError(line + side.stdout.read())
    return [Answer(**answer) for answer in json.loads(line)]


def tells(states: dict[str, str], answer: Answer) -> bool:
    """Tells whether a status has these states of processes."""
    rows = (line.split() for line in answer.out.splitlines())
    return {row[0]: row[1] for row in rows if len(row) > 1} == states


def prints(text: str, answer: Answer) -> bool:
    return text in answer.out


# ---- what must vary ----------------------------------------------------------------------------

MASKS = (
    (re.compile(r"^(supervisor> )?[1-9]\d*$", re.MULTILINE), r"\1N"),
    (re.compile(r"\bpid \d+, uptime \d+:\d\d:\d\d$", re.MULTILINE), "pid N, uptime T"),
    (re.compile(r"\b[A-Z][a-z]{2} \d\d \d\d:\d\d [AP]M$", re.MULTILINE), "DATE"),
    (re.compile(r"\bfile: /\S+ line: \d+$", re.MULTILINE), "file: F line: N"),  # of Python
    (re.compile(rf"{REAL}|{FACE}"), "supervisorctl"),
)
RESULT = re.compile(r"\S+: (started|stopped|ERROR \(.*\))")
SET = re.compile(r"(start|stop|restart) (.*\ball\b.*|\S+:\*?)")
# Our help texts are in our own words. They follow some errors.
HELP = re.compile(r"(help\b|\?|-h|--help|-\?)")
WITH_HELP = re.compile(
    r"(^(?:supervisor> )*(?:Error: \w+ (?:requires an?|accepts no) .*|Error: too (?:few|many) arguments"
    r"|ERROR: no process name supplied)\n)(?:(?!supervisor> ).*\n)+",
    re.MULTILINE,
)


def masked(row: Row, answer: Answer) -> Answer:
    """Returns an answer without what must vary."""
    if answer.code == 2 and answer.err and not answer.out:
        return Answer("", "a usage error", 2)  # of an option, in the words of an option parser
    masks = MASKS[1:] if row.shell else MASKS  # scripts print numbers that they have counted
    out, err = (mask(text, masks) for text in (answer.out, answer.err))
    if SET.fullmatch(row.line):
        out = unordered(out)
    line = row.line.strip("' ")
    if HELP.match(line) and helps(line, out):
        out = "HELP"
    return Answer(WITH_HELP.sub(r"\1HELP\n", out), err, answer.code)


def helps(line: str, out: str) -> bool:
    """Tells whether an answer to help is help about the verb or, without a verb, about all."""
    if line.startswith("-"):
        return "Options:" in out
    about = line.split()[-1] if " " in line else "restart"
    return "***" not in out and re.search(rf"\b{re.escape(about)}\b", out) is not None


def mask(text: str, masks: Iterable[tuple[re.Pattern[str], str]]) -> str:
    """Returns a text without process IDs, times, and the path of the program."""
    for pattern, mark in masks:
        text = pattern.sub(mark, text)
    return text


def unordered(text: str) -> str:
    """Returns the results of a set sorted: its processes start and stop at the same time."""

    def kind(line: str) -> str:
        result = RESULT.fullmatch(line)
        return "other" if result is None else "stop" if result[1] == "stopped" else "start"

    blocks = [(name, list(lines)) for name, lines in groupby(text.split("\n"), kind)]
    sort = [lines if name == "other" else sorted(lines) for name, lines in blocks]
    return "\n".join(chain.from_iterable(sort))
