"""apply: which targets an update makes the next boot start."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from wctl.config import load
from wctl.config.model import Config
from wctl.install import changes, pending
from wctl.install.installed import Layout
from wctl.install.pending import Intent
from wctl.operate import apply
from wctl.operate.jobs import Said
from wctl.units.host import Host
from wctl.units.render import render

ONE = "[program:one]\ncommand=true\n"
TWO = "[program:two]\ncommand=true\n"
BY_HAND = "autostart=false\n"
GROUP = "[group:g]\nprograms=one,two\n"
SMALLER = "[group:g]\nprograms=two\n"
NOTHING = Intent()


class Bus:
    """Stands in for the manager: notes what is enabled and disabled, and makes the links."""

    def __init__(self, layout: Layout) -> None:
        self._boot = layout.units / "multi-user.target.wants"
        self._boot.mkdir(exist_ok=True)
        self.on: set[str] = set()
        self.off: set[str] = set()

    def enable(self, units: list[str]) -> None:
        targets = [name for name in units if name.endswith(".target")]
        self.on.update(targets)
        for name in targets:
            (self._boot / name).unlink(missing_ok=True)
            (self._boot / name).symlink_to(f"../{name}")

    def disable(self, units: list[str]) -> None:
        self.off.update(units)
        for name in units:
            (self._boot / name).unlink(missing_ok=True)

    def reload(self) -> None:
        """Nothing is loaded."""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A machine without units."""
    (tmp_path / "units").mkdir()
    return Layout(False, tmp_path / "units", (), tmp_path, tmp_path / "env")


def planned(layout: Layout, text: str) -> tuple[Config, changes.Plan]:
    """Returns a configuration, and the plan of an update to it."""
    file = layout.configuration / "x.conf"
    file.write_text(text)
    config = load.load([file], {})
    assert not config.errors
    return config, changes.plan(config, render(config, Host()), layout)


def enabled(layout: Layout, text: str, left: Intent = NOTHING) -> tuple[set[str], set[str]]:
    """Returns the targets that an update to a configuration enables, and those it disables."""
    _, plan = planned(layout, text)
    changes.write(plan)
    changes.delete(plan)
    bus: Any = Bus(layout)
    apply._enable(bus, layout, plan, left)
    return bus.on, bus.off


def test_group_starts_at_boot_while_one_of_its_programs_does(layout: Layout) -> None:
    """Its target is disabled when the last such program has changed, left or gone."""
    expected = {"one.target", "g.target"}, {"two.target"}
    assert enabled(layout, ONE + TWO + BY_HAND + GROUP) == expected
    assert enabled(layout, ONE + BY_HAND + TWO + BY_HAND + GROUP) == (
        set(),
        {"one.target", "g.target"},
    )
    assert enabled(layout, ONE + TWO + BY_HAND + GROUP) == ({"one.target", "g.target"}, set())
    assert enabled(layout, ONE + TWO + BY_HAND + SMALLER) == (set(), {"g.target"})
    enabled(layout, ONE + TWO + BY_HAND + GROUP)
    assert enabled(layout, TWO + BY_HAND + SMALLER) == (set(), {"g.target"})
    assert enabled(layout, TWO) == ({"two.target"}, set())


def test_update_after_one_that_was_killed(layout: Layout) -> None:
    """The files no longer tell which group a program has left; what starts at boot does."""
    enabled(layout, ONE + TWO + BY_HAND + GROUP)
    changed = ONE + TWO + BY_HAND + SMALLER
    enabled(layout, changed)  # as if it was killed before it disabled anything
    assert enabled(layout, changed) == (set(), set())
    assert enabled(layout, changed, Intent(touched=("one",))) == (set(), {"g.target"})


def test_an_update_keeps_what_was_enabled_by_hand(layout: Layout) -> None:
    """Only a changed autostart=, and no other change of the program, goes over it."""
    enabled(layout, ONE + TWO + BY_HAND + GROUP)
    bus = Bus(layout)
    bus.disable(["one.target", "g.target"])
    bus.enable(["two.target"])
    changed = ONE + "umask=077\n" + TWO + BY_HAND + "umask=077\n"
    assert enabled(layout, changed + GROUP) == (set(), {"g.target"})
    assert enabled(layout, changed.replace("umask=077\n", BY_HAND, 1) + GROUP)[0] == set()
    both = changed.replace("umask=077\n", "").replace(BY_HAND, "")
    assert enabled(layout, both + GROUP)[0] == {"one.target", "two.target", "g.target"}


def test_a_group_is_new_also_for_programs_that_were_there(layout: Layout) -> None:
    """An update says so: nobody wonders where the target comes from."""
    enabled(layout, ONE + TWO)
    _, plan = planned(layout, ONE + TWO + GROUP)
    assert list(apply._told(plan)) == [Said("g", "added group")]


def test_units_that_a_killed_update_has_written_are_read(layout: Layout) -> None:
    """The next update has systemd read them, also if no worker is to be restarted for them."""
    enabled(layout, ONE + TWO)
    text = ONE + "stopwaitsecs=77\n" + TWO
    _, plan = planned(layout, text)
    inventory: Any = SimpleNamespace(programs=())
    pending.begin(layout, apply._intent(plan, inventory, NOTHING))
    changes.write(plan)  # and a kill before systemd reloads
    config, plan = planned(layout, text)
    assert plan.empty
    plan = apply.with_unfinished(plan, config, layout)
    assert not plan.empty
    assert plan.adjusted == ("one",)
    assert not plan.changed


def test_an_interrupted_update_does_not_enable_what_was_disabled_since(layout: Layout) -> None:
    """The next update goes on with the rest, such as the first start of a program."""
    enabled(layout, ONE)
    pending.begin(layout, Intent(added=("one",), touched=("one",)))
    pending.forget_boot(layout, {"one"})
    config, plan = planned(layout, ONE)
    plan = apply.with_unfinished(plan, config, layout)
    assert [program.name for program in plan.added] == ["one"]
    assert not plan.touched
