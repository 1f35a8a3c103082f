"""workers: which events of the past count."""

from __future__ import annotations

import os

import pytest

from wctl.doctor import workers
from wctl.trust import files


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
    assert workers._processor_time(1) == 2 * 5000 / os.sysconf("SC_CLK_TCK")
