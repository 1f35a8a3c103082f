"""One machine for all tests of the wrapper. Fleets are independent: their names differ."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.wrapper.fleet import Fleet
from machine import provision
from machine.driver import Machine, Machines


@pytest.fixture(scope="session")
def wrapper_machine(suite: str, deb: Path, machines: Machines) -> Machine:
    """A booted machine with wctl and nothing configured."""

    def provide(booted: Machine) -> None:
        provision.install_wctl(booted, deb)
        booted.run("rm -f /etc/wctl/conf.d/* && touch /etc/wctl/conf.d/none.conf")

    return machines.get("wrapper", suite, provide)


@pytest.fixture(scope="module")
def fleet(request: pytest.FixtureRequest, wrapper_machine: Machine) -> Iterator[Fleet]:
    """An empty fleet, named after the test module and removed after it."""
    name = request.module.__name__.rpartition(".")[2].replace("test_wrapper_", "")
    made = Fleet(wrapper_machine, name)
    yield made
    made.remove()
