"""changes and files: what an update changes; wctl writes files whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from wctl.config.load import load
from wctl.config.model import Config
from wctl.errors import WctlError
from wctl.install import changes, files
from wctl.install.changes import Plan
from wctl.install.diff import diff
from wctl.install.installed import Layout, came_from, programs
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


KEPT = """\
stopwaitsecs=3
startretries=9
startsecs=7
exitcodes=0,9
autorestart=true
memory_max=1G
cpu_quota=50%%
tasks_max=9
"""


def test_limits_and_ends_restart_nothing(layout: Layout) -> None:
    """How a worker is stopped, restarted or limited is changed while it runs, there and back."""
    plain = "[program:x]\ncommand=php x --startsecs=1 -- --startretries=3 y\n"
    _, first = plan(layout, plain)
    changes.write(first)
    for text in (plain + KEPT, plain):
        _, found = plan(layout, text)
        assert (names(found.changed), found.adjusted, found.empty) == ([], ("x",), False)
        assert names(found.limited) == ["x"]
        changes.write(found)
    _, found = plan(layout, f"{plain}stopwaitsecs=3\n")
    assert (names(found.limited), found.adjusted) == ([], ("x",))
    for option in ("stopsignal=INT", "autorestart=false", "umask=077", "max_runtime=2h"):
        _, found = plan(layout, f"{plain}{option}\n")
        assert names(found.changed) == ["x"], option
    _, found = plan(layout, plain.replace("--startretries=3", "--startretries=4"))
    assert names(found.changed) == ["x"]


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


F = "[fcgi-program:f]\ncommand=a\nuser=root\nsocket=unix:///run/f.sock\nsocket_backlog=16\n"


@pytest.mark.parametrize(
    ("text", "reopened"),
    [
        (F.replace("f.sock", "g.sock"), True),
        (F.replace("=16", "=8"), True),
        (f"{F}socket_mode=0777\n", True),
        (f"{F}socket_owner=nobody\n", True),
        (F.replace("command=a", "command=b"), False),
    ],
)
def test_a_changed_socket_is_opened_anew(layout: Layout, text: str, reopened: bool) -> None:
    """What systemd opens the socket with restarts the workers, and opens the socket anew."""
    changes.write(plan(layout, F)[1])
    after = plan(layout, text)[1]
    for found in (after, changes.only(after, ["f"], layout)):
        assert names(found.changed) == ["f"]
        assert names(found.reopened) == (["f"] if reopened else [])


def test_a_program_that_gets_a_socket(layout: Layout) -> None:
    """systemd may still hold a socket from the time before: it, too, is opened anew."""
    changes.write(plan(layout, "[program:f]\ncommand=a\n")[1])
    after = plan(layout, F)[1]
    assert (names(after.changed), names(after.reopened)) == (["f"], ["f"])


def test_a_socket_whose_file_only_moves_stays(layout: Layout) -> None:
    """Comments and descriptions in the unit of a socket restart nothing."""
    changes.write(plan(layout, F)[1])
    unit = layout.units / "f.socket"
    unit.write_text(unit.read_text().replace("Description=", "Description=older "))
    after = plan(layout, F)[1]
    assert ([file.path for file in after.writes], after.changed, after.reopened) == ([unit], (), ())


@pytest.mark.parametrize("damaged", [None, "", 'A="2"\n', "# Generated by wctl from x.\n"])
def test_lost_variables_restart_workers(layout: Layout, damaged: str | None) -> None:
    """A file of variables that is missing or damaged is written again, and workers restart."""
    changes.write(plan(layout, X)[1])
    file = layout.environment / "x.env"
    before = file.read_text()
    file.unlink()
    if damaged is not None:
        file.write_text(damaged)
    healed = plan(layout, X)[1]
    assert (names(healed.added), names(healed.changed)) == ([], ["x"])
    changes.write(healed)
    assert file.read_text() == before
    assert plan(layout, X)[1].empty


def test_variables_that_we_may_not_read(layout: Layout) -> None:
    """A user who may not read the variables is not told that they are lost."""
    # pytest's own directories are closed to other users.
    with tempfile.TemporaryDirectory() as open_to_all:
        Path(open_to_all).chmod(0o755)
        moved = Path(open_to_all, "machine")
        layout = replace(
            layout,
            configuration=moved,
            units=moved / "units",
            vendor=(),
            environment=moved / "env",
        )
        layout.units.mkdir(parents=True)
        config, first = plan(layout, X)
        changes.write(first)
        rendered = render(config, Host(environment_directory=str(layout.environment)))
        with as_another_user(layout.environment):
            assert changes.plan(config, rendered, layout).empty


@contextmanager
def as_another_user(closed: Path) -> Iterator[None]:
    """Makes us a user who may not enter a directory; root may enter any."""
    closed.chmod(0)
    if os.geteuid() == 0:
        os.seteuid(65534)
        yield
        os.seteuid(0)
    else:
        yield
    closed.chmod(0o700)


def test_how_a_missing_file_is_treated_restarts_nothing(layout: Layout) -> None:
    """An older wctl wrote a - before PROGRAM.env: an upgrade rewrites the unit, without restart."""
    changes.write(plan(layout, X)[1])
    unit = layout.units / "x@.service"
    text = unit.read_text()
    line = f"EnvironmentFile={layout.environment}/x.env"
    assert f"\n{line}\n" in text
    unit.write_text(text.replace(line, line.replace("=", "=-")))
    upgraded = plan(layout, X)[1]
    assert [write.path for write in upgraded.writes] == [unit]
    assert upgraded.changed == ()


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
        shown = diff(after)
        assert (f"# {file}: {what}\n" in shown, "hunter2" in shown) == (True, False)
        _, before = plan(layout, secret)
        changes.write(before)


GROUP = "[group:g]\nprograms=x,y\n"


def test_the_part_of_a_group_that_is_dissolved(layout: Layout) -> None:
    """The group still has its old members, and its target is deleted only when none names it."""
    both = X + X.replace("program:x", "program:y")
    changes.write(plan(layout, both + GROUP)[1])
    _, dissolved = plan(layout, both)
    of_group = changes.only(dissolved, ["g"], layout)
    assert sorted(write.path.name for write in of_group.writes) == [
        "x.target", "x@.service", "y.target", "y@.service",
    ]  # fmt: skip
    assert [path.name for path in of_group.deletes] == ["g.target"]
    # Of one member alone, the other one still names the target.
    assert changes.only(dissolved, ["x"], layout).deletes == ()


@pytest.mark.parametrize("directory", ["units", "vendor"])
def test_a_unit_of_somebody_else_is_in_the_way(layout: Layout, directory: str) -> None:
    """wctl does not overwrite a foreign unit, in whatever directory systemd would find the unit."""
    foreign = layout.configuration / directory / "x@.service"
    foreign.write_text("[Service]\nExecStart=/bin/true\n")
    with pytest.raises(WctlError, match="wctl did not write this file, and does not overwrite it"):
        plan(layout, X)
    assert foreign.read_text() == "[Service]\nExecStart=/bin/true\n"


@pytest.mark.parametrize(("command", "replaced"), [("a", []), ("b", ["x"])])
def test_a_program_in_the_place_of_a_shipped_one(
    layout: Layout, command: str, replaced: list[str]
) -> None:
    """It is added; workers that run from the package's unit are restarted if theirs differs."""
    shipped = "[program:x]\ncommand=a\n"
    changes.write(plan(replace(layout, units=layout.vendor[0]), shipped)[1])
    _, found = plan(layout, f"; moves the line\n[program:x]\ncommand={command}\n")
    assert (names(found.added), names(found.changed)) == (["x"], [])
    assert names(found.replaced) == replaced
    assert names(changes.only(found, ["x"], layout).replaced) == replaced


