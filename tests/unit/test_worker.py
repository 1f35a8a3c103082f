"""worker: the stub that ExecStart= names."""

from __future__ import annotations

import runpy
import subprocess
import sys

from unit.wrapper.fake_manager import WRAPPER
from wctl import worker


def test_finds_wctl_without_site_packages() -> None:
    """In isolated mode and without site, the stub needs only the directory that holds wctl."""
    done = subprocess.run(
        [*WRAPPER, "w@00.service", "--", "echo", "runs"], capture_output=True, text=True,
        check=False, env={"PATH": "/usr/bin:/bin"}, cwd="/",
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "runs\n"), done.stderr


def test_does_nothing_when_imported() -> None:
    """Importing the stub, as a compiler or a documentation tool does, starts nothing."""
    before = list(sys.path)
    runpy.run_path(worker.__file__, run_name="imported")
    assert sys.path == before
