"""inventory: which instances a selector names."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from wctl.errors import Exit, WctlError
from wctl.install.installed import Layout
from wctl.operate.inventory import Inventory
from wctl.operate.selection import select
from wctl.systemd import unit_name
from wctl.systemd.manager import Unit
from wctl.units.marker import MARK


class Bus:
    """Stands in for the manager: the units that it has loaded."""

    def __init__(self, *loaded: str) -> None:
        self._loaded = loaded

    def units(self, patterns: list[str]) -> list[Unit]:
        return [Unit(name, "loaded", "active", "running") for name in self._loaded]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Two programs: alpha, with two instances, in the group g, and beta, with one instance."""
    for name, group, numbers in (("alpha", "g", (0, 1)), ("beta", "beta", (0,))):
        (tmp_path / f"{name}@.service").write_text(
            f"# {MARK} from x.conf.\n[Unit]\nX-Wctl-Group={group}\nX-Wctl-Numprocs={len(numbers)}\n"
        )
        wants = tmp_path / f"{name}.target.wants"
        wants.mkdir()
        for number in numbers:
            (wants / f"{name}@{number:02d}.service").symlink_to(f"../{name}@.service")
    return Layout(False, tmp_path, (), tmp_path, tmp_path / "env")


def selected(layout: Layout, *selectors: str, loaded: tuple[str, ...] = ()) -> list[str]:
    """Returns the names of the instances that the selectors name."""
    return [one.name for one in select(inventory(layout, *loaded), selectors).instances]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("alpha", ["alpha@00", "alpha@01"]),
        ("alpha:", ["alpha@00", "alpha@01", "beta@00"]),
        ("alpha:*", ["alpha@00", "alpha@01", "beta@00"]),
        ("alpha:beta", ["beta@00"]),
        ("alpha:alpha_01", ["alpha@01"]),
        ("alpha-group", ["alpha@00", "alpha@01", "beta@00"]),
        ("beta:", ["beta@00"]),
    ],
)
def test_a_group_with_the_name_of_its_program(
    layout: Layout, selector: str, expected: list[str]
) -> None:
    """As in Supervisor, NAME:* is the group, and NAME alone the program."""
    for path in layout.units.glob("*@.service"):
        path.write_text(re.sub("X-Wctl-Group=.*", "X-Wctl-Group=alpha-group", path.read_text()))
    assert selected(layout, selector) == expected


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("all", ["beta@00", "alpha@00", "alpha@01"]),
        ("alpha", ["alpha@00", "alpha@01"]),
        ("alpha@01", ["alpha@01"]),
        ("alpha@01.service", ["alpha@01"]),
        ("alpha@{00..01}", ["alpha@00", "alpha@01"]),
        ("alpha@0*", ["alpha@00", "alpha@01"]),
        ("*a@00", ["beta@00", "alpha@00"]),
        ("alpha:*", ["alpha@00", "alpha@01"]),
        ("alpha:", ["alpha@00", "alpha@01"]),
        ("alpha:alpha_01", ["alpha@01"]),
        ("beta:beta", ["beta@00"]),
        ("g", ["alpha@00", "alpha@01"]),
        ("g:*", ["alpha@00", "alpha@01"]),
        ("g:alpha_00", ["alpha@00"]),
    ],
)
def test_selector(layout: Layout, selector: str, expected: list[str]) -> None:
    """Each form of a selector, Supervisor's and systemd's, names the right instances."""
    assert selected(layout, selector) == expected


@pytest.mark.parametrize(
    ("template", "processes"),
    [
        (None, ["alpha_00", "alpha_01"]),
        ("worker-%(process_num)d", ["worker-0", "worker-1"]),
        ("t\\xc3\\xbcr%%_%(process_num)03x", ["tür%_000", "tür%_001"]),
        ("%(process_num)02d@x", ["00@x", "01@x"]),
        ("w\\x5b%(process_num)d\\x5d", ["w[0]", "w[1]"]),
        ("one", ["one", "one_01"]),  # configured as one process, and scaled
        ("%(other)s", ["alpha_00", "alpha_01"]),  # nothing that wctl has written
    ],
)
def test_processes_by_their_names_in_supervisor(
    layout: Layout, template: str | None, processes: list[str]
) -> None:
    """group:process names an instance, whatever process_name says."""
    if template is not None:
        unit = layout.units / "alpha@.service"
        unit.write_text(f"{unit.read_text()}X-Wctl-Process={template}\n")
    found = inventory(layout)
    alpha = found.program("alpha")
    assert [alpha.process_name(number) for number in (0, 1)] == processes
    assert [selected(layout, f"g:{name}") for name in processes] == [["alpha@00"], ["alpha@01"]]
    with pytest.raises(WctlError, match="no such process"):
        selected(layout, "g:nosuch")


@pytest.mark.parametrize("title", ["a,b", "a@b", "a[l]pha", "-x", "wörk*", "a\\b", "bet?"])
def test_a_program_has_the_name_in_its_configuration(layout: Layout, title: str) -> None:
    """A program's own name means this program, even if it has characters of selectors' syntax."""
    name = unit_name.escape(title)
    (layout.units / f"{name}@.service").write_text(f"# {MARK} from x.conf.\n[Unit]\n")
    wants = layout.units / f"{name}.target.wants"
    wants.mkdir()
    (wants / f"{name}@00.service").symlink_to("x")
    for word in (title, name):
        assert selected(layout, f"{word}@00") == [f"{name}@00"]
        assert selected(layout, word) == [f"{name}@00"]
        assert inventory(layout).program(word).name == name
        assert [program.name for program in inventory(layout).with_names([word])] == [name]


def test_without_a_selector_everything_is_meant(layout: Layout) -> None:
    """Without a selector, wctl means all instances, sorted by group and then by name."""
    assert selected(layout) == ["beta@00", "alpha@00", "alpha@01"]


