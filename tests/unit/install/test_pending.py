"""pending: what a killed update leaves behind for the next one."""

from __future__ import annotations

from pathlib import Path

import pytest

from wctl.install import pending
from wctl.install.installed import Layout
from wctl.install.pending import Intent


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An empty machine."""
    return Layout(False, tmp_path, (), tmp_path, tmp_path / "env")


def test_is_kept_until_done(layout: Layout) -> None:
    """An intent that wctl has written is read back whole, and is gone after clear()."""
    noted = Intent(added=("a",), changed=("b", "c"), rescaled=("d",), new=("d@01.service",))
    pending.write(layout, noted)
    assert pending.read(layout) == noted
    pending.clear(layout)
    assert pending.read(layout) == Intent()
    assert list(layout.units.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"x": 1}', '{"added": 3}'])
def test_what_cannot_be_read_is_nothing(layout: Layout, text: str) -> None:
    """A file that no update can have written is no intent, and no error."""
    (layout.units / ".wctl-update").write_text(text)
    assert pending.read(layout) == Intent()
