"""changes and files: what an update changes; wctl writes files whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wctl.config.load import load
from wctl.config.model import Config
from wctl.errors import WctlError
from wctl.install import changes, files
from wctl.install.changes import Plan
from wctl.install.installed import Layout
from wctl.units.host import Host
from wctl.units.render import render


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """The directories of an empty machine."""
    for name in ("units", "vendor"):
        (tmp_path / name).mkdir()
    return Layout(
        user=False,
        units=tmp_path / "units",
        vendor=(tmp_path / "vendor",),
        configuration=tmp_path,
        environment=tmp_path / "env",
    )


def plan(layout: Layout, text: str) -> tuple[Config, Plan]:
    """Returns what an update to this configuration would do."""
    file = layout.configuration / "wctl.conf"
    file.write_text(text)
    config = load([file], {})
    assert config.errors == ()
    target = Host(environment_directory=str(layout.environment))
    return config, changes.plan(config, render(config, target), layout)


def names(programs: tuple[object, ...]) -> list[str]:
    return [str(getattr(program, "name", program)) for program in programs]


X = '[program:x]\ncommand=a\nenvironment=A="1"\nprocess_name=%(process_num)d\n'


def test_what_is_written_is_not_written_again(layout: Layout) -> None:
    """The first plan adds the program; with the same configuration, the next plan is empty."""
    _, first = plan(layout, X)
    assert names(first.added) == ["x"]
    changes.write(first)
    assert sorted(os.listdir(layout.units)) == ["x.target", "x@.service"]
    assert os.listdir(layout.environment) == ["x.env"]
    assert plan(layout, X)[1].empty
    assert plan(layout, f"; a comment\n{X}")[1].empty


@pytest.mark.parametrize(
    ("text", "changed", "rescaled", "removed"),
    [
        (X.replace("=a", "=b"), ["x"], [], []),
        (X.replace('"1"', '"2"'), ["x"], [], []),
        (f"{X}numprocs=2\n", [], ["x"], []),
        (f"{X}autostart=false\n", [], [], []),
        (X.replace("program:x", "program:y"), [], [], ["x"]),
    ],
)
def test_only_what_concerns_workers_restarts_them(
    layout: Layout, text: str, changed: list[str], rescaled: list[str], removed: list[str]
) -> None:
    """A changed command or variable restarts workers; a changed numprocs or autostart does not."""
    changes.write(plan(layout, X)[1])
    after = plan(layout, text)[1]
    assert names(after.changed) == changed
    assert names(after.rescaled) == rescaled
    assert names(after.removed) == removed
    assert not after.empty


def test_secrets_are_for_root_alone(layout: Layout) -> None:
    """Variables have a file of mode 0600 in a directory of mode 0700."""
    _, first = plan(layout, X)
    changes.write(first)
    assert (layout.environment / "x.env").stat().st_mode & 0o777 == 0o600
    assert layout.environment.stat().st_mode & 0o777 == 0o700
    assert (layout.units / "x@.service").stat().st_mode & 0o777 == 0o644


def test_secrets_are_in_no_diff(layout: Layout) -> None:
    """The diff only names a file of variables that is new, changed or deleted."""
    secret = X.replace('"1"', '"hunter2"')
    file = layout.environment / "x.env"
    for text, what in ((secret, "new"), (X, "changed"), ("[program:y]\ncommand=a\n", "deleted")):
        _, after = plan(layout, text)
        shown = changes.diff(after)
        assert (f"# {file}: {what}\n" in shown, "hunter2" in shown) == (True, False)
        _, before = plan(layout, secret)
        changes.write(before)


@pytest.mark.parametrize("directory", ["units", "vendor"])
def test_a_unit_of_somebody_else_is_in_the_way(layout: Layout, directory: str) -> None:
    """wctl does not overwrite a foreign unit, in whatever directory systemd would find the unit."""
    foreign = layout.configuration / directory / "x@.service"
    foreign.write_text("[Service]\nExecStart=/bin/true\n")
    with pytest.raises(WctlError, match="wctl did not write this file, and does not overwrite it"):
        plan(layout, X)
    assert foreign.read_text() == "[Service]\nExecStart=/bin/true\n"


def test_orphans_are_ours_alone(layout: Layout) -> None:
    """wctl deletes the files that it wrote for a removed program, and no others."""
    changes.write(plan(layout, X)[1])
    other = layout.units / "other@.service"
    other.write_text("[Service]\nExecStart=/bin/true\n")
    changes.delete(plan(layout, "[program:y]\ncommand=b\n")[1])
    assert os.listdir(layout.units) == [other.name]
    assert os.listdir(layout.environment) == []


def test_a_write_that_fails_leaves_the_old_text(layout: Layout) -> None:
    """A failed write leaves the old text and no temporary file; the error names the file."""
    path = layout.units / "x.target"
    files.write_file(path, "old\n")
    with pytest.raises(UnicodeEncodeError):
        files.write_file(path, "new \udcff\n")
    assert (path.read_text(), os.listdir(layout.units)) == ("old\n", ["x.target"])
    path.unlink()
    path.mkdir()
    with pytest.raises(WctlError, match=f"{path}: Is a directory"):
        files.write_file(path, "new\n")
    assert os.listdir(layout.units) == ["x.target"]


def test_what_a_power_cut_left_is_deleted(layout: Layout) -> None:
    """wctl deletes temporary files of the files that it writes now, and no others."""
    kept = layout.units / ".other.service.abcdefgh"
    for file in (layout.units / ".x.target.ab_cd12e", kept):
        file.write_text("half of it")
    changes.write(plan(layout, X)[1])
    assert sorted(os.listdir(layout.units)) == [kept.name, "x.target", "x@.service"]
