"""A terminal for a worker that must not have root's, and the copying between the two.

Decided here:
- root's terminal is raw (termios(3)) while we copy: Ctrl-C and Ctrl-D are bytes for the worker's
  terminal, which knows what they mean to the worker.
- No read and no write waits, so that a signal reaches the worker even if a terminal stands still.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import struct
import termios
import tty
from contextlib import suppress
from typing import Any

_CHUNK = 1 << 16  # bytes of one read
_HELD = 1 << 17  # bytes; more than the kernel holds for one pseudo-terminal
_BACKGROUND = 1000  # milliseconds between two looks whether a shell has given us its terminal
_ENDING = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM}


class Pty:
    """The worker's terminal, between two that are root's: the keyboard and the screen."""

    def __init__(self, terminals: list[int], owner: int) -> None:
        """Make the worker's terminal like the first of ``terminals``, descriptors below 3."""
        self._terminals = terminals
        self._whole = {0, 1} <= set(terminals)
        self._master, self._slave = os.openpty()
        os.set_blocking(self._master, False)
        with suppress(PermissionError):  # we are not root, and cannot change the user either
            os.fchown(self._slave, owner, -1)  # so that the worker can open /dev/stderr by name
        self._screen = _reopened(next(fd for fd in (1, 2, 0) if fd in terminals))
        self._keyboard = _reopened(0) if 0 in terminals else None
        self._modes: list[Any] | None = None  # of the keyboard before we made it raw
        self._raw = False
        self._hung_up = False
        self._output = _Flow(self._master, self._screen)
        self._input = _Flow(-1 if self._keyboard is None else self._keyboard, self._master)
        self._copy_modes()
        self.resize()

    def enter(self) -> None:
        """Make this the terminal of the session that the calling process leads."""
        fcntl.ioctl(self._slave, termios.TIOCSCTTY, 0)
        for fd in self._terminals:
            os.dup2(self._slave, fd)

    def take_keyboard(self) -> None:
        """Make the keyboard raw while we are the foreground job of its terminal.

        Call it before there is a worker, too: root may answer the worker's first line at once, and
        a terminal that is not raw yet would turn Ctrl-D into the byte 0.

        Raises:
            OSError, termios.error: the terminal is gone.
        """
        if self._keyboard is None or self._raw == _in_foreground(self._keyboard):
            return
        self._raw = not self._raw
        if not self._raw:
            return  # the job that has the terminal now sets its modes
        modes = termios.tcgetattr(self._keyboard)
        self._modes = self._modes or modes
        tty.setraw(self._keyboard, termios.TCSANOW)
        if not self._whole:  # the other processes of a pipeline print to the terminal as well
            raw = termios.tcgetattr(self._keyboard)
            raw[1] = modes[1]
            termios.tcsetattr(self._keyboard, termios.TCSANOW, raw)

    def resize(self) -> None:
        """Pass the size of the window on; the kernel sends SIGWINCH to the worker."""
        with suppress(OSError):
            size = fcntl.ioctl(self._screen, termios.TIOCGWINSZ, bytes(struct.calcsize("4H")))
            fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)

    def wanted(self) -> dict[int, int]:
        """Return which descriptors to wait for, with the events of poll(2)."""
        if self._hung_up:
            return {}
        try:
            self.take_keyboard()
        except (OSError, termios.error):  # EIO: root's terminal is gone
            self._hang_up()
            return {}
        flows = [self._output]
        flows += [self._input] if self._raw or self._input.left else []
        events: dict[int, int] = {}
        for flow in flows:
            fd, event = flow.wanted()
            events[fd] = events.get(fd, 0) | event
        return events

    def timeout(self) -> int | None:
        """Return after how many milliseconds to look again, although nothing has come."""
        return None if self._raw or self._hung_up or self._keyboard is None else _BACKGROUND

    def move(self, ready: set[int]) -> bool:
        """Move bytes; return True if root has typed the character that suspends a job."""
        suspend = False
        try:
            if self._output.source in ready or self._output.sink in ready:
                self._output.take()
                self._output.give()
            if self._input.source in ready and self._input.take():
                suspend = self._cut_suspend()
            self._input.give()
        except OSError:  # EIO: root's terminal is gone
            self._hang_up()
        return suspend

    def drain(self, signals: int) -> None:
        """Show what the ended worker wrote last; its children may write for ever."""
        left = _HELD
        with suppress(OSError):
            while not self._hung_up and (self._output.left or (left > 0 and self._output.take())):
                ready = poll({self._output.sink: select.POLLOUT, signals: select.POLLIN}, None)
                if signals in ready and _ENDING & set(os.read(signals, _CHUNK)):
                    return
                left -= self._output.give()

    def restore(self) -> None:
        """Give root's terminal its modes back, unless another job has the terminal by now."""
        if self._raw and self._keyboard is not None and self._modes is not None:
            with suppress(OSError, termios.error):  # EIO: the terminal is gone
                if _in_foreground(self._keyboard):
                    termios.tcsetattr(self._keyboard, termios.TCSANOW, self._modes)
        self._raw = False

    def _copy_modes(self) -> None:
        """Give the worker's terminal the modes that root's terminal has for its job."""
        if not _in_foreground(self._screen):
            return  # a shell that reads a line has changed them
        modes = termios.tcgetattr(self._screen)
        if not self._whole:
            modes[1] &= ~termios.OPOST  # root's terminal turns a newline into two characters
        termios.tcsetattr(self._slave, termios.TCSANOW, modes)

    def _cut_suspend(self) -> bool:
        """Remove the character that suspends, if the worker's terminal heeds it."""
        modes = termios.tcgetattr(self._slave)
        key = modes[6][termios.VSUSP]
        if not modes[3] & termios.ISIG or key == b"\0" or key not in self._input.left:
            return False
        self._input.left = self._input.left.replace(key, b"")
        return True

    def _hang_up(self) -> None:
        """Hang up the worker's terminal: the kernel sends SIGHUP to the worker."""
        self._hung_up = True
        os.close(self._master)


