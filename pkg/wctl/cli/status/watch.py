"""wctl status --watch: the table again and again, on the terminal's alternate screen."""

from __future__ import annotations

import os
import select
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from wctl.cli.output import Screen, echo, style
from wctl.cli.screen_signals import signals, suspend
from wctl.cli.status import table


def on_screen(look: Callable[[int], Sequence[str]], interval: float) -> None:
    """Show what ``look`` returns for a width, every ``interval`` seconds and after a resize.

    Ctrl-C ends it. Ctrl-Z suspends it; the shell has its own screen meanwhile.
    """
    with signals() as arrived, Screen() as screen:
        try:
            while True:
                width, height = shutil.get_terminal_size()
                screen.draw([_title(width, interval), *table.cut(look(width), height - 1)])
                select.select([arrived], [], [], interval)
                with suppress(BlockingIOError):
                    if signal.SIGTSTP in os.read(arrived, 1 << 10):
                        screen.leave()
                        suspend()
                        screen.enter()
        except KeyboardInterrupt:
            pass


def on_pipe(look: Callable[[], str], interval: float) -> None:
    """Print what ``look`` returns every ``interval`` seconds, with an empty line in between."""
    while True:
        echo(look())
        time.sleep(interval)
        echo()


def _title(width: int, interval: float) -> str:
    left, right = f"wctl status, every {interval:g} s; Ctrl-C ends it", time.strftime("%H:%M:%S")
    return style(f"{left}{right:>{max(width - len(left), len(right) + 2)}}"[:width], dim=True)
