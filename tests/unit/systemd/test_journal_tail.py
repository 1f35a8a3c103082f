"""journal_tail: the last bytes of what a worker wrote, while it goes on to write."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from wctl.systemd import journal, journal_tail
from wctl.systemd.journal import Line, Query


class Busy:
    """Stands in for the journal of a worker that writes faster than we read."""

    def read(self, _query: Query, count: int) -> Iterator[Line]:
        for number in itertools.count(1000 - count):
            yield Line("a@00.service", b"%d" % number, 0, 6, 1, "stdout", "a")


def test_a_busy_worker_does_not_keep_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last bytes are those at the time of the question, however short the lines are."""
    monkeypatch.setattr(journal, "reader", Busy)
    assert journal_tail.last_bytes(Query(("a@00.service",)), 400).endswith(b"\n998\n999\n")
    assert len(journal_tail.last_bytes(Query(("a@00.service",)), 400)) == 400
