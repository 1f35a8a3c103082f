"""workers: which events of the past count."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from unit.doctor.programs import program
from wctl.doctor import workers
from wctl.doctor.finding import Commands
from wctl.doctor.history import History
from wctl.doctor.workers import ExaminedProgram, Workers
from wctl.install.installed import Installed
from wctl.operate.states import NOT_STARTED, Process, State
from wctl.systemd.quantities import INFINITY


@pytest.fixture
def ctimes(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """The times at which files were changed."""
    times: dict[str, float] = {}
    monkeypatch.setattr(workers, "_ctime", times.__getitem__)
    return times


def test_a_change_makes_older_events_old(ctimes: dict[str, float]) -> None:
    """The latest change of the unit or of a drop-in counts, and a few seconds for the update."""
    ctimes.update(unit=1000.0, dropin=2000.0)
    unit = {"FragmentPath": "unit", "DropInPaths": ["dropin"]}
    assert workers._changed(unit, 5000.0) == 2005.0
    assert workers._changed({**unit, "DropInPaths": []}, 5000.0) == 1005.0
    assert workers._changed({**unit, "FragmentPath": "", "DropInPaths": []}, 5000.0) == 0.0


def test_a_change_in_the_future_hides_nothing(ctimes: dict[str, float]) -> None:
    """After the clock was set back, the files are newer than every crash to come."""
    ctimes.update(unit=9000.0)
    unit = {"FragmentPath": "unit", "DropInPaths": []}
    assert workers._changed(unit, 5000.0) == 0.0


class Remaining:
    """Stands in for the manager: a unit with RemainAfterExit=, and what was asked about it."""

    user = False

    def properties(
        self, wanted: Iterable[tuple[str, Iterable[str]]], *, stopped: bool = False
    ) -> dict[str, dict[str, Any]]:
        found = {
            "ActiveState": "active",
            "ControlGroup": "",
            "DropInPaths": [],
            "ExecMainCode": 1,
            "ExecMainStatus": 3,
            "FragmentPath": "",
            "MainPID": 0,
            "MemoryMax": INFINITY,
            "TasksCurrent": 0,
            "TasksMax": INFINITY,
        }
        return {unit: {name: found[name] for name in names} for unit, names in wanted}


def examined(tmp_path: Path, process: Process, *, at_boot: bool = True) -> ExaminedProgram:
    """Returns the program x with one instance."""
    installed = Installed(
        "x", tmp_path / "x@.service", "x.conf", "x", 1, 0, True, (0,), at_boot=at_boot
    )
    return ExaminedProgram(program(tmp_path, "command=a"), installed, (process,), Commands())


def test_a_worker_that_has_exited_of_a_unit_that_remains(tmp_path: Path) -> None:
    """The unit is active after its worker has exited, so a start would do nothing."""
    process = Process("x", "x", "x@00.service", State.EXITED, "Dec 01 12:06 AM")
    manager: Any = Remaining()
    past = History(unreadable="no journal here")
    (finding,) = Workers(manager, examined(tmp_path, process), past, 0.0).findings()
    assert (finding.code, finding.remedy) == ("exited", "wctl restart x@00")
    assert finding.what.endswith("; its unit stays active (RemainAfterExit=)")
    assert finding.evidence == ("since Dec 01 12:06 AM", "last exit: exit status 3")


@pytest.mark.parametrize("state", State)
def test_every_state_can_be_examined(tmp_path: Path, state: State) -> None:
    """Whatever the description says, no property is missing that a finding needs."""
    process = Process("x", "x", "x@00.service", state, NOT_STARTED)
    manager: Any = Remaining()
    found = Workers(manager, examined(tmp_path, process), History(unreadable="no"), 0.0)
    assert all(finding.instances == ("x@00",) for finding in found.findings())


@pytest.mark.parametrize(("at_boot", "codes"), [(True, ["stopped"]), (False, [])])
def test_a_stopped_instance(tmp_path: Path, at_boot: bool, codes: list[str]) -> None:
    """It is found if the next boot starts it, and not if its program is disabled."""
    process = Process("x", "x", "x@00.service", State.STOPPED, NOT_STARTED)
    manager: Any = Remaining()
    one = examined(tmp_path, process, at_boot=at_boot)
    found = Workers(manager, one, History(unreadable="no"), 0.0).findings()
    assert [finding.code for finding in found] == codes
