"""Machines without systemd for the tests of Supervisor's face."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.api.workers import Workers, new


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workers:
    """A user without programs."""
    return new(tmp_path, monkeypatch)


@pytest.fixture(autouse=True)
def _in_utc() -> Iterator[None]:
    """Supervisor prints local times: the tests have those of UTC, wherever they run."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()
