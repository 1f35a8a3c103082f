"""Machines for the end-to-end tests: one per suite and session, made clean before each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from machine import package, provision
from machine.driver import Machine, Machines, reap, unique_name
from machine.image import SUITES


@pytest.fixture(scope="session", params=SUITES)
def suite(request: pytest.FixtureRequest) -> str:
    """The Debian release under test."""
    return str(request.param)


@pytest.fixture(scope="session")
def deb(suite: str) -> Path:
    """wctl's package, built from the working tree."""
    return package.tested(suite)


@pytest.fixture(scope="session")
def machines() -> Iterator[Machines]:
    """The machines that several modules share."""
    reap()
    with Machines() as shared:
        yield shared


@pytest.fixture(scope="session")
def machine(suite: str, deb: Path, machines: Machines) -> Machine:
    """A booted machine with wctl and the Symfony application; no program is configured."""

    def provide(booted: Machine) -> None:
        provision.install_wctl(booted, deb)
        provision.install_app(booted)

    return machines.get("e2e", suite, provide)


@pytest.fixture
def example(machine: Machine, _independent: None) -> str:
    """The package's example as the machine's configuration; its program's name."""
    provision.configure_example(machine)
    return "messenger-worker"


@pytest.fixture
def new_machine(suite: str) -> Iterator[Callable[[str], Machine]]:
    """Boots further machines, without wctl, for tests that cannot share one."""
    booted: list[Machine] = []

    def boot(purpose: str) -> Machine:
        booted.append(Machine.boot(unique_name(f"{purpose}-{suite}"), suite))
        return booted[-1]

    yield boot
    for machine in booted:
        machine.kill()


@pytest.fixture(autouse=True)
def _independent(request: pytest.FixtureRequest) -> None:
    """Removes what earlier tests have left in the shared machine."""
    kept = request.node.get_closest_marker("kept") is not None
    if "machine" in request.fixturenames and not kept:
        provision.reset(request.getfixturevalue("machine"))
