"""Machines without systemd for the tests of Supervisor's face."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.api.workers import Workers, new


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workers:
    """A user without programs."""
    return new(tmp_path, monkeypatch)
