"""wctl's supervisorctl answers as Supervisor's: same words, streams, order and exit codes.

A real supervisord 4.3.0 runs beside wctl, from the same files. Rows are in controls/situations.py
and controls/changes.py; what differs, and why, is in controls/differences.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.controls import changes, situations
from e2e.controls.both import Controls, Row
from e2e.controls.differences import DIFFERENCES, Difference, found
from e2e.controls.situations import NAMES, Situation
from machine.driver import Machine

SITUATIONS = (*situations.SITUATIONS, *changes.SITUATIONS)


@pytest.fixture(scope="module")
def controls(machine: Machine) -> Iterator[Controls]:
    """Both supervisorctls on one machine."""
    with Controls(machine) as both:
        yield both


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_both_answer_alike(controls: Controls, machine: Machine, situation: Situation) -> None:
    """Each command line of the table prints the same and exits the same, but for DIFFERENCES."""
    controls.start(situation.files)
    assert found(controls.run(situation.steps)) == DIFFERENCES.get(situation.name, [])


def test_what_only_wctl_can_say(controls: Controls, machine: Machine) -> None:
    """fg shows a process until the input ends; maintail shows as many bytes as it is asked for."""
    controls.start({"names.conf": NAMES})
    rows = ["update", "fg solo", "maintail", "maintail -20", Row("maintail -f", until="exit <==\n")]
    _, shown, main, part, follow = controls.run(rows)
    assert shown.real.out.startswith("==> Press Ctrl-C to exit <==\n")
    assert shown.face.out == "==> Press Ctrl-C to exit <==\nExiting foreground\n"
    for pair in (main, part, follow):
        assert (pair.face.code, pair.face.err) == (pair.real.code, pair.real.err) == (0, "")
    assert len(main.face.out) > len(part.face.out) == len(part.real.out) == 21


def test_every_difference_has_a_reason() -> None:
    """No situation is misspelt in the table of differences."""
    assert set(DIFFERENCES) <= {situation.name for situation in SITUATIONS}
    assert all(row.why for rows in DIFFERENCES.values() for row in rows if isinstance(row, Difference))
