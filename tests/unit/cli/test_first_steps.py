"""first_steps: what wctl says where there is no configuration, or no program."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.cli.test_app import run
from wctl.cli import first_steps
from wctl.install.installed import Layout
from wctl.session.session import Session
from wctl.supervisor import migration
from wctl.units.marker import MARK


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A machine with nothing but a shipped program; its example may be there, or Supervisor."""
    vendor = tmp_path / "vendor"
    vendor.mkdir()
    unit = f"# {MARK} from it.\n[Unit]\nX-Wctl-Source={tmp_path}/example.conf\n"
    (vendor / "x@.service").write_text(unit)
    monkeypatch.setattr(migration, "PLACES", (str(tmp_path / "supervisord.conf"),))
    etc = tmp_path / "etc"
    return Layout(False, tmp_path / "units", (vendor,), etc, etc / "env")


def next_step(layout: Layout, *files: Path) -> str:
    """Returns what a run of wctl says, with these files after -c."""
    session = Session(files=list(files))
    session.layout = layout
    return first_steps.next_step(session)


def test_the_way_depends_on_what_is_there(layout: Layout, tmp_path: Path) -> None:
    """A configuration is to be installed; else one is to be written, or Supervisor's imported."""
    directory = layout.configuration / "conf.d"
    described = (
        "run 'wctl init' in the directory of a Symfony or Laravel application, or describe programs"
        f" in {directory}/*.conf, as for Supervisor, and run 'wctl update'"
    )
    assert next_step(layout) == described
    (tmp_path / "supervisord.conf").touch()
    imported = f"; or run 'wctl import --dry-run', which reads {tmp_path}/supervisord.conf"
    assert next_step(layout) == described + imported
    directory.mkdir(parents=True)
    (directory / "a.conf").touch()
    installed = "run 'wctl update' to install the configured programs"
    assert next_step(layout) == installed
    other = "run 'wctl -c /a.conf update' to install the configured programs"
    assert next_step(layout, Path("/a.conf")) == other


@pytest.mark.parametrize("verb", ["check", "render", "reread", "update", "run x@00"])
def test_without_a_configuration(tmp_path: Path, verb: str) -> None:
    """Each verb that needs a configuration fails, and says in one line how to begin."""
    shown = run("--user", *verb.split(), XDG_CONFIG_HOME=str(tmp_path))
    assert (shown.returncode, shown.stdout) == (1, "")
    assert shown.stderr == (
        f"wctl: {tmp_path}/wctl: no configuration, expected wctl.conf or conf.d/*.conf\n"
        "      run 'wctl --user init' in the directory of a Symfony or Laravel application, or"
        f" describe programs in {tmp_path}/wctl/conf.d/*.conf, as for Supervisor, and run"
        " 'wctl --user update'\n"
    )


def test_what_a_deleted_configuration_has_left(tmp_path: Path) -> None:
    """If units are there, an update would remove them; but check has nothing to check."""
    (tmp_path / "systemd/user").mkdir(parents=True)
    unit = f"# {MARK} from it.\n[Unit]\nX-Wctl-Source={tmp_path}/wctl/conf.d/x.conf\n"
    (tmp_path / "systemd/user/x@.service").write_text(unit)
    check = run("--user", "check", XDG_CONFIG_HOME=str(tmp_path))
    assert (check.returncode, "no configuration" in check.stderr) == (1, True)
    assert run("--user", "reread", XDG_CONFIG_HOME=str(tmp_path)).stdout == "x: disappeared\n"
    update = run("--user", "update", XDG_CONFIG_HOME=str(tmp_path))
    assert (update.returncode, update.stdout) == (1, "")
    assert update.stderr == (
        "wctl: the configuration has no program\n"
        "      to remove x, use --prune, or name the programs\n"
    )


def test_no_program_of_a_file(
    layout: Layout, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """With -c FILE, others may be installed."""
    session = Session(files=[tmp_path / "x.conf"])
    session.layout = layout
    first_steps.tell(session)
    assert capfd.readouterr().err.startswith(f"wctl: no program of {tmp_path}/x.conf is installed")
