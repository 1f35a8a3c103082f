"""What public deployments look like: wctl refuses none of them, warns well, and reads it right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from oracle.both import Oracle, read
from oracle.deployed import (
    VARIABLES,
    deployments,
    placed,
    recorded,
    title,
    verdict,
)
from oracle.differences import differences, unexplained
from wctl.check.codes import CODES

ALL = [pytest.param(path, id=title(path)) for path in deployments()]


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    """Supervisor 4.3.0, on a machine that has all users and directories."""
    oracle = Oracle(VARIABLES, any_machine=True)
    yield oracle
    oracle.close()


@pytest.mark.parametrize("deployment", ALL)
def test_verdict(tmp_path: Path, deployment: Path) -> None:
    """wctl finds exactly what is recorded, and a warning at most."""
    _, ours = placed(deployment, tmp_path)
    found = verdict(ours)
    assert found == recorded()[title(deployment)]
    errors = {code for line in found if CODES[code := line.rpartition(": ")[2]].error}
    assert errors == set()


@pytest.mark.parametrize("deployment", ALL)
def test_values(oracle: Oracle, tmp_path: Path, deployment: Path) -> None:
    """Supervisor's own parser accepts the deployment, and both agree on every value."""
    theirs, ours = placed(deployment, tmp_path)
    expected, found = oracle.read(theirs), read(ours, VARIABLES)
    assert not isinstance(expected, str), expected
    assert not isinstance(found, str), found
    text = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert unexplained(differences(expected, found), text) == []


def test_every_deployment_is_recorded() -> None:
    """There are as many as promised, and each begins with what it is."""
    assert recorded().keys() == {title(path) for path in deployments()}
    assert len(ALL) >= 150
    firsts = {path: path.read_text().partition("\n")[0] for path in deployments()}
    assert [path.name for path, line in firsts.items() if not line.startswith("; ")] == []
