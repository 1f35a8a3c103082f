"""Machines without systemd for the tests of Supervisor's face."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.api.workers import Workers


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workers:
    """A user without programs; the journal knows of no end of a worker."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setattr("wctl.operate.past_ends.past_ends", lambda *_a, **_o: {})
    return Workers()
