"""window: the terminal of "wctl top"."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

RESIZED = """
from wctl.cli.top.window import Window

window = Window()
try:
    window.resized()
finally:
    window.close()
"""


def test_a_terminal_without_a_size() -> None:
    """A terminal that says 0 lines and 0 columns, as a serial console does, is no error."""
    ours, theirs = pty.openpty()
    ended = subprocess.run(
        [sys.executable, "-c", RESIZED],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env=os.environ | {"TERM": "xterm", "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=30,
        check=False,
    )
    os.close(theirs)
    os.close(ours)
    assert (ended.returncode, ended.stderr) == (0, b"")
