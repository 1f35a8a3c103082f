"""limits: minfds and minprocs raise what is lower, as in Supervisor, and lower nothing."""

from __future__ import annotations

import os
import re
import resource
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

import wctl

WORKER = Path(wctl.__file__).with_name("worker.py")
SHOW = "import resource; print(*resource.getrlimit(resource.{}))"


def limits(
    kind: str, before: tuple[int, int], *options: str, through: Sequence[str] = ()
) -> tuple[str, str]:
    """Returns a worker's limit, if the wrapper starts with the one ``before``, and its stderr."""
    limit = getattr(resource, kind)
    found = subprocess.run(
        [*through, "/usr/bin/python3", "-I", "-S", WORKER, "--log=none", *options, "w@00.service",
         "--", "/usr/bin/python3", "-c", SHOW.format(kind)],
        env={"PATH": os.defpath},
        preexec_fn=lambda: resource.setrlimit(limit, before),
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )  # fmt: skip
    return found.stdout.strip(), found.stderr


@pytest.mark.parametrize(
    ("before", "option", "after"),
    [
        ((256, 4096), "--minfds=1000", "1000 4096"),
        ((2000, 4096), "--minfds=1000", "2000 4096"),
    ],
)
def test_open_files(before: tuple[int, int], option: str, after: str) -> None:
    """The soft limit is raised, and never lowered; the hard limit stays."""
    assert limits("RLIMIT_NOFILE", before, option) == (after, "")


def test_processes() -> None:
    """minprocs is the same for the processes of the worker's user."""
    assert limits("RLIMIT_NPROC", (5000, 9000), "--minprocs=200") == ("5000 9000", "")
    assert limits("RLIMIT_NPROC", (5000, 9000), "--minprocs=6000") == ("6000 9000", "")


def test_only_root_may_raise_the_hard_limit() -> None:
    """Who may not gets all that there is, and a worker that runs; the wrapper says so."""
    said = "w@00.service: minfds=1000 is out of reach, the limit stays at 300\n"
    without = ["setpriv", "--bounding-set=-sys_resource"]
    found = limits("RLIMIT_NOFILE", (256, 300), "--minfds=1000", through=without)
    assert found == ("300 300", said)
    capabilities = re.search(r"CapEff:\t(\w+)", Path("/proc/self/status").read_text())
    assert capabilities
    if int(capabilities[1], 16) & 1 << 24:  # CAP_SYS_RESOURCE, capabilities(7)
        assert limits("RLIMIT_NOFILE", (256, 300), "--minfds=1000") == ("1000 1000", "")
