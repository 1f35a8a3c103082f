"""usage: what the kernel tells about the processes of instances."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wctl.doctor import usage
from wctl.trust import files


def test_a_long_chain_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor time is that of all processes below the worker, each of which starts one."""

    def read(path: str) -> bytes:
        number = int(path.split("/")[2])
        if path.endswith("/children"):
            return b"%d " % (number + 1)
        if number > 5000:
            raise FileNotFoundError(path)
        return b"%d (a) b) S 0 0 0 0 0 0 0 0 0 0 1 0 0 1 " % number

    monkeypatch.setattr(files, "read", read)
    assert usage._processor_time(1) == 2 * 5000 / os.sysconf("SC_CLK_TCK")


def test_a_process_that_ends_while_doctor_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read of it before counts: otherwise the worker seems to have done nothing."""

    def read(path: str) -> bytes:
        if path.endswith("/children"):
            raise ProcessLookupError(path)
        return b"1 (a) S 0 0 0 0 0 0 0 0 0 0 1 0 0 1 "

    monkeypatch.setattr(files, "read", read)
    assert usage._processor_time(1) == 2 / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("x.slice/memory.events", "low 0\noom 9\noom_kill 2\noom_group_kill 1\n"),
        ("memory/x.slice/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"),
    ],
)
def test_kills_for_want_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, text: str
) -> None:
    """Control groups of either version count them; nobody counts those of no group."""
    monkeypatch.setattr(usage, "_GROUPS", tmp_path)
    assert [usage.oom_kills(group) for group in ("/x.slice", "")] == [0, 0]
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert [usage.oom_kills(group) for group in ("/x.slice", "")] == [2, 0]
