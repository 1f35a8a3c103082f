"""top: all instances on one screen, with keys that start, stop, restart and scale them."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from dataclasses import dataclass
from functools import partial

import click

from wctl.cli.app import MOST_SECONDS, at_least, pass_session, shared
from wctl.cli.completion import complete_names
from wctl.cli.output import echo, has_cursor
from wctl.cli.screen_signals import signals, suspend
from wctl.cli.top import paint
from wctl.cli.top.controls import Command, Controls, Page, Place
from wctl.cli.top.last_run import LastRun
from wctl.cli.top.listing import Listing
from wctl.cli.top.looker import Looker
from wctl.cli.top.paint import Line
from wctl.cli.top.window import Window, unusable
from wctl.errors import Exit, WctlError
from wctl.session.session import Session
from wctl.trust.commands import Aside
from wctl.trust.text import printable

_FIXED = 4  # lines that are not the list's: the title, the header, a message, the keys
_FEW = 4  # lines of what a command printed


@click.command()
@shared
@click.option(
    "--interval", type=float, callback=at_least(0.1, MOST_SECONDS), default=1, show_default=True,
    metavar="SECONDS", help="Look at the instances every SECONDS.",
)  # fmt: skip
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_names)
@pass_session
def top(session: Session, names: tuple[str, ...], interval: float) -> int:
    """Watch instances on one screen; start, stop, restart and scale them by keys.

    What is in trouble comes first, with its reason. ? shows all keys. Each command asks before it
    runs; what was begun goes on when you leave.

    Exit code: 2 if there is no terminal, 4 if a name is unknown.

    Example: wctl top messenger-worker
    """
    if not (has_cursor() and sys.stdin.isatty() and os.environ.get("TERM")):
        raise unusable("top needs a terminal")
    looker = Looker(session, names)
    with signals() as arrived:
        window = Window()
        shown = _Top(session, looker, window, interval)
        try:
            shown.run(arrived)
        except KeyboardInterrupt:
            pass  # leaves, as q does
        finally:
            window.close()
    for job in shown.jobs:
        echo(f"wctl: '{job.command}' goes on", err=True)
    return Exit.OK


@dataclass(frozen=True)
class _Job:
    """A command that has been begun."""

    command: Command
    aside: Aside


class _Top:
    def __init__(self, session: Session, looker: Looker, window: Window, interval: float) -> None:
        self._session = session
        self._looker = looker
        self._window = window
        self._interval = interval
        self._listing = Listing()
        self._controls = Controls(self._listing)
        self.jobs: list[_Job] = []
        self._message: list[Line] = []
        self._trouble: list[Line] = []  # why the last look failed
        self._last_run = LastRun(session)
        self._visible: set[str] = set()

    def run(self, arrived: int) -> None:
        """Show the screen until the user leaves; ``jobs`` then has the commands that still run."""
        next_look = 0.0
        while not self._controls.left:
            if time.monotonic() >= next_look:
                self._look()
                next_look = time.monotonic() + self._interval
            self._draw()
            ready = self._wait(arrived, next_look)
            if arrived in ready:
                self._obey(os.read(arrived, 1 << 10))
            ended = self._read_jobs(ready)
            if self._take_keys() or ended:
                next_look = 0.0

    def _wait(self, arrived: int, until: float) -> list[int]:
        """Return the descriptors that can be read; none if it is ``until``."""
        keyboard = sys.stdin.fileno()
        poll = select.poll()
        for fd in (keyboard, arrived, *(job.aside.fd for job in self.jobs)):
            poll.register(fd, select.POLLIN)
        found = poll.poll(max(0.0, until - time.monotonic()) * 1000)
        if any(fd == keyboard and event & ~select.POLLIN for fd, event in found):
            self._controls.left = True  # nobody is at the terminal any more
        return [fd for fd, _ in found]

    def _take_keys(self) -> bool:
        """Do what the keys ask for; tell whether a command has begun."""
        begun = False
        while (key := self._window.key()) is not None:
            if key == "escape":
                self._message = []
            command = self._controls.press(key)
            if command is not None:
                self._run(command)
                begun = True
        return begun

    def _obey(self, signals: bytes) -> None:
        if signal.SIGTSTP in signals:
            with self._window.left():
                suspend()
        self._window.resized()

    def _look(self) -> None:
        try:
            rows = self._looker.look(self._visible)
            self._listing.show(rows, self._looker.sizes)
            self._trouble = []
        except WctlError as error:
            self._trouble = [paint.line(printable(error.message), colour="red")]
            self._session.reconnect()

    def _draw(self) -> None:
        width, height = self._window.size
        if self._controls.page is not None:
            self._controls.height = max(1, height - 2)
            self._window.draw(paint.page(self._controls.page, width, height))
            return
        below = self._below(width)[: max(0, height - _FIXED - 1)]
        rows = max(1, height - _FIXED - len(below))
        self._controls.height = rows
        listing = self._listing
        table = paint.table(listing, self._looker.loads, width, rows)
        self._visible = {
            item.row.process.unit for item in listing.window(rows) if item.row is not None
        }
        table += [paint.line("")] * (rows + 1 - len(table))
        said = paint.line(self._controls.question, bold=True)
        lines = [paint.title(listing, width), *table, *below, said, paint.bar(listing, width)]
        self._window.draw(lines[:height])

    def _below(self, width: int) -> list[Line]:
        """Return what stands below the list: why the selected one does not run, and messages."""
        item = self._listing.current
        found = [] if item is None else paint.reason(item, width, self._last_run.lines(item))
        running = [paint.line(f"{job.command} …", dim=True) for job in self.jobs]
        return [*found, *self._trouble, *self._message, *running]

    def _read_jobs(self, ready: list[int]) -> bool:
        """Take what commands print; tell whether one has ended."""
        ended = False
        for job in [job for job in self.jobs if job.aside.fd in ready]:
            job.aside.read()
            if job.aside.code is not None:
                self.jobs.remove(job)
                self._end(job)
                ended = True
        return ended

    def _end(self, job: _Job) -> None:
        lines = job.aside.lines
        if job.command.place is Place.PAGE and lines:
            self._controls.page = Page(f"wctl {job.command}", lines)
            return
        colour = None if job.aside.code == 0 else "red"
        said = [printable(text) for text in lines[-_FEW:]] or [f"{job.command}: done"]
        self._message = [paint.line(text, colour=colour) for text in said]

    def _run(self, command: Command) -> None:
        self._message = []
        arguments = self._session.arguments(*command.words, files=self._session.files)
        if command.place is not Place.TERMINAL:
            self.jobs.append(_Job(command, Aside(partial(_wctl, arguments))))
            return
        from wctl.cli import invoke  # it imports the verbs

        with self._window.left():
            echo(f"{command}; Ctrl-C goes back to wctl top")
            invoke(arguments)


def _wctl(arguments: list[str]) -> int:
    """Run wctl in a child; return its exit code."""
    from wctl.cli import invoke, output  # as above

    output.take_over()
    return output.finish(invoke(arguments))
