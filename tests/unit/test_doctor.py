"""What doctor reads: queue depths, Symfony's tables, command lines."""

from __future__ import annotations

import ast
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from wctl.config import load
from wctl.config.model import Program
from wctl.doctor import codes, messenger, queues
from wctl.doctor.finding import Commands, Finding, few, printable
from wctl.doctor.runner import Runner
from wctl.errors import Place
from wctl.supervisor import daemons

DOCTOR = Path(codes.__file__).parent
FINDERS = ("Finding", "self._finding", "self._past")  # what takes a code first

# As Symfony's console prints it, in its style guide's table and in that of DBAL on a terminal.
STATS = """
 ----------- -------
  Transport   Count
 ----------- -------
  async       3
  failed      10
 ----------- -------
"""
ROWS = """
 ------------ --------------------- -------- -------- ---------------------
  queue_name   delivered_at          oldest   number   since
 ------------ --------------------- -------- -------- ---------------------
  async                              7        2        2026-01-01 10:00:00
  async        2026-01-01 09:00:00   3        1        2026-01-01 08:59:00
  failed       NULL                  9        4        2026-01-01 10:00:00
 ------------ --------------------- -------- -------- ---------------------
"""


def program(tmp_path: Path, text: str) -> Program:
    file = tmp_path / "x.conf"
    file.write_text(f"[program:x]\n{text}\n")
    (found,) = load.load([file], {}).programs
    return found


@pytest.mark.parametrize(
    ("printed", "counts"),
    [("3\n", {"": 3}), ('{"a": 1, "b": 0}', {"a": 1, "b": 0}), ("{}", {})],
)
def test_queue_command_prints_a_number_or_numbers_by_name(
    printed: str, counts: dict[str, int]
) -> None:
    """Both forms are understood, with blanks around them."""
    assert queues.parse(printed) == counts


@pytest.mark.parametrize(
    "printed",
    ["", "many", "[1]", '{"a": "1"}', "1.5", "true", '{"a": true}', "-1", '{"a": -1}', "NaN"],
)
def test_anything_else_is_no_count(printed: str) -> None:
    """What is not a number never becomes one."""
    with pytest.raises(ValueError):
        queues.parse(printed)


def test_brackets_without_end_are_no_count() -> None:
    """What would exhaust the parser's stack is rubbish like any other."""
    with pytest.raises(ValueError):
        queues.parse("[" * 200_000)


def test_table_of_messenger_stats() -> None:
    """A Symfony before 7.2 prints a table alone: names and counts, no heading."""
    assert queues.parse_table(STATS) == {"async": 3, "failed": 10}


def test_rows_of_doctrines_table() -> None:
    """Waiting messages have no time of delivery, be that empty or NULL."""
    found = [
        messenger.Rows(queue, delivered or None, int(oldest), int(number), since)
        for queue, delivered, oldest, number, since in messenger.ROW.findall(ROWS)
    ]
    assert [(each.queue, each.delivered, each.oldest, each.number) for each in found] == [
        ("async", None, 7, 2),
        ("async", "2026-01-01 09:00:00", 3, 1),
        ("failed", None, 9, 4),
    ]


@pytest.mark.parametrize(
    ("counts", "waiting", "strange"),
    [
        # the queue of the transport "async" may have any name: what both count is the same
        ({"async": 3}, {"default": 3}, set()),
        ({"async": 0}, {"default": 3}, {"default"}),
        ({"async": 2, "failed": 1}, {"async": 2, "failed": 1, "default": 1}, {"default"}),
        # messages that wait for a retry are in the table, and not in the count
        ({"async": 2}, {"async": 5}, set()),
    ],
)
def test_queues_that_no_transport_reads(
    counts: dict[str, int], waiting: dict[str, int], strange: set[str]
) -> None:
    """A queue of the table is strange when no transport counts its messages."""
    assert messenger.unread(counts, waiting) == strange


