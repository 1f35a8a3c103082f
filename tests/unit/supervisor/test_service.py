"""service: Supervisor's own service, what an administrator has set for it, whether it runs."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from wctl.errors import WctlError
from wctl.supervisor import service
from wctl.supervisor.connection import SilentError
from wctl.supervisor.supervisorctl import Supervisorctl
from wctl.systemd.manager import Jobs, Manager, Unit
from wctl.trust import commands
from wctl.trust.commands import Answer


class Known:
    """A manager that has one unit, and ends a job with ``result`` (None: not in time)."""

    def __init__(
        self, unit: Unit | None = None, result: str | None = "done", **properties: object
    ) -> None:
        self.unit = unit
        self.result = result
        self.known = properties
        self.user = False

    def properties(self, wanted: Iterable[tuple[str, Iterable[str]]]) -> Mapping[str, Any]:
        return {unit: self.known for unit, _ in wanted}

    def units(self, _names: Iterable[str]) -> list[Unit]:
        return [self.unit] if self.unit else []

    def stop(self, names: Iterable[str]) -> Jobs:
        return ({}, dict.fromkeys(names, "no")) if self.unit is None else ({"s.service": "/1"}, {})

    def wait(self, jobs: Collection[str], _timeout: float) -> tuple[str, str] | None:
        assert set(jobs) == {"/1"}
        return None if self.result is None else ("/1", self.result)


def manager(unit: Unit | None = None, result: str | None = "done", **properties: object) -> Manager:
    """Returns such a manager."""
    return cast(Manager, Known(unit, result, **properties))


def test_what_an_administrator_has_set(tmp_path: Path) -> None:
    """Only names are told; variables, and what concerns supervisord alone, are left out."""
    drop_in, own = tmp_path / "a.conf", tmp_path / "supervisord.service"
    drop_in.write_text(
        "[Unit]\nAfter=mysql.service\n[Service]\nEnvironment=A=b\n# Nice=1\nLimitNOFILE = 9\n"
    )
    own.write_text("[Unit]\nAfter=network.target\n[Service]\nExecStart=/x\nRestartSec=1\n")
    found = manager(FragmentPath=str(own), DropInPaths=[str(drop_in), str(tmp_path / "gone")])
    assert list(service.settings(found, "s.service")) == [(str(drop_in), "After, LimitNOFILE")]
    packaged = manager(FragmentPath="/usr/lib/systemd/system/dbus.service", DropInPaths=[])
    assert list(service.settings(packaged, "s.service")) == []


@pytest.mark.parametrize(
    ("active", "sub", "runs"),
    [
        ("active", "running", True),
        ("activating", "start", True),
        ("activating", "auto-restart", False),
        ("activating", "auto-restart-queued", False),
        ("failed", "failed", False),
    ],
)
def test_what_waits_for_a_restart_does_not_run(active: str, sub: str, runs: bool) -> None:
    """A supervisord that cannot start is started anew by --back, as one that is down."""
    found = manager(Unit("s.service", "loaded", active, sub))
    assert service.runs(found, "s.service") is runs
    assert not service.runs(manager(), "s.service")


@pytest.mark.parametrize(
    ("active", "job", "is_stopping"),
    [
        ("deactivating", "stop", True),
        ("active", "stop", True),  # systemd has not begun yet
        ("deactivating", "", True),  # it ends by itself
        ("deactivating", "restart", False),
        ("active", "", False),
        ("inactive", "", False),
    ],
)
def test_what_is_stopping(active: str, job: str, is_stopping: bool) -> None:
    """An end is waited for only where no start follows it."""
    found = manager(Unit("s.service", "loaded", active, "x", job))
    assert service.stopping(found, ["s.service"]) == ["s.service"] * is_stopping
    assert service.stopping(found, []) == []


def test_end_says_what_is_not_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service counts as ended when its stop is done, and in no other case."""
    asked: list[Sequence[str]] = []

    def ask(command: Sequence[str], _limit: float) -> Answer:
        asked.append(command)
        return Answer(0, "", "")

    monkeypatch.setattr(commands, "ask", ask)
    unit = Unit("s.service", "loaded", "active", "running")
    service.end(manager(unit), "s.service")
    assert asked == [["systemctl", "disable", "s.service"]]
    for found, why in (
        (manager(), "does not stop it: no"),
        (manager(unit, "canceled"), "its stop was canceled"),
        (manager(unit, None), "it still runs after 120 s"),
    ):
        with pytest.raises(WctlError, match=why):
            service.end(found, "s.service")


class Asked:
    """A supervisorctl that has these answers, one after the other."""

    def __init__(self, *answers: WctlError | None) -> None:
        self.answers = list(answers)

    def pid(self) -> int:
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer
        return 1

    def states(self) -> dict[str, str]:
        return {"a": "RUNNING"} if self.pid() else {}


SILENT, DOUBTFUL = SilentError("nobody listens"), WctlError("somebody else listens")


@pytest.mark.parametrize(
    ("seconds", "active", "answer", "is_silent"),
    [
        (1.0, "active", SILENT, True),
        (1.0, "activating", SILENT, True),
        (1.0, "active", None, False),
        (1.0, "active", DOUBTFUL, False),  # no time will make it root's
        (1.0, "inactive", SILENT, False),
        (100.0, "active", SILENT, False),  # it would answer by now
    ],
)
def test_who_has_just_been_started(
    seconds: float, active: str, answer: WctlError | None, is_silent: bool
) -> None:
    """An answer is waited for only where one will come."""
    begun = int((time.monotonic() - seconds) * 1_000_000)
    found = manager(Unit("s.service", "loaded", active, "x"), InactiveExitTimestampMonotonic=begun)
    supervisor = cast(Supervisorctl, Asked(answer))
    assert service.is_silent(found, "s.service", supervisor) is is_silent


def test_the_first_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent supervisord is asked again; one that must not be believed is not."""
    monkeypatch.setattr(service, "_BETWEEN", 0.0)
    supervisor = Asked(SILENT, SILENT, None)
    assert service.answers(cast(Supervisorctl, supervisor)) == {"a": "RUNNING"}
    for limit, answer in ((30.0, DOUBTFUL), (0.0, SILENT)):
        monkeypatch.setattr(service, "_ANSWER", limit)
        with pytest.raises(WctlError, match="listens"):
            service.answers(cast(Supervisorctl, Asked(answer, None)))