class _Flow:
    """Bytes on their way from one descriptor to another."""

    def __init__(self, source: int, sink: int) -> None:
        self.source = source
        self.sink = sink
        self.left = b""  # has been read, and waits to be written

    def wanted(self) -> tuple[int, int]:
        """Return the descriptor that the next step needs, and the event of poll(2)."""
        return (self.sink, select.POLLOUT) if self.left else (self.source, select.POLLIN)

    def take(self) -> bool:
        """Read once if nothing waits; tell whether anything waits now.

        Raises:
            OSError: the source is gone.
        """
        if not self.left:
            with suppress(BlockingIOError):
                self.left = os.read(self.source, _CHUNK)
                if not self.left:
                    raise OSError(errno.EIO, "hung up")
        return bool(self.left)

    def give(self) -> int:
        """Write once what waits; return the number of bytes.

        Raises:
            OSError: the sink is gone.
        """
        written = 0
        if self.left:
            with suppress(BlockingIOError):
                written = os.write(self.sink, self.left)
                self.left = self.left[written:]
        return written


def poll(wanted: dict[int, int], timeout: int | None) -> set[int]:
    """Wait for the events of poll(2) that are wanted; return the descriptors that have any."""
    poller = select.poll()
    for fd, events in wanted.items():
        poller.register(fd, events)
    return {fd for fd, _ in poller.poll(timeout)}


def _reopened(fd: int) -> int:
    """Return a descriptor of the terminal behind ``fd`` that never waits.

    O_NONBLOCK on ``fd`` itself would change the descriptors of root's shell as well.
    """
    try:
        return os.open(f"/proc/self/fd/{fd}", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:  # such as a terminal of another user outside our user namespace
        return os.dup(fd)


def _in_foreground(terminal: int) -> bool:
    """Tell whether we are the foreground job of a terminal.

    Raises:
        OSError: the terminal is gone.
    """
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError as error:
        if error.errno == errno.ENOTTY:  # the terminal of another session
            return False
        raise
