"""wctl's supervisorctl answers as Supervisor's: same words, streams, order and exit codes.

A real supervisord 4.3.0 runs beside wctl, from the same files. Rows are in controls/situations.py
and controls/changes.py; what differs, and why, is in controls/differences.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.controls import changes, forms, situations, states
from e2e.controls.both import Controls, Row
from e2e.controls.differences import DIFFERENCES, Difference, found
from e2e.controls.situations import NAMES, Situation
from machine.driver import Machine

SITUATIONS = (
    *situations.SITUATIONS,
    *forms.SITUATIONS,
    *states.SITUATIONS,
    *changes.SITUATIONS,
)


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
    """maintail shows as many bytes as it is asked for; a dormant program has its own name."""
    controls.start({"names.conf": NAMES})
    follow_it = Row("maintail -f", until="exit <==\n")
    _, main, part, follow = controls.run(["update", "maintail", "maintail -20", follow_it])
    for pair in (main, part, follow):
        assert (pair.face.code, pair.face.err) == (pair.real.code, pair.real.err) == (0, "")
    assert len(main.face.out) > len(part.face.out) == len(part.real.out) == 21
    (dormant,) = controls.run(["status messenger-worker"])
    assert (dormant.real.code, dormant.face.code) == (4, 3)
    # The machine's journal may know of an earlier test's worker of this name.
    assert dormant.face.out.split()[:2] == ["messenger-worker", "STOPPED"]


def test_every_difference_has_a_reason() -> None:
    """No situation is misspelt in the table of differences."""
    assert set(DIFFERENCES) <= {situation.name for situation in SITUATIONS}
    assert all(
        row.why for rows in DIFFERENCES.values() for row in rows if isinstance(row, Difference)
    )
