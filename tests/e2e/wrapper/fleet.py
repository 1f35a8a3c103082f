"""Many programs at once in one machine, so that the tests wait for all of them together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from machine.driver import Machine, wait_for

PROBE = "/opt/probe"  # scripts that the programs run
NOTES = "/run/probe"  # what they write down

# note NAME: adds the time to the file NAME, as one line, and sets $runs to the number of lines.
# Scripts begin with a note, so that every run of a worker counts, however short.
NOTE = f"""
note() {{ read -r up _ </proc/uptime; echo "$up" >>{NOTES}/$1; runs=$(wc -l <{NOTES}/$1); }}
"""


@dataclass
class Fleet:
    """Programs of one test module, which tests write, start and examine together."""

    machine: Machine
    name: str
    programs: dict[str, str] = field(default_factory=dict)

    def add(self, program: str, *options: str) -> str:
        """Adds a program, with one `key=value` per option; returns the name of its unit."""
        self.programs[program] = "\n".join([f"[program:{program}]", "autostart=false", *options])
        return f"{program}@00"

    def script(self, name: str, text: str) -> str:
        """Writes a shell script that may use `note`; returns the command that runs it.

        The name alone does not tell that it is a shell, so that the wrapper hands off to it.
        """
        self.machine.write(f"{PROBE}/{name}", f"#!/bin/sh\n{NOTE}{text}")
        self.machine.run(["chmod", "+x", f"{PROBE}/{name}"])
        return f"{PROBE}/{name}"

    @property
    def units(self) -> list[str]:
        return [f"{program}@00" for program in self.programs]

    def install(self) -> None:
        """Writes the configuration and makes units with `wctl update`; starts nothing."""
        self.machine.run(["mkdir", "-p", NOTES])
        text = "\n\n".join(self.programs.values()) + "\n"
        self.machine.write(f"/etc/wctl/conf.d/{self.name}.conf", text)
        self.machine.run(["wctl", "update"])
        # As `wctl start` does: systemd forgets an instance that has exited with success, unless an
        # active unit refers to it.
        targets = [f"{program}.target" for program in self.programs]
        self.systemctl("start", "--job-mode=ignore-dependencies", *targets)

    def start(self, units: Iterable[str] = ()) -> None:
        """Starts all units, or some, and does not wait."""
        self.systemctl("start", "--no-block", *(units or self.units))

    def run(self) -> None:
        """Installs and starts all."""
        self.install()
        self.start()

    def systemctl(self, *arguments: str) -> None:
        self.machine.run(["systemctl", *arguments])

    def show(self, *names: str, units: Iterable[str] = ()) -> dict[str, dict[str, str]]:
        """Returns properties of all units, or of some, by the unit's name."""
        wanted = list(units or self.units)
        text = self.machine.run(
            ["systemctl", "show", "--property=" + ",".join(("Id", *names)), "--", *wanted]
        ).out
        found = {}
        for block in re.split(r"\n\n+", text.strip()):
            properties = dict(line.split("=", 1) for line in block.splitlines())
            found[properties.pop("Id").rpartition(".")[0]] = properties
        return found

    def one(self, unit: str, *names: str) -> dict[str, str]:
        """Returns properties of one unit."""
        return self.show(*names, units=[unit])[unit]

    def time(self, unit: str, name: str) -> float:
        """Returns one of a unit's monotonic timestamps, in seconds; 0.0 if it never happened."""
        key = f"{name}TimestampMonotonic"
        return int(self.one(unit, key)[key]) / 1_000_000

    def runs(self) -> dict[str, list[float]]:
        """Returns the times, in seconds since the boot of the host, noted under each name."""
        lines = self.machine.run(f"cd {NOTES} && grep -H . -- * || :").out.splitlines()
        found: dict[str, list[float]] = {}
        for line in lines:
            name, _, text = line.rpartition(":")
            found.setdefault(name, []).append(float(text))
        return found

    def states(self, units: Iterable[str] = ()) -> dict[str, str]:
        """Returns Supervisor's word for the states of all units, or of some, from `wctl status`."""
        text = self.machine.run(["wctl", "status", *(units or self.units)], check=False).out
        return {line.split()[0]: line.split()[1] for line in text.splitlines()}

    def await_states(
        self, expected: Mapping[str, str], timeout: float = 60, *, interval: float = 0.2
    ) -> None:
        """Waits until these units have these states."""

        def differing() -> list[str]:
            states = self.states(expected)
            return [
                f"{unit}: {states.get(unit)} instead of {state}"
                for unit, state in expected.items()
                if states.get(unit) != state
            ]

        last: list[str] = []

        def reached() -> bool:
            last[:] = differing()
            return not last

        try:
            wait_for(reached, timeout, "the states", interval=interval)
        except TimeoutError:
            raise AssertionError("\n".join(last)) from None

    def await_property(self, unit: str, name: str, value: str, timeout: float = 20) -> None:
        """Waits until a property of a unit has a value."""
        wait_for(lambda: self.one(unit, name)[name] == value, timeout, f"{name}={value} of {unit}")

    def await_next(self, unit: str, before: Mapping[str, str]) -> None:
        """Waits until a unit has another InvocationID than `before`: it was started again."""
        wait_for(lambda: self.one(unit, *before) != before, 20, f"the next start of {unit}")

    def journal(self, unit: str) -> str:
        """Returns the journal of a unit: what the unit and systemd have written."""
        self.machine.run(["journalctl", "--sync"])
        return self.machine.run(["journalctl", "-b", "-u", unit, "-o", "cat"]).out

    def remove(self) -> None:
        """Kills all programs at once, and removes them."""
        self.machine.run(["systemctl", "kill", "--signal=KILL", *self.units], check=False)
        self.machine.run(["systemctl", "stop", *self.units], check=False)
        self.machine.run(["rm", "-rf", f"/etc/wctl/conf.d/{self.name}.conf", NOTES])
        self.machine.run(["wctl", "update", "--prune"])
