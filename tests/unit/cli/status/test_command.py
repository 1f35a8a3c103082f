"""command: which rows wctl status shows, and in which order."""

from __future__ import annotations

import pytest

from wctl.cli.status.command import _View
from wctl.cli.status.row import Row
from wctl.operate.states import Process, State
from wctl.session.session import Session

ROWS = [
    Row(Process(name, group, unit, State.STOPPED, "x"))
    for name, group, unit in (
        ("web", "shop", "web@00.service"),
        ("zeta", "zeta", "zeta@00.service"),
        ("cart", "shop", "cart"),  # scaled to 0, which comes last
    )
]


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ((), ["NAME", "shop:", "cart", "web@00", "zeta@00"]),
        (("web", "zeta", "cart"), ["NAME", "shop:", "web@00", "zeta@00", "shop:", "cart"]),
    ],
)
def test_a_group_stands_together(names: tuple[str, ...], shown: list[str]) -> None:
    """Its name is there once, unless the user has named its members in another order."""
    view = _View(Session(), names, long=False, as_json=False)
    assert [line.split()[0] for line in view._table(ROWS, 80)] == shown
