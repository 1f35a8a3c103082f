"""A terminal with a shell, for tests: type, and wait for what the screen shows.

    screen = talk([("wctl run w\r", "ready"), ("\x03", "interrupted")])

On a machine, this file runs as a program: it reads the steps as JSON, and prints the screen.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from collections.abc import Sequence

LIMIT = 60.0  # seconds for each step
PROMPT = "prompt"  # on a line of its own
SHELL = ["bash", "--norc", "--noprofile", "--noediting", "-i"]


def talk(steps: Sequence[tuple[str, str]], shell: list[str] = SHELL) -> str:
    """Types each text and waits until its pattern matches what the screen has shown since then.

    The text "size ROWS COLUMNS" changes the size of the window; no text types nothing. Returns all
    that the screen has shown.

    Raises:
        TimeoutError: a pattern did not match within LIMIT seconds, or the shell has ended.
    """
    child, screen = pty.fork()
    if child == 0:
        os.environ.update(PS1=f"{PROMPT}\n", HISTFILE="", TERM="dumb")
        os.execvp(shell[0], shell)
    try:
        shown = _wait(screen, "", 0, f"^{PROMPT}")
        for text, pattern in steps:
            begin = len(shown)
            _type(screen, text)
            shown = _wait(screen, shown, begin, pattern)
        return shown
    finally:
        os.close(screen)  # the kernel hangs up the shell and its jobs
        os.waitpid(child, 0)


def _type(screen: int, text: str) -> None:
    size = re.fullmatch(r"size (\d+) (\d+)", text)
    if size:
        fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("4H", int(size[1]), int(size[2]), 0, 0))
    elif text:
        os.write(screen, text.encode())


def _wait(screen: int, shown: str, begin: int, pattern: str) -> str:
    end = time.monotonic() + LIMIT
    while not re.search(pattern, shown[begin:], re.MULTILINE | re.DOTALL):
        if not select.select([screen], [], [], max(0.0, end - time.monotonic()))[0]:
            raise TimeoutError(f"waited for {pattern!r}; the screen shows:\n{shown}")
        try:
            shown += os.read(screen, 1 << 16).decode(errors="replace")
        except OSError:  # EIO: the shell has ended
            raise TimeoutError(f"the shell ended before {pattern!r}:\n{shown}") from None
    return shown


if __name__ == "__main__":
    sys.stdout.write(talk([(text, pattern) for text, pattern in json.load(sys.stdin)]))
