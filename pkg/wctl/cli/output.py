"""Print: results to stdout, messages to stderr.

No other module prints. A terminal obeys what it reads, and much of what we print comes from
workers and other users: of their escape sequences only colours reach a terminal.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, TextIO

import click

from wctl.errors import Exit, WctlError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STDOUT, _STDERR = 1, 2
_NARROW = 30  # columns that a text needs beside others
_going_on = False  # even if nobody can read what we print
_lost: OSError | None = None  # why output is lost although we went on


def go_on() -> None:
    """From now on, end silently what we cannot print, and go on.

    A verb that changes something must not stop half-way because of "| head" or a full disk.
    """
    global _going_on  # noqa: PLW0603 - as the streams themselves
    _going_on = True


def goes_on() -> bool:
    """Tell whether go_on() was called: the verb changes something."""
    return _going_on


def take_over() -> None:
    """Make stdout and stderr streams that fail as go_on() says, and never for their encoding."""
    sys.stdout = _stream(_STDOUT, sys.stdout)
    sys.stderr = _stream(_STDERR, sys.stderr)


def _stream(fd: int, before: TextIO) -> TextIO:
    return io.TextIOWrapper(
        io.BufferedWriter(_Output(fd, "w", closefd=False)),
        encoding=before.encoding,
        errors="backslashreplace",  # names of files need not be text
        line_buffering=fd == _STDERR,
    )


class _Output(io.FileIO):
    """Writes to stdout or stderr; after an error, drops what is still to come.

    The buffers above us come back with what we did not write: at exit, at the latest.
    """

    broken = False  # nobody can read what we write

    def write(self, data: ReadableBuffer, /) -> int:
        """Write some of ``data``; return how many bytes. stderr fails silently.

        Raises:
            BrokenPipeError: the reader of stdout has gone away, and we do not go on.
            WctlError: stdout cannot be written for another reason, and we do not go on.
        """
        global _lost  # noqa: PLW0603 - as _going_on
        if not self.broken:
            try:
                return os.write(self.fileno(), data)
            except OSError as error:
                self.broken = True
                gone = isinstance(error, BrokenPipeError)
                if not _going_on and self.fileno() != _STDERR:
                    if gone:
                        raise
                    raise WctlError(_reason(error)) from error
                if not gone:
                    _lost = error
        return memoryview(data).nbytes


def _reason(error: OSError) -> str:
    return f"cannot write output: {error.strerror}"


def finish(code: int) -> int:
    """Write out what waits; return the exit code, which is not 0 if output is lost."""
    go_on()
    sys.stdout.flush()
    sys.stderr.flush()
    if _lost is None:
        return code
    echo(f"wctl: {_reason(_lost)}", err=True)
    return code or Exit.FAILURE


def echo(message: object = "", *, err: bool = False, nl: bool = True) -> None:
    """Print a message."""
    shown = str(message)
    click.echo(_visible(shown) if is_terminal(err=err) else shown, err=err, nl=nl)


def draw(line: str) -> None:
    """Replace the line that the cursor is in, on the terminal of stderr.

    A line that is longer than a row is cut off: only the last of its rows would be replaced.
    """
    import shutil  # lazy: we draw only on terminals

    from wctl.cli.columns import clipped

    width = shutil.get_terminal_size().columns - 1
    click.echo(f"\r\x1b[K{clipped(_visible(line), width)}", err=True, nl=False)


def colours(*, err: bool = False) -> bool:
    """Tell whether stdout (or stderr) may have colours: see no-color.org, and TERM=dumb."""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and is_terminal(err=err)


def has_cursor() -> bool:
    """Tell whether stdout is a terminal that obeys: Emacs's shell, for one, shows sequences."""
    return is_terminal() and os.environ.get("TERM") != "dumb"


def style(text: str, **styles: str | bool | None) -> str:
    """Return ``text`` for stdout in the styles of click.style(), if it may have colours."""
    return click.style(text, **styles) if colours() else text  # type: ignore[arg-type]


def in_columns(left: str, width: int, text: str, styles: Mapping[str, str | None]) -> list[str]:
    """Return a line with ``text`` after the ``left`` column, which is ``width`` wide.

    On a terminal, the text goes on below itself, between words; below the left column where there
    is no room beside it.
    """
    from wctl.cli.columns import padded, wrapped  # lazy: as shutil, which most output needs not

    if not is_terminal():
        return [f"{padded(left, width)}{text}"]
    import shutil

    whole = shutil.get_terminal_size().columns
    below = whole - width < _NARROW
    indent = " " * (4 if below else width)
    shown = [style(piece, **styles) for piece in wrapped(text, max(whole - len(indent), 1)) or [""]]
    first = [left.rstrip()] if below else [f"{padded(left, width)}{shown.pop(0)}"]
    return [*first, *(indent + piece for piece in shown)]


class Screen:
    """The alternate screen of stdout's terminal: what was there before comes back at the end."""

    def __enter__(self) -> Screen:
        """Switch to the alternate screen."""
        self.enter()
        return self

    def __exit__(self, *exception: object) -> None:
        """Switch back."""
        self.leave()

    def enter(self) -> None:
        """Switch to the alternate screen, without a cursor; long lines are cut."""
        self._write("\x1b[?1049h\x1b[?25l\x1b[?7l")

    def leave(self) -> None:
        """Give the terminal its own screen back."""
        self._write("\x1b[?7h\x1b[?25h\x1b[?1049l")

    def draw(self, lines: Sequence[str]) -> None:
        """Show ``lines`` from the top, in place of what was there; nothing is cleared before."""
        rows = "".join(f"{_visible(line)}\x1b[0m\x1b[K\r\n" for line in lines[:-1])
        last = f"{_visible(lines[-1])}\x1b[0m\x1b[K" if lines else ""
        self._write(f"\x1b[H{rows}{last}\x1b[J")

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def is_lost() -> bool:
    """Tell whether nobody can read stdout any more."""
    return bool(getattr(getattr(sys.stdout.buffer, "raw", None), "broken", False))


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
