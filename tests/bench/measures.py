"""The measurements: one function a figure, each tool by itself, round by round."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.tools import HOME, STARTSECS, Tool, seconds
from machine.driver import Machine, wait_for

# figure → tool → one value a round
Figures = dict[str, dict[str, list[float]]]


@dataclass
class Scale:
    """How much is measured."""

    rounds: int = 5
    workers: int = 100
    many: int = 1000
    kills: int = 100
    idle: float = 60.0
    megabytes: int = 32


@dataclass
class Bench:
    """The machine, and what was measured in it so far."""

    machine: Machine
    scale: Scale
    figures: Figures = field(default_factory=dict)

    def note(self, figure: str, tool: str, *values: float) -> None:
        """Keeps values."""
        kept = self.figures.setdefault(figure, {}).setdefault(tool, [])
        kept += (round(value, 5) for value in values)

    def inside(self, *words: object) -> Any:
        """Runs inside.py."""
        command = ["/usr/bin/python3", f"{HOME}/inside.py", *map(str, words)]
        return json.loads(self.machine.run(command, timeout=900).out)

    def tool(self, tool: Tool) -> None:
        """Measures one tool in all respects, for one round."""
        few, many = self.scale.workers, self.scale.many
        before = self.inside("cost")
        tool.open()
        waits = 0 if tool.name == "systemd" else STARTSECS  # bare units have no readiness
        self.note(f"0 to {few} workers, s", tool.name, tool.up(few) - waits)
        self._settle()
        after = self.inside("cost")
        for figure, title in _COST.items():
            self.note(title, tool.name, (after[figure] - before[figure]) / few)
        self.note(f"status of {few}, s", tool.name, *self._times(tool.status()))
        if tool.client():
            client = self._times([*tool.client(), "status"])
            self.note(f"supervisorctl status of {few}, s", tool.name, *client)
        self.note(f"{few} to {few + 1}, s", tool.name, tool.one_more(few) - waits)
        tool.down()
        if many:
            self.note(f"0 to {many} workers, s", tool.name, tool.up(many) - waits)
            self._settle()
            self.note(f"status of {many}, s", tool.name, *self._times(tool.status()))
            tool.down()
        tool.close()

    def _settle(self) -> None:
        """Waits until systemd answers: it reads its units once more after a scale has returned."""
        self.machine.run(["systemctl", "show", "--property=Version"])

    def _times(self, command: Sequence[str]) -> Sequence[float]:
        return [seconds(self.machine, command) for _ in range(3)]

    def lasting(self, tool: Tool) -> None:
        """Measures once the figures that take long: crashes, and idle workers."""
        few = self.scale.workers
        self.machine.run(f"rm -f {HOME}/started/*")
        tool.open()
        tool.up(few)
        wait_for(
            lambda: len(self.machine.run(["ls", f"{HOME}/started"]).out.split()) >= few,
            30,
            "starts",
        )
        self._settle()
        found = self.inside("idle", self.scale.idle)
        self.note(f"wake-ups of {few} idle workers, a minute", tool.name, found["wakeups"])
        self.note(f"CPU of {few} idle workers, ms a minute", tool.name, found["cpu"])
        kills = self.inside("crash", f"{HOME}/started", self.scale.kills)
        self.note("crash to running again, s", tool.name, *kills)
        tool.down()
        tool.close()

    def help(self) -> None:
        """Measures how long it takes to show the help."""
        for _ in range(self.scale.rounds * 3):
            self.note("--help, s", "wctl", seconds(self.machine, ["wctl", "--help"]))
            bare = seconds(self.machine, ["systemctl", "--help"])
            self.note("--help, s", "systemd", bare)

    def still(self) -> None:
        """Measures the machine without workers; these figures are to be subtracted."""
        found = self.inside("idle", self.scale.idle)
        self.note("wake-ups of the machine alone, a minute", "systemd", found["wakeups"])
        self.note("CPU of the machine alone, ms a minute", "systemd", found["cpu"])


_COST = {"processes": "processes a worker", "pss": "memory a worker (PSS), KiB"}
