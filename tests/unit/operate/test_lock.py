"""lock: one wctl at a time."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from wctl.operate.lock import exclusive


def test_the_second_waits_for_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second wctl learns that it has to wait, and gets the lock when the first releases it."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    order = []
    waits = threading.Event()

    def second() -> None:
        with exclusive(user=True, waiting=waits.set):
            order.append("second")

    with exclusive(user=True):
        thread = threading.Thread(target=second)
        thread.start()
        assert waits.wait(10)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
