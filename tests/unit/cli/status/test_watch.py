"""watch: the terminal gets its own screen back, however the table ends."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PKG = Path(__file__).parents[4] / "pkg"
# In a group of its own, whose parent is in our session: the kernel stops no other.
PROGRAM = (
    "import os; os.setpgrp(); from wctl.cli.status import watch;"
    "watch.on_screen(lambda width: ['row'], 0.05)"
)
ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


class Watched:
    """A process that shows a table on a terminal."""

    def __init__(self) -> None:
        self.terminal, slave = os.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONPATH": str(PKG)},
            stdout=slave,
        )
        os.close(slave)
        self.read(b"row")

    def read(self, expected: bytes) -> bytes:
        """Reads until ``expected`` has come; returns all that has come up to there."""
        found = b""
        while expected not in found:
            ready, _, _ = select.select([self.terminal], [], [], 60)
            assert ready, found
            found += os.read(self.terminal, 1)
        return found


@pytest.fixture
def watched() -> Iterator[Watched]:
    one = Watched()
    yield one
    one.process.kill()
    one.process.wait()
    os.close(one.terminal)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGQUIT, 131)]
)
def test_a_signal_ends_it(watched: Watched, number: int, code: int) -> None:
    """The cursor and the lines of the shell are there again."""
    watched.process.send_signal(number)
    assert b"\x1b[?25h" in watched.read(LEAVE)
    assert watched.process.wait() == code


def test_ctrl_z_suspends_it(watched: Watched) -> None:
    """The shell has its own screen until fg; then the table is there again."""
    watched.process.send_signal(signal.SIGTSTP)
    watched.read(LEAVE)
    _, status = os.waitpid(watched.process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    watched.process.send_signal(signal.SIGCONT)
    assert b"row" in watched.read(ENTER) + watched.read(b"row")
