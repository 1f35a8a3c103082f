"""log_files: what is handed over to the users of programs, and what is said about it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wctl.config import load
from wctl.config.model import Program
from wctl.supervisor import log_files
from wctl.trust import owner

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to other users")


def program(directory: Path, *options: str) -> Program:
    """Returns a program of the user daemon, with two instances and these options."""
    lines = ["[program:x]", "command=a", "numprocs=2", "process_name=%(process_num)d"]
    path = directory / "x.conf"
    path.write_text("\n".join([*lines, "user=daemon", *options, ""]))
    found = load.load([path], {})
    assert found.programs, found.errors
    return found.programs[0]


def test_files_of_a_program(tmp_path: Path) -> None:
    """Every instance has its files; one that is the other's, or a device, is none."""
    both = ("stdout_logfile=/a/%(process_num)d", "stderr_logfile=/b", "stderr_logfile_backups=2")
    assert log_files.files_of(program(tmp_path, *both)) == {"/a/0": 10, "/a/1": 10, "/b": 2}
    assert log_files.files_of(program(tmp_path, *both, "redirect_stderr=true")) == {
        "/a/0": 10,
        "/a/1": 10,
    }
    assert log_files.files_of(program(tmp_path, *both, "log=journal")) == {}
    assert log_files.files_of(program(tmp_path, "stdout_logfile=/dev/null")) == {}
    assert log_files.files_of(program(tmp_path)) == {}


@ROOT_ONLY
def test_hand_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and backups are given; the user learns what is not, and where nobody can rotate."""
    monkeypatch.setattr(owner, "_links_are_protected", lambda: True)
    tmp_path.chmod(0o755)
    for name in ("x.0", "x.0.1", "x.0.3", "x.1"):
        (tmp_path / name).write_text("line\n")
    os.chown(tmp_path / "x.1", 12345, 0)
    one = program(tmp_path, f"stdout_logfile={tmp_path}/x.%(process_num)d")
    owned = f"{tmp_path}/x.0, {tmp_path}/x.0.1, {tmp_path}/x.0.3"
    rest = [
        ("x", f"{tmp_path}/x.1: not given to daemon: belongs to 12345"),
        (
            "x",
            f"{tmp_path}/x.0, {tmp_path}/x.1 cannot be rotated: daemon may not write to"
            f" {tmp_path}; run 'install -d -o daemon {tmp_path}/x', and let the option name a file"
            " in there",
        ),
    ]
    assert not log_files.gives_all(one)
    os.chown(tmp_path / "x.1", 0, 0)
    assert log_files.gives_all(one)
    os.chown(tmp_path / "x.1", 12345, 0)
    assert list(log_files.hand_over([one], pretend=True)) == [
        ("x", f"daemon would own {owned}"),
        *rest,
    ]
    assert list(log_files.hand_over([one])) == [("x", f"daemon now owns {owned}"), *rest]
    assert list(log_files.hand_over([one])) == rest
    assert list(log_files.hand_over([one], news=True)) == []


@ROOT_ONLY
def test_files_of_root_stay(tmp_path: Path) -> None:
    """Workers of root go on in root's files."""
    (tmp_path / "x").write_text("line\n")
    one = program(tmp_path, f"stdout_logfile={tmp_path}/x", "user=root")
    assert list(log_files.hand_over([one])) == []
