"""Signals, for a command that has the whole screen of a terminal and must give it back."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_ENDING = (signal.SIGTERM, signal.SIGQUIT)
_NOTED = (signal.SIGWINCH, signal.SIGTSTP)


def suspend() -> None:
    """Stop ourselves, as the shell expects it of a job; return when the shell continues us."""
    old = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    signal.raise_signal(signal.SIGTSTP)
    signal.signal(signal.SIGTSTP, old)


@contextmanager
def signals() -> Iterator[int]:
    """Return a descriptor from which to read the numbers of signals that do not end us.

    Those that end us raise SystemExit, so that the terminal gets its own screen back.
    """
    read, write = os.pipe()
    for fd in (read, write):
        os.set_blocking(fd, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    handlers = dict.fromkeys(_ENDING, _end) | dict.fromkeys(_NOTED, _note)
    old = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield read
    finally:
        for number, before in old.items():
            signal.signal(number, before)
        signal.set_wakeup_fd(-1)
        os.close(read)
        os.close(write)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _note(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: Python has written the number (signal.set_wakeup_fd)."""
