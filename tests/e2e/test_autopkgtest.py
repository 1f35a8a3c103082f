"""The package's own tests (debian/tests), run by autopkgtest as Debian's infrastructure does it."""

from __future__ import annotations

from pathlib import Path

import pytest

from machine import package
from machine.driver import Machine, unique_name


@pytest.mark.full
@pytest.mark.core
def test_autopkgtest_passes(suite: str, deb: Path) -> None:
    """All of debian/tests pass on the installed .deb, and none is skipped.

    autopkgtest's "null" server runs the tests on its own machine. Before version 5.48, the server
    declares that tests may change this machine at will, because it is thrown away. That is true of
    ours; newer versions do not declare it, hence --ignore-restrictions.
    """
    with Machine.boot(unique_name(f"autopkgtest-{suite}"), f"{suite}/autopkgtest") as machine:
        machine.copy_in(package.TREE, "/srv/wctl", [*package.source_files(), "tests"])
        machine.copy_in(deb.parent, "/srv", [deb.name])
        # Everything needed is installed: apt must not wait for a network that is not there.
        machine.run("rm -f /etc/apt/sources.list.d/*")
        command = ["autopkgtest", "--summary=/srv/summary", f"/srv/{deb.name}", "/srv/wctl"]
        command.append("--ignore-restrictions=isolation-container")
        done = machine.run([*command, "--", "null"], check=False, timeout=900)
        results = [line.split()[:2] for line in machine.read("/srv/summary").splitlines()]
    expected = [[name, "PASS"] for name in ("smoke", "unit", "service")]
    assert results == expected, done.out + done.err
