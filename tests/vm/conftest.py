"""Virtual machines for tests: one disk for the session, one machine for each module."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from machine import disk, package
from machine.driver import reap
from machine.image import CACHE
from machine.vm import VM

SUITE = "trixie"  # has the newest systemd for which the tests have a root file system


@pytest.fixture(scope="session")
def base() -> Iterator[Path]:
    """The disk from which machines boot: Debian with wctl and the Symfony application."""
    reap()
    directory = Path(tempfile.mkdtemp(prefix="vm-", dir=CACHE))
    try:
        disk.make(SUITE, package.tested(SUITE), directory)
        yield directory
    finally:
        shutil.rmtree(directory)


@pytest.fixture(scope="module")
def vm(base: Path) -> Iterator[VM]:
    """A machine that has booted. Its tests use programs of different names."""
    with VM.boot("vm", base) as machine:
        yield machine
