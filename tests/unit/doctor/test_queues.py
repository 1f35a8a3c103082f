"""queues: what a queue command prints, and a queue that does not move."""

from __future__ import annotations

import time

import pytest

from wctl.doctor import queues

# Symfony's console prints tables in this style; so does DBAL's command on a terminal.
STATS = """
 ----------- -------
  Transport   Count
 ----------- -------
  async       3
  failed      10
 ----------- -------
"""


@pytest.mark.parametrize(
    ("printed", "counts"),
    [("3\n", {"": 3}), ('{"a": 1, "b": 0}', {"a": 1, "b": 0}), ("{}", {})],
)
def test_queue_command_prints_a_number_or_numbers_by_name(
    printed: str, counts: dict[str, int]
) -> None:
    """doctor understands both forms, also with white space around them."""
    assert queues.parse(printed) == counts


@pytest.mark.parametrize(
    "printed",
    [
        "",
        "many",
        "[1]",
        '{"a": "1"}',
        "1.5",
        "true",
        '{"a": true}',
        "-1",
        '{"a": -1}',
        "NaN",
        "9" * 19,
        "9" * 5000,
        '{"\\ud800": 1}',
    ],
)
def test_anything_else_is_no_count(printed: str) -> None:
    """Output that is not a count is an error, and never becomes a number."""
    with pytest.raises(ValueError):
        queues.parse(printed)


def test_brackets_without_end_are_no_count() -> None:
    """JSON that would exhaust the parser's stack is an error like any other."""
    with pytest.raises(ValueError):
        queues.parse("[" * 200_000)


def test_table_of_messenger_stats() -> None:
    """doctor reads names and counts of the table, the only output of Symfony before 7.2."""
    assert queues.parse_table(STATS) == {"async": 3, "failed": 10}


@pytest.mark.parametrize("piece", ["|", " |", "a|", "1 ", "9", "| 1\n", "|\n", "a 1\n"])
def test_hostile_tables_take_no_time(piece: str) -> None:
    """The worker's application may print a megabyte that almost looks like a table."""
    text = piece * ((1 << 20) // len(piece)) + "x"
    found = queues.parse_table(text) if "a 1" in text else {}
    assert found == ({"a": 1} if found else {})
    if not found:
        with pytest.raises(ValueError):
            queues.parse_table(text)


@pytest.mark.parametrize(
    ("line", "counts"),
    [("| async | 3 |", {"async": 3}), (" a 9" + "9" * 5000, {}), ("a" * 2000 + " 1", {})],
)
def test_rows_of_tables(line: str, counts: dict[str, int]) -> None:
    """Tables may have bars; a number of thousands of digits, or a line without end, is no row."""
    assert queues.parse_table(f"{line}\nb 1") == {**counts, "b": 1}


def test_standing_queue_is_given_up_on_when_it_moves() -> None:
    """A queue moves if its count falls once; otherwise the queue stands, unless it was empty."""
    samples = iter([{"a": 3, "b": 5, "c": 0}, {"a": 2, "b": 5, "c": 0}, {"a": 4, "b": 6, "c": 9}])
    found = queues.standing(lambda: next(samples), 1.5)
    assert [(queue.name, queue.first, queue.last) for queue in found] == [("b", 5, 6)]


def test_nothing_waits_nobody_waits() -> None:
    """If all queues are empty, doctor takes one sample and does not wait."""
    begun = time.monotonic()
    assert queues.standing(lambda: {"a": 0}, 60) == []
    assert time.monotonic() - begun < 60
