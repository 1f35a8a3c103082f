"""manager: what the state and the job of a unit say about it, and when jobs have ended."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import nullcontext
from typing import Any

import pytest
from jeepney import HeaderFields, Message, new_error, new_method_return

from wctl.errors import Exit, WctlError
from wctl.systemd import manager
from wctl.systemd.manager import Unit


@pytest.mark.parametrize(
    ("active", "job", "expected"),
    [
        ("inactive", "", {"down"}),
        ("failed", "", {"down"}),
        ("active", "", {"up", "alive"}),
        ("reloading", "", {"up", "alive"}),
        ("refreshing", "", {"up", "alive"}),
        ("activating", "start", {"alive"}),
        # Between the end of the process and the next try, or on the way there.
        ("activating", "", {"alive"}),
        ("deactivating", "", {"alive"}),
        ("deactivating", "stop", set()),
        # A job that systemd has not begun yet.
        ("inactive", "start", {"alive"}),
        ("failed", "restart", {"alive"}),
        ("active", "stop", set()),
        ("active", "restart", {"alive"}),
        ("active", "reload", {"up", "alive"}),
    ],
)
def test_a_job_counts_before_it_has_begun(active: str, job: str, expected: set[str]) -> None:
    """A unit is what it will be when its job has ended."""
    unit = Unit("w@00.service", "loaded", active, "", job)
    assert {name for name in ("up", "alive", "down") if getattr(unit, name)} == expected


REFUSALS = {
    "gone.target": "org.freedesktop.systemd1.NoSuchUnit",
    "forbidden.target": "org.freedesktop.DBus.Error.AccessDenied",
    "asks.target": "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
    "odd.target": "org.freedesktop.DBus.Error.InvalidArgs",
}


class Bus:
    """Stands in for the bus: notes the calls, and ends jobs one by one, in the opposite order."""

    def __init__(self, *, user: bool) -> None:
        self.jobs: list[str] = []
        self.asked: list[object] = []
        self.ends = True

    def watch(self) -> None:
        """Without this, no end of a job would arrive."""
        self.asked.append("watch")

    def ask(self, calls: Sequence[Message]) -> list[Message]:
        answers = []
        for number, call in enumerate(calls):
            self.asked.append(call.body)
            call.header.serial = number + 1
            if call.body[0] in REFUSALS:
                name = REFUSALS[call.body[0]]
                answers.append(new_error(call, name, "s", ("refused",)))
            else:
                self.jobs.append(f"/job/{number}")
                answers.append(new_method_return(call, "o", (self.jobs[-1],)))
        return answers

    def wait(self, jobs: Collection[str], timeout: float) -> tuple[str, str] | None:
        assert timeout > 0
        return (self.jobs.pop(), "done") if self.ends else None


@pytest.mark.parametrize(("ends", "left"), [(True, 0), (False, 2)])
def test_targets_are_inactive_when_wctl_goes_on(
    monkeypatch: pytest.MonkeyPatch, ends: bool, left: int
) -> None:
    """A start of the target that follows must find it so; but nobody waits without end."""
    monkeypatch.setattr(manager, "Bus", Bus)
    systemd: Any = manager.Manager(user=False)
    systemd._bus.ends = ends
    systemd.deactivate(["w.target", "gone.target", "g.target"])
    expected = [(name, "ignore-dependencies") for name in ("w.target", "gone.target", "g.target")]
    assert systemd._bus.asked == ["watch", *expected]
    assert len(systemd._bus.jobs) == left


class Counting(Bus):
    """Notes the most jobs that systemd had at a time."""

    most = 0

    def ask(self, calls: Sequence[Message]) -> list[Message]:
        answers = super().ask(calls)
        self.most = max(self.most, len(self.jobs))
        return answers


def test_of_many_targets_only_some_have_a_job_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd would lose its connection to the bus, and no end of a job would arrive."""
    monkeypatch.setattr(manager, "Bus", Counting)
    systemd: Any = manager.Manager(user=False)
    systemd.deactivate([f"w{number}.target" for number in range(1000)])
    assert (systemd._bus.most, systemd._bus.jobs) == (manager.JOBS_AT_ONCE, [])


@pytest.mark.parametrize("verb", ["reset_failed", "deactivate"])
@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("gone.target", None),
        ("forbidden.target", Exit.UNKNOWN),
        ("asks.target", Exit.UNKNOWN),
        ("odd.target", Exit.FAILURE),
    ],
)
def test_only_a_unit_that_is_not_loaded_needs_nothing_done(
    monkeypatch: pytest.MonkeyPatch, verb: str, target: str, code: int | None
) -> None:
    """Every other refusal is an error: systemd has not done what the caller goes by."""
    monkeypatch.setattr(manager, "Bus", Bus)
    systemd: Any = manager.Manager(user=False)
    with nullcontext() if code is None else pytest.raises(WctlError, match="refused") as raised:
        getattr(systemd, verb)(["w.target", target])
    assert code == (raised.value.exit_code if raised is not None else None)


class Values:
    """Stands in for the bus: refuses to hold units, and knows their properties."""

    def __init__(self, *, user: bool) -> None:
        self.asked: list[str] = []

    def ask(self, calls: Sequence[Message]) -> list[Message]:
        answers = []
        for call in calls:
            call.header.serial = 1
            member = call.header.fields[HeaderFields.member]
            unit = call.header.fields[HeaderFields.path].rpartition("/")[2]
            self.asked.append(" ".join([member, unit, *call.body[1:]]))
            if member == "Get":
                answers.append(new_method_return(call, "v", (("s", unit),)))
            else:
                answers.append(new_error(call, "org.freedesktop.DBus.Error.AccessDenied"))
        return answers


def test_units_that_do_not_run_stay_loaded_while_we_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd loads the units of a program once, not for each value; who may not, waits longer."""
    monkeypatch.setattr(manager, "Bus", Values)
    systemd: Any = manager.Manager(user=False)
    wanted = [("w@00.service", ("User",)), ("w@01.service", ("User",)), ("v@00.service", ())]
    assert systemd.properties(wanted, stopped=True) == {
        "w@00.service": {"User": "w_4000_2eservice"},
        "w@01.service": {"User": "w_4001_2eservice"},
    }
    gets = ["Get w_4000_2eservice User", "Get w_4001_2eservice User"]
    assert systemd._bus.asked == ["Ref w_4001_2eservice", *gets, "Unref w_4001_2eservice"]
    systemd._bus.asked.clear()
    systemd.properties(wanted)
    assert systemd._bus.asked == gets
