"""What the verbs of supervisorctl share: the workers, the output, and the exit code so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from wctl.api.faults import Code
from wctl.api.processes import Processes
from wctl.errors import WctlError
from wctl.session.session import Session

if TYPE_CHECKING:
    from wctl.api.groups import Groups
    from wctl.api.logs import Logs

OK, FAILURE, USAGE, UNREACHABLE, NOT_RUNNING = 0, 1, 2, 4, 7  # exit codes (LSB's)
STATUS_NOT_RUNNING, STATUS_UNKNOWN = 3, 4  # those of "status"

_DEAD = (Code.SPAWN_ERROR, Code.ABNORMAL_TERMINATION, Code.NOT_RUNNING)


class Output(Protocol):
    """Where the client prints."""

    def line(self, text: str) -> None:
        """Print a line to stdout."""

    def note(self, text: str) -> None:
        """Print a line to stderr: what supervisorctl never says."""

    def data(self, data: bytes) -> None:
        """Print what a worker wrote, to stdout."""

    def flush(self) -> None:
        """Write out what still waits."""

    def lost(self) -> bool:
        """Tell whether nobody can read what is printed any more."""


class Face:
    """One run of the client. Its exit code is the last that was not 0, as supervisorctl's."""

    def __init__(self, session: Session, output: Output, *, interactive: bool) -> None:
        self.session = session
        self.output = output
        self.interactive = interactive
        self.code = OK
        self.processes = Processes(session)

    @cached_property
    def groups(self) -> Groups:
        """The groups of processes."""
        from wctl.api.groups import Groups  # lazy: it reads the configuration

        return Groups(
            self.session, self.processes, lambda: self.output.note("waiting for another wctl")
        )

    @cached_property
    def logs(self) -> Logs:
        """The logs of processes."""
        from wctl.api.logs import Logs

        return Logs(self.session, self.processes)

    def say(self, text: str) -> None:
        """Print a line."""
        self.output.line(text)

    def fail(self, text: str, code: int = FAILURE) -> None:
        """Print an error, and note the exit code."""
        self.output.line(text)
        self.code = code

    def note(self, code: Code, *, harmless: Code | None = None) -> None:
        """Note the exit code for the result of an operation on a process."""
        if code not in (Code.SUCCESS, harmless):
            self.code = NOT_RUNNING if code in _DEAD else FAILURE

    def is_up(self, code: int = UNREACHABLE) -> bool:
        """Tell whether there is a systemd to ask, and a program of the file that the user named."""
        try:
            self.processes.refresh()
        except WctlError as error:
            self.session.reconnect()  # for the next line at the prompt
            self.fail(f"{error.message} ({error.hint})" if error.hint else error.message, code)
            return False
        if self.session.files and self.session.inventory.is_empty:
            (file, *_) = self.session.files
            command = self.session.command("update", files=self.session.files)
            self.fail(f"{file}: none of its programs is installed (run '{command}')", code)
            return False
        return True

    def really(self, question: str) -> bool:
        """Ask a person at the prompt; nobody else is asked. The end of the input is no yes."""
        if not self.interactive:
            return True
        try:
            return input(question).lower().startswith("y")
        except EOFError:
            self.say("")
            return False

    def show(self, pieces: Iterable[bytes]) -> None:
        """Print ``pieces`` as they come."""
        for piece in pieces:
            self.output.data(piece)
            if self.output.lost():  # as with "| head"
                return
        self.output.flush()

    def follow(
        self, pieces: Callable[[Callable[[], None]], Iterator[bytes]], end: str = ""
    ) -> None:
        """Print ``pieces`` as they come, until Ctrl-C, and then ``end``."""
        self.say("==> Press Ctrl-C to exit <==")
        self.output.flush()
        try:
            self.show(pieces(self.output.flush))
        except KeyboardInterrupt:
            self.say(end)
