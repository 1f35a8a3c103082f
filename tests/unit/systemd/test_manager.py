"""manager: what the state and the job of a unit say about it."""

from __future__ import annotations

import pytest

from wctl.systemd.manager import Unit


@pytest.mark.parametrize(
    ("active", "job", "expected"),
    [
        ("inactive", "", {"down"}),
        ("failed", "", {"down"}),
        ("active", "", {"up", "alive"}),
        ("reloading", "", {"up", "alive"}),
        ("refreshing", "", {"up", "alive"}),
        ("activating", "start", {"alive"}),
        # Between the end of the process and the next try, or on the way there.
        ("activating", "", {"alive"}),
        ("deactivating", "", {"alive"}),
        ("deactivating", "stop", set()),
        # A job that systemd has not begun yet.
        ("inactive", "start", {"alive"}),
        ("failed", "restart", {"alive"}),
        ("active", "stop", set()),
        ("active", "restart", {"alive"}),
        ("active", "reload", {"up", "alive"}),
    ],
)
def test_a_job_counts_before_it_has_begun(active: str, job: str, expected: set[str]) -> None:
    """A unit is what it will be when its job has ended."""
    unit = Unit("w@00.service", "loaded", active, "", job)
    assert {name for name in ("up", "alive", "down") if getattr(unit, name)} == expected