@pytest.mark.parametrize(
    ("command", "console", "transports"),
    [
        ("php bin/console messenger:consume async -vv", ("php", "bin/console"), ("async",)),
        (
            "php -d x=1 /a/console messenger:consume --limit 10 high low --sleep=1",
            ("php", "-d", "x=1", "/a/console"),
            ("high", "low"),
        ),
    ],
)
def test_console_of_a_worker(
    tmp_path: Path, command: str, console: tuple[str, ...], transports: tuple[str, ...]
) -> None:
    """What stands before messenger:consume is the console; values of options are no transports."""
    found = messenger.console_of(program(tmp_path, f"command={command}"))
    assert found == messenger.Console(console, transports)


def test_other_workers_have_no_console(tmp_path: Path) -> None:
    """Nothing is asked of programs that are not Symfony's."""
    assert messenger.console_of(program(tmp_path, "command=php artisan queue:work")) is None


def test_where_php_is_missing_nothing_is_said_of_the_database(tmp_path: Path) -> None:
    """A console that cannot be run tells nothing: that its command is missing, "check" says."""
    found = program(tmp_path, "command=/nonesuch/php bin/console messenger:consume async")
    runner = Runner(found, tmp_path, timeout=5, user=True)
    console = messenger.console_of(found)
    assert console is not None
    nobody: Any = None  # neither workers nor systemd are asked
    symfony = messenger.Messenger(runner, console, nobody, nobody)
    assert list(symfony.findings(0.0, frozenset())) == []


def test_standing_queue_is_given_up_on_when_it_moves() -> None:
    """A count that falls once moves; one that only grows, or stays, does not; zero is nothing."""
    samples = iter([{"a": 3, "b": 5, "c": 0}, {"a": 2, "b": 5, "c": 0}, {"a": 4, "b": 6, "c": 9}])
    found = queues.standing(lambda: next(samples), 1.5)
    assert [(each.name, each.first, each.last) for each in found] == [("b", 5, 6)]


def test_nothing_waits_nobody_waits() -> None:
    """With empty queues there is one sample and no waiting."""
    begun = time.monotonic()
    assert queues.standing(lambda: {"a": 0}, 60) == []
    assert time.monotonic() - begun < 1


def test_command_has_the_workers_surroundings(tmp_path: Path) -> None:
    """A health_command sees the program's directory and variables, and none of wctl's own."""
    found = program(tmp_path, f'command=true\ndirectory={tmp_path}\nenvironment=A="b c"')
    runner = Runner(found, tmp_path, timeout=5, user=True)
    answer = runner.run(["sh", "-c", 'echo "$PWD $A $VIRTUAL_ENV$PYTHONPATH"'])
    assert (answer.code, answer.out) == (0, f"{tmp_path} b c \n")


def test_command_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    """Its time over, nothing of it is left, and what it wrote is kept."""
    runner = Runner(program(tmp_path, "command=true"), tmp_path, timeout=0.3, user=True)
    answer = runner.run(["sh", "-c", "echo begun; sleep 1000 & wait"])
    assert (answer.code, answer.out) == (None, "begun\n")


def test_endless_output_is_read_and_forgotten(tmp_path: Path) -> None:
    """A command that writes without end is stopped in time, and its last megabyte kept."""
    runner = Runner(program(tmp_path, "command=true"), tmp_path, timeout=0.5, user=True)
    begun = time.monotonic()
    answer = runner.run(["sh", "-c", "yes & yes >&2"])
    assert time.monotonic() - begun < 5
    assert answer.code is None
    assert len(answer.out) == len(answer.err) == 1 << 20