def test_orphans_are_ours_alone(layout: Layout) -> None:
    """wctl deletes the files that it wrote for a removed program, and no others."""
    changes.write(plan(layout, X)[1])
    other = layout.units / "other@.service"
    other.write_text("[Service]\nExecStart=/bin/true\n")
    copy = layout.units / "x@00.service"  # as systemctl edit --full makes it
    copy.write_text((layout.units / "x@.service").read_text())
    plain = layout.units / "x.service"  # of an [fcgi-program]
    plain.write_text((layout.units / "x@.service").read_text())
    changes.delete(plan(layout, "[program:y]\ncommand=b\n")[1])
    assert sorted(os.listdir(layout.units)) == [other.name, copy.name]
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


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_directories_do_not_depend_on_the_umask(tmp_path: Path, umask: int) -> None:
    """Others can never write to a new directory, and can enter all but those of secrets."""
    before = os.umask(umask)
    try:
        files.write_file(tmp_path / "a/b/c", "")
        files.write_file(tmp_path / "d/env/e", "", secret=True)
    finally:
        os.umask(before)
    found = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert found == {"a": 0o755, "b": 0o755, "c": 0o644, "d": 0o755, "env": 0o700, "e": 0o600}


def test_a_program_came_from_a_file_whichever_link_leads_there(layout: Layout) -> None:
    """-c /srv/current/x.conf means the programs that -c /srv/1/x.conf has installed."""
    _, made = plan(layout, "[program:w]\ncommand=true\n")
    changes.write(made)
    (program,) = programs(layout)
    link = Path(program.source).with_name("link.conf")
    link.symlink_to(program.source)
    other = link.with_name("other.conf")
    other.write_text("[program:x]\ncommand=true\n")
    assert came_from(program, load([link], {}))
    assert not came_from(program, load([other], {}))
