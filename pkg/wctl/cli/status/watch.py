"""wctl status --watch: the table again and again, on the terminal's alternate screen."""

from __future__ import annotations

import os
import select
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from wctl.cli.output import Screen, echo, style
from wctl.cli.status import table


def on_screen(look: Callable[[int], Sequence[str]], interval: float) -> None:
    """Show what ``look`` returns for a width, every ``interval`` seconds and after a resize.

    Ctrl-C ends it.
    """
    with _resizes() as resized, Screen() as screen:
        try:
            while True:
                width, height = shutil.get_terminal_size()
                screen.draw([_title(width, interval), *table.cut(look(width), height - 1)])
                select.select([resized], [], [], interval)
                with suppress(BlockingIOError):
                    os.read(resized, 1 << 10)
        except KeyboardInterrupt:
            pass


def on_pipe(look: Callable[[], str], interval: float) -> None:
    """Print what ``look`` returns every ``interval`` seconds, with an empty line in between."""
    while True:
        echo(look())
        time.sleep(interval)
        echo()


@contextmanager
def _resizes() -> Iterator[int]:
    """Return a descriptor that can be read after the terminal has changed its size."""
    read, write = os.pipe()
    for fd in (read, write):
        os.set_blocking(fd, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    old = signal.signal(signal.SIGWINCH, lambda _number, _frame: None)
    try:
        yield read
    finally:
        signal.signal(signal.SIGWINCH, old)
        signal.set_wakeup_fd(-1)
        os.close(read)
        os.close(write)


def _title(width: int, interval: float) -> str:
    left, right = f"wctl status, every {interval:g} s; Ctrl-C ends it", time.strftime("%H:%M:%S")
    return style(f"{left}{right:>{max(width - len(left), len(right) + 2)}}"[:width], dim=True)
