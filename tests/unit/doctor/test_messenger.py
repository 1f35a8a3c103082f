"""messenger: Symfony's console, its queues, and Doctrine's table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from unit.doctor.programs import program
from wctl.doctor import messenger
from wctl.doctor.runner import Identity, Runner

ROWS = """
 ------------ --------------------- -------- -------- ---------------------
  queue_name   delivered_at          oldest   number   since
 ------------ --------------------- -------- -------- ---------------------
  async                              7        2        2026-01-01 10:00:00
  async        2026-01-01 09:00:00   3        1        2026-01-01 08:59:00
  failed       NULL                  9        4        2026-01-01 10:00:00
 ------------ --------------------- -------- -------- ---------------------
"""


def test_rows_of_doctrines_table() -> None:
    """Waiting messages have no time of delivery: the column is empty or NULL."""
    found = messenger.rows(ROWS)
    assert [(rows.queue, rows.delivered, rows.oldest, rows.number) for rows in found] == [
        ("async", None, 7, 2),
        ("async", "2026-01-01 09:00:00", 3, 1),
        ("failed", None, 9, 4),
    ]


def test_rows_as_other_databases_print_them() -> None:
    """Columns may have bars between them; times may have fractions and zones."""
    (row,) = messenger.rows(
        "| async | 2026-01-01 09:00:00.123+00 | 3 | 18446744073709551615 | 2026-01-01 08:59:00 |"
    )
    assert row == messenger.Rows(
        "async", "2026-01-01 09:00:00", 3, 18446744073709551615, "2026-01-01 08:59:00"
    )


@pytest.mark.parametrize(
    "piece", ["|", " |", "a|", "9", "9 ", "a 2026-01-01 10:00:00|", "a NULL ", "|\n", "a 1 1\n"]
)
def test_hostile_rows_take_no_time(piece: str) -> None:
    """The worker's application may print a megabyte that almost looks like rows."""
    assert messenger.rows(piece * ((1 << 20) // len(piece))) == []


def test_numbers_of_thousands_of_digits_are_no_row() -> None:
    """Python refuses to convert them, which is no reason to end the examination."""
    assert messenger.rows(f"a 1 {'9' * 500} 2026-01-01 10:00:00\na {'9' * 5000} 1 x") == []


@pytest.mark.parametrize(
    ("printed", "answer"),
    [
        ('{"pcntl": true, "zone": "3600"}', messenger.Php(True, 3600.0)),
        ('{"pcntl": false, "zone": "0"}', messenger.Php(False, 0.0)),
        *(
            (text, None)
            for text in (
                *("", "x", "1", "[]", '"pcntl"', "null", '{"zone": "0"}', '{"pcntl": true}'),
                *('{"pcntl": true, "zone": "nan"}', '{"pcntl": true, "zone": Infinity}'),
                *('{"pcntl": true, "zone": [1]}', '{"pcntl": true, "zone": "x"}'),
                '{"pcntl": true, "zone": 1%s}' % ("0" * 400),
                '{"pcntl": true, "zone": 1%s}' % ("0" * 5000),
                "[" * 200_000,
            )
        ),
    ],
)
def test_what_php_says(printed: str, answer: messenger.Php | None) -> None:
    """doctor takes PHP's answer, and nothing else that a program of that name may print."""
    assert messenger.php(printed) == answer


def test_many_queues_take_no_time() -> None:
    """Whoever writes into Doctrine's table may invent queues without end."""
    many = 1 << 16
    counts = {f"t{number}": 2 for number in range(many)}
    waiting = {f"q{number}": 1 + number % 2 for number in range(many)}
    assert len(messenger.unread(counts, waiting)) == many // 2


@pytest.mark.parametrize(
    ("counts", "waiting", "strange"),
    [
        # the queue of the transport "async" may have any name; equal counts identify the queue
        ({"async": 3}, {"default": 3}, set()),
        ({"async": 0}, {"default": 3}, {"default"}),
        ({"async": 2, "failed": 1}, {"async": 2, "failed": 1, "default": 1}, {"default"}),
        ({"async": 3}, {"stray": 5, "default": 3}, {"stray"}),
        ({"a": 1, "b": 5}, {"p": 6, "q": 3, "r": 2}, {"q"}),
        # messages that wait for a retry are in the table, but not in the count
        ({"async": 2}, {"async": 5}, set()),
    ],
)
def test_queues_that_no_transport_reads(
    counts: dict[str, int], waiting: dict[str, int], strange: set[str]
) -> None:
    """A queue of the table is strange when no transport counts its messages."""
    assert messenger.unread(counts, waiting) == strange


@pytest.mark.parametrize(
    ("counts", "table", "taken", "handled"),
    [
        ({"a": 3, "b": 1}, {"a", "b"}, {"a"}, {"a"}),
        # Doctrine's queue is "default" unless its name is set
        ({"a": 3}, {"default"}, {"default"}, {"a"}),
        ({"a": 3, "b": 1, "c": 0}, {"default", "b", "c"}, {"default"}, {"a"}),
        ({"a": 3, "b": 1}, {"p", "q"}, {"p"}, {"a", "b"}),
        ({"a": 3}, {"default"}, set(), set()),
    ],
)
def test_transports_of_which_a_message_is_handled(
    counts: dict[str, int], table: set[str], taken: set[str], handled: set[str]
) -> None:
    """A worker that handles a message does not hang, whatever the transport's queue is called."""
    assert messenger.handled(counts, table, taken) == handled


@pytest.mark.parametrize(
    ("counts", "read", "queue"),
    [
        ({"a": 3}, {"a"}, "a"),
        ({"a": 0}, set(), "a"),
        ({"a": 3}, {"default"}, "default"),
        ({"a": 3, "failed": 1}, {"default", "failed"}, "default"),
        ({"a": 3, "b": 1}, {"p", "q"}, None),
        ({"a": 3}, set(), None),
    ],
)
def test_queue_to_which_messages_are_moved(
    counts: dict[str, int], read: set[str], queue: str | None
) -> None:
    """It is the queue that the worker's transport reads: in another one nobody would see them."""
    assert messenger.queue_of("a", counts, read) == queue


@pytest.mark.parametrize(
    ("command", "console", "transports"),
    [
        ("php bin/console messenger:consume async -vv", ("php", "bin/console"), ("async",)),
        ("bin/console messenger:consume a -l 10 -m128M b", ("bin/console",), ("a", "b")),
        ("nice php /a/console messenger:consume a", ("nice", "php", "/a/console"), ("a",)),
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
    """The words before messenger:consume are the console; values of options are not transports."""
    found = messenger.console_of(program(tmp_path, f"command={command}"))
    assert found == messenger.Console(console, transports)


def test_other_workers_have_no_console(tmp_path: Path) -> None:
    """A program that is not Symfony's has no console, so doctor asks it nothing."""
    assert messenger.console_of(program(tmp_path, "command=php artisan queue:work")) is None
    # Only the shell knows in which directory it runs the console.
    line = "command=sh -c 'cd /srv && php bin/console messenger:consume async'"
    assert messenger.console_of(program(tmp_path, line)) is None


def test_php_is_the_interpreter(tmp_path: Path) -> None:
    """Doctor asks the PHP that runs the console, whatever stands before it."""
    for line, php in (
        ("nice -n 5 /opt/php bin/console messenger:consume a", "/opt/php"),
        ("bin/console messenger:consume a", "php"),
    ):
        console = messenger.console_of(program(tmp_path, f"command={line}"))
        assert console is not None and console.php == php


def test_where_php_is_missing_nothing_is_said_of_the_database(tmp_path: Path) -> None:
    """A console that cannot be run is no finding: "wctl check" reports the missing command."""
    found = program(tmp_path, "command=/nonesuch/php bin/console messenger:consume async")
    runner = Runner(found, tmp_path, Identity(), timeout=5, user=True)
    console = messenger.console_of(found)
    assert console is not None
    nobody: Any = None  # neither workers nor systemd are asked
    symfony = messenger.Messenger(runner, console, nobody, nobody)
    assert list(symfony.findings(0.0, frozenset())) == []