@pytest.mark.parametrize("left", ["sleep 1000 &", "setsid sleep 1000 &", "yes &"])
def test_what_a_command_leaves_behind_is_not_waited_for(tmp_path: Path, left: str) -> None:
    """A child that keeps the pipes open, and even writes on, does not hold up the answer."""
    runner = Runner(program(tmp_path, "command=true"), tmp_path, timeout=60, user=True)
    begun = time.monotonic()
    child = tmp_path / "child"  # not stdout: "yes" may write more than the answer keeps
    answer = runner.run(["sh", "-c", f'{left} echo $! >"$1"; echo 3 >&2', "sh", str(child)])
    assert time.monotonic() - begun < 10
    assert (answer.code, answer.err) == (0, "3\n")
    with suppress(ProcessLookupError):  # "yes" ends when nobody reads
        os.kill(int(child.read_text()), signal.SIGKILL)


def test_child_that_escapes_its_group_is_not_waited_for(tmp_path: Path) -> None:
    """What has a session of its own outlives the kill, and holds up nothing."""
    runner = Runner(program(tmp_path, "command=true"), tmp_path, timeout=0.3, user=True)
    begun = time.monotonic()
    answer = runner.run(["sh", "-c", "setsid sleep 1000 & echo $!; sleep 1000"])
    assert time.monotonic() - begun < 5
    assert answer.code is None
    os.kill(int(answer.out), signal.SIGKILL)


def test_command_that_is_not_there(tmp_path: Path) -> None:
    """A command that cannot be run has failed as in a shell, and its name is told."""
    runner = Runner(program(tmp_path, "command=true"), tmp_path, timeout=5, user=True)
    answer = runner.run(["no-such-command"])
    assert answer.code == 127
    assert "no-such-command" in answer.err


def test_lines_are_shown_without_what_a_terminal_obeys() -> None:
    """Colours, cursor movements, bells, titles and broken characters never reach the screen."""
    line = "a\x1b[31mb\x1b[0m\x1b]0;title\x07c\x07d\te\udcffé"
    assert printable(line) == "abc d e é"
    assert few(["x" * 10_000]) == ("x" * 300 + "…",)
    assert few(["a", "a", " ", "b"]) == ("a", "b")


def test_commands_are_typed_for_what_was_examined() -> None:
    """An update of another configuration would remove everything, so that -c is part of it."""
    commands = Commands(user=True, files=("my own.conf",))
    assert commands.update() == "wctl --user -c 'my own.conf' update"
    assert (
        commands.systemctl("enable", r"a\x2bb.target") == r"systemctl --user enable 'a\x2bb.target'"
    )
    assert Commands().edit(Place("a b", 3)) == "${EDITOR:-vi} +3 'a b' && wctl update"


def test_every_code_is_in_the_table() -> None:
    """No finding has a code that wctl(1) does not explain; and the manual explains no other."""
    used = set()
    for file in DOCTOR.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in FINDERS and node.args:
                used |= {each.value for each in ast.walk(node.args[0])
                         if isinstance(each, ast.Constant)}  # fmt: skip
    # Those of limits are made in a loop.
    assert {*used, "tasks-limit", "files-limit"} == set(codes.OWN)
    with pytest.raises(AssertionError):
        Finding("no-such-code", "x", "what", (), "true")


@pytest.mark.parametrize(
    ("words", "file"),
    [
        ("supervisord -n -c /a/b.conf", "/a/b.conf"),
        ("supervisord -cb.conf", "/srv/b.conf"),
        ("supervisord --configuration=b.conf", "/srv/b.conf"),
        ("supervisord --configuration ../b.conf -n", "/srv/../b.conf"),
    ],
)
def test_configuration_of_a_supervisord(words: str, file: str) -> None:
    """It is what supervisord was told, from where it was started."""
    assert daemons._configuration(words.split(), Path("/srv")) == Path(file)


@pytest.mark.parametrize(
    ("instances", "subject"),
    [((), "x"), (("x@01",), "x@01"), (("x@00", "x@01"), "x (2 instances)")],
)
def test_subject(instances: tuple[str, ...], subject: str) -> None:
    """A finding names the one instance, or how many."""
    assert Finding("fatal", "x", "what", (), "true", instances).subject == subject
