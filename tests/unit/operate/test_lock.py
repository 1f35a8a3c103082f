"""lock: one wctl at a time."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from wctl.errors import WctlError
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


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_directory_is_ours_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int
) -> None:
    """Whatever the umask, nobody else can replace the lock, and everybody can look."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    before = os.umask(umask)
    try:
        with exclusive(user=True):
            pass
    finally:
        os.umask(before)
    modes = [path.stat().st_mode & 0o777 for path in sorted((tmp_path / "run").rglob("*"))]
    assert ((tmp_path / "run").stat().st_mode & 0o777, modes) == (0o755, [0o755, 0o600])


def test_a_directory_that_others_can_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """wctl takes no lock that another user may have put there."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "wctl").mkdir()
    (tmp_path / "wctl").chmod(0o777)
    expected = f"{tmp_path}/wctl: other users can write to this directory, which holds wctl's lock"
    with pytest.raises(WctlError, match=expected), exclusive(user=True):
        pass
    (tmp_path / "wctl").rmdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "wctl").symlink_to("elsewhere")
    with pytest.raises(WctlError, match="wctl/lock: Not a directory"), exclusive(user=True):
        pass
