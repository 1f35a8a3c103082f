"""A terminal of any size on a machine, in tmux: what a person sees there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from machine.driver import Machine, wait_for

_SERVER = "wctl"
_PROMPT = "$ "


class Screen:
    """A shell of root in a terminal."""

    def __init__(self, machine: Machine, width: int, height: int) -> None:
        self._machine = machine
        self._tmux("kill-server", check=False)
        size = ("-x", str(width), "-y", str(height))
        self._tmux("new-session", "-d", *size, f"PS1='{_PROMPT}' exec bash --norc")
        self.wait(re.escape(_PROMPT.rstrip()))

    def type(self, text: str) -> None:
        """Types a command and Return."""
        self.keys(text)
        self.press("Enter")

    def keys(self, text: str) -> None:
        """Types text."""
        self._tmux("send-keys", "-l", text)

    def press(self, *keys: str) -> None:
        """Presses keys, by tmux's names: C-c, Enter, Down."""
        self._tmux("send-keys", *keys)

    def resize(self, width: int, height: int) -> None:
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def lines(self, *, colours: bool = False) -> list[str]:
        """Returns what the terminal shows, without the empty lines at its end."""
        shown = self._tmux("capture-pane", "-p", *(["-e"] if colours else []))
        return shown.rstrip("\n").split("\n")

    def after(self, command: str) -> list[str]:
        """Clears the terminal, types a command, and returns what it prints."""
        self._tmux("send-keys", "-l", f"clear; {command}; echo 'e''nd'")
        self.press("Enter")
        self.wait("^end$")
        found = self.lines()
        return found[: found.index("end")]

    def wait(self, pattern: str) -> str:
        """Waits until the terminal shows a line that matches; returns all that it shows."""
        expression = re.compile(pattern, re.M)

        def shown() -> str | None:
            text = "\n".join(self.lines())
            return text if expression.search(text) else None

        try:
            return wait_for(shown, 60, f"{pattern!r} on the screen")
        except TimeoutError:
            raise TimeoutError(f"no {pattern!r} on the screen: {self.lines()}") from None

    def alternate(self) -> bool:
        """Tells whether a program has switched to the alternate screen."""
        return self._tmux("display-message", "-p", "#{alternate_on}").strip() == "1"

    def close(self) -> None:
        self._tmux("kill-server", check=False)

    def _tmux(self, *words: str, check: bool = True) -> str:
        command = ["env", "LC_ALL=C.UTF-8", "tmux", "-u", "-L", _SERVER, "-f", "/dev/null", *words]
        return self._machine.run(command, check=check).out


@contextmanager
def screen(machine: Machine, width: int, height: int = 24) -> Iterator[Screen]:
    """A terminal of this size."""
    shell = Screen(machine, width, height)
    try:
        yield shell
    finally:
        shell.close()
