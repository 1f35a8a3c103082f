"""back: which files of wctl leave its configuration when programs go back to Supervisor."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from wctl.config import load
from wctl.config.model import Config
from wctl.errors import WctlError
from wctl.install.installed import Installed
from wctl.supervisor import back, migration

THEIRS = "[supervisord]\n[program:x]\ncommand=a\n[program:y]\ncommand=b\n"


def configured(directory: Path, **files: str) -> Config:
    """Returns wctl's configuration with these files in conf.d; "main" is wctl.conf."""
    (directory / "conf.d").mkdir()
    for name, text in files.items():
        path = "wctl.conf" if name == "main" else f"conf.d/{name}.conf"
        (directory / path).write_text(text)
    return load.load(load.default_files(directory), {})


@pytest.fixture
def theirs(tmp_path: Path) -> Config:
    """Supervisor's configuration."""
    (tmp_path / "supervisord.conf").write_text(THEIRS)
    return load.load([tmp_path / "supervisord.conf"], {})


def test_files_of_the_programs(tmp_path: Path, theirs: Config) -> None:
    """Each program has its file; copies without a program go, too; files of others stay."""
    head = f"; Imported from {tmp_path}/supervisord.conf by 'wctl import'. You may edit this file:"
    ours = configured(
        tmp_path,
        a="[program:x]\ncommand=a\n",
        b="[program:y]\ncommand=b\n",
        c=f"{head} see wctl.conf(5).\n[group:g]\nprograms=x\n",
        d="[program:mine]\ncommand=c\n",
    )
    found = back.sources(theirs.programs, ours, tmp_path)
    conf = tmp_path / "conf.d"
    assert found == {"x": conf / "a.conf", "y": conf / "b.conf"}
    copies = migration.copies_of(theirs.files, ours, set(found.values()))
    assert copies == (conf / "a.conf", conf / "b.conf", conf / "c.conf")


def test_files_that_have_something_else(tmp_path: Path, theirs: Config) -> None:
    """A file cannot be renamed if a program that does not go back is in it."""
    ours = configured(tmp_path, a="[program:x]\ncommand=a\n[program:mine]\ncommand=c\n")
    with pytest.raises(WctlError, match=r"a\.conf:3: \[program:mine\] is in a file with"):
        back.sources(theirs.programs, ours, tmp_path)


def test_wctls_main_file(tmp_path: Path, theirs: Config) -> None:
    """wctl.conf is no copy of a file of Supervisor's."""
    ours = configured(tmp_path, main="[program:x]\ncommand=a\n")
    with pytest.raises(WctlError, match=r"wctl\.conf has x, and .* renames only files in"):
        back.sources(theirs.programs, ours, tmp_path)


def installed(name: str, *, autostart: bool, at_boot: bool) -> Installed:
    """Returns a program of the group g."""
    file = Path(f"/x/{name}@.service")
    return Installed(name, file, "/x/x.conf", "g", 1, 0, autostart, (0,), at_boot=at_boot)


def test_what_the_next_boot_would_start(theirs: Config) -> None:
    """What was enabled by hand does not start beside Supervisor; what was disabled stays so."""
    disabled: list[str] = []
    both = (
        installed("x", autostart=False, at_boot=True),
        installed("y", autostart=True, at_boot=False),
    )
    inventory: Any = SimpleNamespace(installed=both)
    manager: Any = SimpleNamespace(disable=disabled.extend)
    nothing: Any = None
    move = back.Back(manager, inventory, nothing, nothing, {}, stop_first=False)
    assert move.leave_boot(theirs.programs) == ["x.target"]
    assert disabled == ["x.target"]
    inventory.installed = tuple(installed(one.name, autostart=True, at_boot=True) for one in both)
    assert move.leave_boot(theirs.programs) == ["g.target", "x.target", "y.target"]
    assert move.leave_boot(theirs.programs[:1]) == ["x.target"]
