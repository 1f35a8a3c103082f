"""The terminal of "wctl top": curses draws what has changed of its lines, and reads keys."""

from __future__ import annotations

import curses
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from wctl.cli.output import colours
from wctl.cli.top.paint import Line, Span
from wctl.errors import Exit, WctlError

_ESCAPE = 25  # milliseconds that the rest of a key's sequence may take after the escape
_NAMES = {
    "\n": "enter",
    "\r": "enter",
    "\x1b": "escape",
    "\x7f": "backspace",
    "\b": "backspace",
    curses.KEY_ENTER: "enter",
    curses.KEY_BACKSPACE: "backspace",
    curses.KEY_UP: "up",
    curses.KEY_DOWN: "down",
    curses.KEY_PPAGE: "page up",
    curses.KEY_NPAGE: "page down",
    curses.KEY_HOME: "home",
    curses.KEY_END: "end",
}
_COLOURS = {
    "red": curses.COLOR_RED,
    "green": curses.COLOR_GREEN,
    "yellow": curses.COLOR_YELLOW,
    "cyan": curses.COLOR_CYAN,
}


class Window:
    """The terminal while it belongs to curses."""

    def __init__(self) -> None:
        """Take the terminal.

        Raises:
            WctlError: curses does not know this terminal.
        """
        try:
            self._screen = curses.initscr()
        except curses.error:
            raise unusable(
                f"curses does not know the terminal {os.environ.get('TERM')!r}"
            ) from None
        curses.noecho()
        curses.cbreak()
        curses.set_escdelay(_ESCAPE)
        self._screen.keypad(True)
        self._screen.nodelay(True)
        with suppress(curses.error):
            curses.curs_set(0)
        self._pairs = self._colours() if colours() else {}

    def close(self) -> None:
        """Give the terminal back as it was."""
        curses.endwin()

    @property
    def size(self) -> tuple[int, int]:
        """The width and the height."""
        height, width = self._screen.getmaxyx()
        return width, height

    def resized(self) -> None:
        """Learn the size anew."""
        width, height = os.get_terminal_size(sys.stdout.fileno())
        if width and height:  # a serial console, for one, tells no size: 0
            curses.resizeterm(height, width)

    def draw(self, lines: Sequence[Line]) -> None:
        """Show ``lines`` from the top."""
        self._screen.erase()
        width, height = self.size
        for at, line in enumerate(lines[:height]):
            self._screen.move(at, 0)
            for span in line.spans:
                self._put(span, curses.A_REVERSE if line.selected else 0)
            if line.selected:
                self._fill(width)
        self._screen.refresh()

    def key(self) -> str | None:
        """Return a key that was pressed: a character, or a name; None if there is none."""
        try:
            found = self._screen.get_wch()
        except curses.error:
            return None
        return _NAMES.get(found, found if isinstance(found, str) else "")

    @contextmanager
    def left(self) -> Iterator[None]:
        """Give the terminal to something else for a while."""
        curses.def_prog_mode()
        curses.endwin()
        try:
            yield
        finally:
            curses.reset_prog_mode()
            self.resized()
            self._screen.clear()
            curses.flushinp()

    def _put(self, span: Span, attributes: int) -> None:
        attributes |= curses.A_BOLD if span.bold else 0
        attributes |= curses.A_DIM if span.dim else 0
        attributes |= self._pairs.get(span.colour, 0)
        with suppress(curses.error):  # the cursor has no place after the last one of the screen
            self._screen.addstr(span.text, attributes)

    def _fill(self, width: int) -> None:
        row, column = self._screen.getyx()
        with suppress(curses.error):
            self._screen.addstr(row, column, " " * (width - column), curses.A_REVERSE)

    @staticmethod
    def _colours() -> dict[str | None, int]:
        curses.start_color()
        if not curses.has_colors():
            return {}
        curses.use_default_colors()
        for number, colour in enumerate(_COLOURS.values(), 1):
            curses.init_pair(number, colour, -1)
        return {name: curses.color_pair(number) for number, name in enumerate(_COLOURS, 1)}


def unusable(why: str) -> WctlError:
    """Return the error that the screen cannot be shown."""
    return WctlError(why, hint="use 'wctl status', or 'wctl status --watch'", exit_code=Exit.USAGE)
