"""row: what wctl status --json prints about one instance."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from wctl.cli.status import row as rows
from wctl.cli.status.row import Row
from wctl.operate.details import Details
from wctl.operate.states import Process, State
from wctl.systemd.exits import UNKNOWN, LastExit

SCHEMA = Path(rows.__file__).with_name("status.schema.json")
ENDS = ("last_exit", "exit_time", "exit_status", "exit_signal")


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """What the package says about one instance."""
    found: dict[str, Any] = json.loads(SCHEMA.read_text())["items"]
    return found


def running(**more: Any) -> Row:
    process = Process("w", "w", "w@00.service", State.RUNNING, "pid 1", 1, time.time() - 10.5)
    return Row(process, Details(5, None, 0.5, 1, 2), **more)


def test_every_key_is_described(schema: dict[str, Any]) -> None:
    """The schema has what is always there, and what -l adds, and nothing else."""
    record = running().record()
    assert sorted(record) == sorted(schema["required"])
    assert {*running(long=True).record(), *record} == schema["properties"].keys()
    states = schema["properties"]["state"]["enum"]
    assert states == [state.value for state in State]


def test_numbers() -> None:
    """Times are numbers: a program need not read what is written for people."""
    record = running().record()
    assert (record["uptime"], record["memory"], record["memory_max"]) == (10, 5, None)
    since = record["since"]
    assert isinstance(since, float) and since < time.time()


def test_the_last_exit() -> None:
    """What is unknown is null, and so is what never was."""
    for last in (None, LastExit(UNKNOWN)):
        record = running(last_exit=last, long=True).record()
        assert [record[name] for name in ENDS] == [None] * 4
    killed = LastExit("killed by SIGKILL, out of memory", 12.3456, None, "SIGKILL", True)
    record = running(last_exit=killed, long=True).record()
    assert [record[name] for name in ENDS] == [killed.words, 12.346, None, "SIGKILL"]


def test_a_program_that_is_scaled_to_0() -> None:
    """It has all keys: a script need not ask which are there."""
    record = Row(Process("w", "w", "w", State.STOPPED, "scaled to 0"), long=True).record()
    assert record.keys() == running(long=True).record().keys()
    assert (record["unit"], record["restarts"], record["since"]) == (None, 0, None)
