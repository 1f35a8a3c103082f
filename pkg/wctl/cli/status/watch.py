"""wctl status --watch: the table again and again, on the terminal's alternate screen."""

from __future__ import annotations

import os
import select
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from wctl.cli.output import Screen, echo, style
from wctl.cli.status import table

_ENDING = (signal.SIGTERM, signal.SIGQUIT)
_NOTED = (signal.SIGWINCH, signal.SIGTSTP)


def on_screen(look: Callable[[int], Sequence[str]], interval: float) -> None:
    """Show what ``look`` returns for a width, every ``interval`` seconds and after a resize.

    Ctrl-C ends it. Ctrl-Z suspends it; the shell has its own screen meanwhile.
    """
    with _signals() as arrived, Screen() as screen:
        try:
            while True:
                width, height = shutil.get_terminal_size()
                screen.draw([_title(width, interval), *table.cut(look(width), height - 1)])
                select.select([arrived], [], [], interval)
                with suppress(BlockingIOError):
                    if signal.SIGTSTP in os.read(arrived, 1 << 10):
                        _suspend(screen)
        except KeyboardInterrupt:
            pass


def _suspend(screen: Screen) -> None:
    """Stop ourselves, as the shell expects it of a job; go on when the shell continues us."""
    screen.leave()
    old = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    signal.raise_signal(signal.SIGTSTP)
    signal.signal(signal.SIGTSTP, old)
    screen.enter()


def on_pipe(look: Callable[[], str], interval: float) -> None:
    """Print what ``look`` returns every ``interval`` seconds, with an empty line in between."""
    while True:
        echo(look())
        time.sleep(interval)
        echo()


@contextmanager
def _signals() -> Iterator[int]:
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


def _title(width: int, interval: float) -> str:
    left, right = f"wctl status, every {interval:g} s; Ctrl-C ends it", time.strftime("%H:%M:%S")
    return style(f"{left}{right:>{max(width - len(left), len(right) + 2)}}"[:width], dim=True)
