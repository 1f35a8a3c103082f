"""The cache of images: several test runs share it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from machine import image


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setattr(image, "CACHE", tmp_path)
    return tmp_path


def test_what_another_run_is_making_stays(cache: Path) -> None:
    """Only finished images that no run has used for two weeks are removed, whatever their date."""
    for name in ("roots/.forky-1.x", "roots/forky-1", "layers/forky-e2e-2", "layers/used-3"):
        (cache / name / "usr").mkdir(parents=True)
        os.utime(cache / name, (0, 0))
    image.touch_used(Path("used-3"))
    image.remove_unused()
    assert sorted(path.name for path in cache.glob("*/*") if path.is_dir()) == [
        ".forky-1.x",
        "used-3",
    ]


def test_a_killed_run_leaves_nothing_for_ever(cache: Path) -> None:
    """The next run that makes the same image removes what a killed run has left, then its own."""
    (cache / "roots/.forky-1.left").mkdir(parents=True)
    (cache / "roots/.other-2.left").mkdir()
    with image.atomic_directory(cache / "roots/forky-1") as work:
        (work / "etc").mkdir()
    with pytest.raises(KeyError), image.atomic_directory(cache / "roots/forky-3"):
        raise KeyError
    assert sorted(path.name for path in cache.glob("roots/*")) == [".other-2.left", "forky-1"]
    assert (cache / "roots/forky-1/etc").is_dir()
