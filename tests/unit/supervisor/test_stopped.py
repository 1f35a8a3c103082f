"""stopped: the workers that a move has stopped, until somebody runs them again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from wctl.install.installed import Layout
from wctl.supervisor import stopped


def test_what_is_noted_stays_until_it_is_forgotten(tmp_path: Path) -> None:
    """A second move adds to what the first one has noted; nothing noted is no file."""
    layout = replace(Layout.of_system(), units=tmp_path)
    stopped.note(layout, "x", [])
    assert list(tmp_path.iterdir()) == []
    stopped.note(layout, "x", [2, 0])
    (tmp_path / f".{next(tmp_path.iterdir()).name}.wjh0pt4k").touch()  # of a killed move
    stopped.note(layout, "y", [1])
    stopped.note(layout, "x", [1])
    assert [set(stopped.read(layout, name)) for name in "xy"] == [{0, 1, 2}, {1}]
    stopped.forget(layout, "x")
    stopped.forget(layout, "x")
    assert [set(stopped.read(layout, name)) for name in "xy"] == [set(), {1}]
    stopped.forget(layout, "y")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_somebody_has_edited(tmp_path: Path) -> None:
    """It is as good as none."""
    layout = replace(Layout.of_system(), units=tmp_path)
    stopped.note(layout, "x", [1])
    (file,) = tmp_path.iterdir()
    for text in ("", "[]", '{"x": ["a"]}', '{"x": 1}'):
        file.write_text(text)
        assert stopped.read(layout, "x") == frozenset()
