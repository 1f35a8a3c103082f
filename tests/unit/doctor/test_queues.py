"""queues: what a queue command prints, and a queue that does not move."""

from __future__ import annotations

import time

import pytest

from wctl.doctor import queues

# As Symfony's console prints it, in its style guide's table and in that of DBAL on a terminal.
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


def test_standing_queue_is_given_up_on_when_it_moves() -> None:
    """A count that falls once moves; one that only grows, or stays, does not; zero is nothing."""
    samples = iter([{"a": 3, "b": 5, "c": 0}, {"a": 2, "b": 5, "c": 0}, {"a": 4, "b": 6, "c": 9}])
    found = queues.standing(lambda: next(samples), 1.5)
    assert [(queue.name, queue.first, queue.last) for queue in found] == [("b", 5, 6)]


def test_nothing_waits_nobody_waits() -> None:
    """With empty queues there is one sample and no waiting."""
    begun = time.monotonic()
    assert queues.standing(lambda: {"a": 0}, 60) == []
    assert time.monotonic() - begun < 60