def test_instances_alive_count_too(layout: Layout) -> None:
    """An instance that a user started without enabling it counts; misspelt instances do not."""
    loaded = ("alpha@05.service", "alpha@100.service", "alpha@6.service", "other@00.service")
    found = selected(layout, "alpha", loaded=loaded)
    assert found == ["alpha@00", "alpha@01", "alpha@05", "alpha@100"]


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("gamma", "gamma: no such process"),
        ("alhpa", "alhpa: no such process, did you mean alpha?"),
        ("alpha@0", "alpha@0: no such process, did you mean alpha@00?"),
        ("alpha@x", "alpha@x: no such process, did you mean alpha?"),
        ("alpha@07", "alpha@07: no such process, alpha is scaled to 2"),
        ("alpha:alpha_07", "alpha@07: no such process, alpha is scaled to 2"),
        ("alpha@{01..03}", "alpha@02: no such process, alpha is scaled to 2"),
        ("alpha@" + "9" * 5000, "alpha@" + "9" * 294 + "…: no such process, did you mean alpha?"),
        ("alpha@1000000000", "alpha@1000000000: no such process, did you mean alpha?"),
        (
            "alpha:alpha_" + "9" * 5000,
            "alpha:alpha_" + "9" * 288 + "…: no such process, did you mean alpha?",
        ),
        ("alpha:gamma_01", "alpha:gamma_01: no such process, did you mean alpha?"),
    ],
)
def test_unknown_selector(layout: Layout, selector: str, message: str) -> None:
    """An unknown name is an error with exit code 4 and the nearest name."""
    with pytest.raises(WctlError) as caught:
        selected(layout, selector)
    assert (caught.value.message, caught.value.exit_code) == (message, Exit.UNKNOWN)


@pytest.mark.parametrize(
    "numbers", ["{00..999999999}", f"{{0..{'9' * 5000}}}", f"{{{'0' * 5000}..1}}"]
)
def test_a_range_is_bounded(layout: Layout, numbers: str) -> None:
    """wctl refuses a range that would fill the memory."""
    with pytest.raises(WctlError, match="names too many instances") as caught:
        selected(layout, f"alpha@{numbers}")
    assert caught.value.exit_code == Exit.USAGE


# ---- programs that a package has brought --------------------------------------------------------


@pytest.fixture
def shipped(layout: Layout, tmp_path: Path) -> Layout:
    """The two programs, and gamma, whose units are a package's."""
    vendor = tmp_path / "vendor"
    vendor.mkdir()
    (vendor / "gamma@.service").write_text(
        f"# {MARK} from /usr/share/x.conf.\n[Unit]\nX-Wctl-Numprocs=2\n"
    )
    return replace(layout, vendor=(vendor,))


def inventory(layout: Layout, *loaded: str) -> Inventory:
    return Inventory(layout, Bus(*loaded))  # type: ignore[arg-type] # the part that is used


def names(found: Inventory) -> list[str]:
    return [program.name for program in found.programs]


def test_a_dormant_program_goes_by_its_own_name_alone(shipped: Layout) -> None:
    """It is not listed, nor meant by "all" and globs; its name means its configured instances."""
    assert names(inventory(shipped)) == ["alpha", "beta"]
    assert "gamma@00" not in selected(shipped) + selected(shipped, "all")
    for selector in ("gamma", "gamma:*", "gamma@{00..01}", "gamma@*"):
        assert selected(shipped, selector) == ["gamma@00", "gamma@01"]
    assert selected(shipped, "gamma:gamma_01") == ["gamma@01"]
    with pytest.raises(WctlError, match="no such process"):
        selected(shipped, "gam*")
    with pytest.raises(WctlError, match="did you mean gamma"):
        selected(shipped, "gama")


def test_a_dormant_program_is_meant_without_a_name_if_it_is_alone(
    shipped: Layout, tmp_path: Path
) -> None:
    """Beside one other program, that one is meant; alone, the dormant program."""
    (tmp_path / "alpha@.service").unlink()
    assert inventory(shipped).program(None).name == "beta"
    (tmp_path / "beta@.service").unlink()
    assert inventory(shipped).program(None).name == "gamma"
    assert selected(shipped) == []


@pytest.mark.parametrize(
    ("link", "loaded", "instances"),
    [
        ("gamma.target.wants/gamma@03.service", (), ["gamma@03"]),
        ("multi-user.target.wants/gamma.target", (), ["gamma@00", "gamma@01"]),
        (None, ("gamma@04.service",), ["gamma@04"]),
        (None, ("gamma.target",), ["gamma@00", "gamma@01"]),
    ],
)
def test_a_shipped_program_in_use_is_as_any_other(
    shipped: Layout, tmp_path: Path, link: str | None, loaded: tuple[str, ...], instances: list[str]
) -> None:
    """A link of an instance or of its target, or a unit that has been started, wakes it."""
    if link is not None:
        (tmp_path / link).parent.mkdir()
        (tmp_path / link).symlink_to("/nonesuch")
    assert names(inventory(shipped, *loaded)) == ["alpha", "beta", "gamma"]
    assert selected(shipped, "gam*", loaded=loaded) == instances


def test_a_program_in_etc_takes_the_place_of_a_shipped_one(shipped: Layout, tmp_path: Path) -> None:
    """Without any link or process, it is listed; when its unit is gone, the other is dormant."""
    unit = tmp_path / "gamma@.service"
    unit.write_text(f"# {MARK} from x.conf.\n[Unit]\n")
    assert names(inventory(shipped)) == ["alpha", "beta", "gamma"]
    unit.unlink()
    assert names(inventory(shipped)) == ["alpha", "beta"]
