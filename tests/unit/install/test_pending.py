"""pending: what a killed update leaves behind for the next one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from wctl.install import pending
from wctl.install.installed import Layout
from wctl.install.pending import Intent
from wctl.units.marker import MARK


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An empty machine."""
    return Layout(False, tmp_path, (), tmp_path, tmp_path / "env")


NOTED = Intent(
    added=("a",),
    changed=("b", "c"),
    rescaled=("d",),
    touched=("a", "b"),
    new=("d@01.service",),
    reopened=("b",),
    rewritten=("b",),
)


def test_is_kept_until_done(layout: Layout) -> None:
    """An intent that wctl has noted is read back whole, and is gone when it is carried out."""
    pending.begin(layout, NOTED)
    assert pending.read(layout) == NOTED
    pending.end(layout, NOTED)
    assert pending.read(layout) == Intent()
    assert list(layout.units.iterdir()) == []


def test_what_a_power_cut_left_goes_with_the_next_intent(layout: Layout) -> None:
    """The temporary file may be on the disk, and its new name not yet."""
    (layout.units / "..wctl-update.wjh0pt4k").write_text("{}")
    pending.begin(layout, NOTED)
    assert [path.name for path in layout.units.iterdir()] == [".wctl-update"]


def install(layout: Layout, names: str) -> None:
    """Installs a template unit of wctl for each letter."""
    for name in names:
        (layout.units / f"{name}@.service").write_text(f"# {MARK} from /x.\n")


def test_update_of_another_program_forgets_nothing(layout: Layout) -> None:
    """What an update does not carry out stays noted: it adds its own, and takes its own away."""
    install(layout, "abcdx")
    pending.begin(layout, NOTED)
    own = Intent(changed=("b", "x"), touched=("x",))
    pending.begin(layout, own)
    assert pending.read(layout) == Intent(
        added=("a",),
        changed=("b", "c", "x"),
        rescaled=("d",),
        touched=("a", "b", "x"),
        new=("d@01.service",),
        reopened=("b",),
        rewritten=("b",),
    )
    pending.end(layout, own)
    assert pending.read(layout) == Intent(
        added=("a",), changed=("c",), rescaled=("d",), touched=("a",), new=("d@01.service",)
    )
    pending.end(layout, Intent(rescaled=("d",)))
    assert pending.read(layout) == Intent(added=("a",), changed=("c",), touched=("a",))


def test_what_is_gone_is_forgotten(layout: Layout) -> None:
    """A program that is not installed any more has nothing left to be done, whoever removed it."""
    install(layout, "dba")
    pending.begin(layout, NOTED)
    pending.end(layout, Intent())
    assert pending.read(layout) == Intent(
        added=("a",),
        changed=("b",),
        rescaled=("d",),
        touched=("a", "b"),
        new=("d@01.service",),
        reopened=("b",),
        rewritten=("b",),
    )
    for unit in layout.units.glob("*.service"):
        unit.unlink()
    pending.end(layout, Intent())
    assert list(layout.units.iterdir()) == []


def test_nothing_to_do_is_not_noted(layout: Layout) -> None:
    """An update with nothing to finish writes no file."""
    pending.begin(layout, Intent())
    pending.end(layout, Intent())
    assert list(layout.units.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"x": 1}', '{"added": 3}'])
def test_what_cannot_be_read_is_nothing(layout: Layout, text: str) -> None:
    """A file that no update can have written is no intent, and no error."""
    (layout.units / ".wctl-update").write_text(text)
    assert pending.read(layout) == Intent()


def test_what_was_enabled_by_hand_stays_so(layout: Layout) -> None:
    """The next update carries out the rest of one that was interrupted."""
    install(layout, "abcd")
    pending.forget_boot(layout, {"a"})
    assert not pending.path(layout).exists()
    pending.begin(layout, NOTED)
    pending.forget_boot(layout, {"a", "x"})
    assert pending.read(layout) == replace(NOTED, touched=("b",))
    pending.end(layout, NOTED)
    pending.begin(layout, Intent(touched=("a",)))
    pending.forget_boot(layout, {"a"})
    assert not pending.path(layout).exists()
