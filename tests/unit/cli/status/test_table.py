"""table: the rows of wctl status for terminals of several widths, and for a pipe."""

from __future__ import annotations

import time

import pytest

from wctl.cli.columns import columns
from wctl.cli.status import table
from wctl.cli.status.row import Row
from wctl.operate.details import Details
from wctl.operate.states import NOT_STARTED, Process, State
from wctl.systemd.exits import LastExit

MIB = 1 << 20
FAILED = "Exited too quickly: failed start 4 of 4: exit status 1; see 'wctl logs broken'"


def process(
    unit: str, state: State, description: str = "", *, group: str | None = None, age: float = 0
) -> Process:
    """Returns one instance; it has a process if its state has one."""
    program = unit.partition("@")[0]
    pid = 4711 if state in (State.RUNNING, State.STARTING, State.STOPPING) else 0
    since = time.time() - age if state is State.RUNNING else None
    return Process(program, group or program, f"{unit}.service", state, description, pid, since)


def rows(*, long: bool = False) -> list[Row]:
    """Returns one row of each kind, in the order of groups."""
    mail = process("mailer@00", State.RUNNING, age=261)
    web = process("web@00", State.RUNNING, group="shop", age=3 * 86_400 + 4 * 3600 + 60)
    failed = LastExit("exit status 1", 1.0, 1)
    return [
        Row(process("broken@00", State.FATAL, FAILED), _details(4), failed, long),
        Row(mail, Details(38 * MIB, 256 * MIB, 1.25, 2, 0), None, long),
        Row(process("mailer@01", State.STARTING), Details(MIB, 256 * MIB, 0.0, 1, 0), None, long),
        Row(process("cart@00", State.STOPPED, NOT_STARTED, group="shop"), _details(0), None, long),
        Row(web, Details(250 * MIB, 256 * MIB, 7384.0, 12, 71), LastExit("exit status 3"), long),
    ]  # fmt: skip


def _details(restarts: int) -> Details:
    return Details(None, None, None, None, restarts)


WIDE = """\
NAME       STATE      PID    UPTIME  RESTARTS     MEMORY    CPU
broken@00  FATAL     Exited too quickly: failed start 4 of 4: exit status 1; see
                     'wctl logs broken'
mailer@00  RUNNING   4711   0:04:21         0   38M/256M   1.2s
mailer@01  STARTING  4711         -         0    1M/256M   0.0s
shop:
  cart@00  STOPPED   Not started
  web@00   RUNNING   4711  3d 04:01        71  250M/256M  2h03m"""

NARROW = """\
NAME       STATE      PID    UPTIME
broken@00  FATAL
    Exited too quickly: failed start 4
    of 4: exit status 1; see 'wctl logs
    broken'
mailer@00  RUNNING   4711   0:04:21
mailer@01  STARTING  4711         -
shop:
  cart@00  STOPPED
    Not started
  web@00   RUNNING   4711  3d 04:01"""

LONG = """\
NAME       STATE      PID    UPTIME  RESTARTS     MEMORY    CPU  TASKS
broken@00  FATAL        -         -         4          -      -      -
    Exited too quickly: failed start 4 of 4: exit status 1; see 'wctl logs
    broken'; last exit: exit status 1
mailer@00  RUNNING   4711   0:04:21         0   38M/256M   1.2s      2
mailer@01  STARTING  4711         -         0    1M/256M   0.0s      1
shop:
  cart@00  STOPPED      -         -         0          -      -      -
    Not started
  web@00   RUNNING   4711  3d 04:01        71  250M/256M  2h03m     12
    last exit: exit status 3"""

