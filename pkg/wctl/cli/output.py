"""Print: results to stdout, messages to stderr.

No other module prints. A terminal obeys what it reads, and much of what we print comes from
workers and other users: of their escape sequences only colours reach a terminal.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import IO

import click

_going_on = False  # even if nobody reads what we print


def go_on() -> None:
    """From now on, end silently what we print if its reader is gone, and go on.

    A verb that changes something must not stop half-way because of "| head".
    """
    global _going_on  # noqa: PLW0603 - as the streams themselves
    _going_on = True


def echo(message: object = "", *, err: bool = False, nl: bool = True) -> None:
    """Print a message."""
    shown = str(message)
    try:
        click.echo(_visible(shown) if is_terminal(err=err) else shown, err=err, nl=nl)
    except BrokenPipeError:
        if not _going_on:
            raise
        silence(err=err)


def silence(*, err: bool = False) -> None:
    """Send stdout (or stderr), whose reader is gone, to /dev/null."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, (sys.stderr if err else sys.stdout).fileno())
    os.close(null)


def draw(line: str) -> None:
    """Replace the line that the cursor is in, on the terminal of stderr."""
    with suppress(BrokenPipeError):
        click.echo(f"\r\x1b[K{_visible(line)}", err=True, nl=False)


def clear() -> None:
    """Clear the terminal of stdout."""
    click.clear()


def is_terminal(*, err: bool = False) -> bool:
    """Tell whether a person sees stdout (or stderr) on a terminal."""
    out: IO[str] = sys.stderr if err else sys.stdout
    return out.isatty()


class Lines:
    """Prints what workers wrote to stdout as bytes: it need not be text."""

    def __init__(self) -> None:
        """Print to the present stdout."""
        self._out = sys.stdout.buffer
        self._terminal = is_terminal()

    def write(self, data: bytes) -> None:
        """Print ``data``, to a terminal without anything but colours, which end with each line."""
        if self._terminal:
            from wctl.trust.text import visible_line

            data = b"\n".join(map(visible_line, data.split(b"\n")))
        self._out.write(data)

    def flush(self) -> None:
        """Write out all lines that still wait."""
        self._out.flush()


def _visible(message: str) -> str:
    from wctl.trust.text import visible  # lazy: most output goes to a pipe

    return visible(message)
