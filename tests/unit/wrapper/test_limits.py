"""limits: minfds and minprocs raise what is lower, as in Supervisor, and lower nothing."""

from __future__ import annotations

import os
import re
import resource
import subprocess
from pathlib import Path

import pytest

import wctl

WORKER = Path(wctl.__file__).with_name("worker.py")
SHOW = "import resource; print(*resource.getrlimit(resource.{}))"


def limits(kind: str, before: tuple[int, int], *options: str, user: int = 0) -> tuple[str, str]:
    """Returns a worker's limit, if the wrapper starts with the one ``before``, and its stderr."""
    limit = getattr(resource, kind)

    def prepare() -> None:
        resource.setrlimit(limit, before)
        if user:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)

    found = subprocess.run(
        ["/usr/bin/python3", "-I", "-S", WORKER, "--log=none", *options, "w@00.service", "--",
         "/usr/bin/python3", "-c", SHOW.format(kind)],
        env={"PATH": os.defpath},
        preexec_fn=prepare,
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


@pytest.mark.parametrize("user", [0, 65534])
def test_only_root_may_raise_the_hard_limit(user: int) -> None:
    """The worker of another user gets all that it may have, and runs; the wrapper says so."""
    capabilities = re.search(r"CapEff:\t(\w+)", Path("/proc/self/status").read_text())
    assert capabilities
    if not user and int(capabilities[1], 16) & 1 << 24:  # CAP_SYS_RESOURCE, capabilities(7)
        expected = ("1000 1000", "")
    else:
        said = "w@00.service: minfds=1000 is out of reach, the limit stays at 300\n"
        expected = ("300 300", said)
    assert limits("RLIMIT_NOFILE", (256, 300), "--minfds=1000", user=user) == expected