LONG_AND_WIDE = """\
NAME       STATE      PID    UPTIME  RESTARTS     MEMORY    CPU  TASKS  WHY
broken@00  FATAL        -         -         4          -      -      -  Exited too quickly: failed
                                                                        start 4 of 4: exit status 1;
                                                                        see 'wctl logs broken'; last
                                                                        exit: exit status 1
mailer@00  RUNNING   4711   0:04:21         0   38M/256M   1.2s      2
mailer@01  STARTING  4711         -         0    1M/256M   0.0s      1
shop:
  cart@00  STOPPED      -         -         0          -      -      -  Not started
  web@00   RUNNING   4711  3d 04:01        71  250M/256M  2h03m     12  last exit: exit status 3"""

PIPE = """\
NAME       STATE      PID    UPTIME  RESTARTS     MEMORY    CPU  TASKS  WHY
broken@00  FATAL        -         -         4          -      -      -  {}; last exit: exit status 1
mailer@00  RUNNING   4711   0:04:21         0   38M/256M   1.2s      2
mailer@01  STARTING  4711         -         0    1M/256M   0.0s      1
cart@00    STOPPED      -         -         0          -      -      -  Not started
web@00     RUNNING   4711  3d 04:01        71  250M/256M  2h03m     12  last exit: exit status 3"""


@pytest.mark.parametrize(
    ("width", "long", "expected"),
    [
        (80, False, WIDE),
        (40, False, NARROW),
        (80, True, LONG),
        (100, True, LONG_AND_WIDE),
        (None, True, PIPE.format(FAILED)),
    ],
    ids=["wide", "narrow", "long", "long and wide", "pipe"],
)
def test_it_fits_the_terminal(width: int | None, long: bool, expected: str) -> None:
    """Columns go, the least important first; reasons are wrapped between words, names never cut.

    On a pipe there is a line for each instance, with all columns, and nothing else.
    """
    assert "\n".join(table.lines(rows(long=long), width, long=long)) == expected


def test_it_never_is_wider_than_the_terminal() -> None:
    """A line that is too wide would wrap in the middle of a word."""
    for width in range(20, 200):
        for long in (False, True):
            found = table.lines(rows(long=long), width, long=long)
            assert max(map(len, found)) <= width, (width, long)


def test_columns_that_have_nothing_to_tell_are_left_out() -> None:
    """On machines whose systemd counts no CPU time, and where all workers are down."""
    uncounted = Row(process("w@00", State.RUNNING, age=1), Details(MIB, None, None, 1, 0))
    assert table.lines([uncounted], 80)[0].split() == [
        "NAME", "STATE", "PID", "UPTIME", "RESTARTS", "MEMORY",
    ]  # fmt: skip
    down = Row(process("w@00", State.STOPPED, NOT_STARTED))
    assert table.lines([down], 80) == ["NAME  STATE", "w@00  STOPPED  Not started"]
    assert table.lines([], 80) == []


def test_characters_that_take_two_columns() -> None:
    """Names in Chinese stay aligned, and combining characters take no column."""
    named = [
        Row(process(f"{name}@00", State.STOPPED, "x")) for name in ("\u961f\u5217", "e\u0301", "a")
    ]
    found = table.lines(named, 80)
    assert [columns(line.partition("STOPPED")[0]) for line in found[1:]] == [9, 9, 9]
    wide = Row(process("a@00", State.FATAL, "\u961f\u5217 " * 40))
    assert max(map(columns, table.lines([wide], 60))) <= 60


def test_colours_tell_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state has its colour, and so has a worker that was restarted or is short of memory."""
    monkeypatch.setattr(table, "style", lambda text, fg=None, **_: f"<{fg}>{text}" if fg else text)
    text = "\n".join(table.lines(rows(), 80))
    for part in ("<red>FATAL", "<green>RUNNING", "<cyan>STARTING", "<yellow>71", "<red>250M/256M"):
        assert part in text
    assert ">38M" not in text and "<yellow>0" not in text


def test_the_top_stays_on_the_screen() -> None:
    """What a terminal has no room for is counted."""
    assert table.cut(["a", "b", "c"], 3) == ["a", "b", "c"]
    assert table.cut(["a", "b", "c"], 2) == ["a", "… and 2 more lines"]
    assert table.cut(["a", "b", "c"], 0) == []
