"""Root's terminal on a machine, with a shell to type into."""

from __future__ import annotations

import json
from pathlib import Path

from machine.driver import Machine

TERMINAL = Path(__file__).resolve().parents[1] / "unit/cli/foreground/terminal.py"


class Talk:
    """Types at root's terminal; see unit/cli/foreground/terminal.py."""

    def __init__(self, machine: Machine) -> None:
        machine.write("/root/terminal.py", TERMINAL.read_text())
        self._machine = machine

    def __call__(self, *steps: tuple[str, str]) -> str:
        """Types each text, waits for its pattern, and returns what the screen shows."""
        command = ["python3", "/root/terminal.py"]
        return self._machine.run(command, input=json.dumps(steps), timeout=180).out
