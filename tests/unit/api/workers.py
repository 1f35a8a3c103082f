"""Workers for tests of Supervisor's face: real configurations and unit files, and no systemd."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from unit.operate.test_verbs import Bus
from wctl.api.ctl.controller import Controller
from wctl.api.ctl.face import Face
from wctl.api.groups import Groups
from wctl.api.logs import Logs
from wctl.api.processes import Processes
from wctl.install.installed import Layout
from wctl.operate.states import State
from wctl.session.session import Session
from wctl.systemd.manager import Unit
from wctl.units.marker import directives
from wctl.wrapper.exits import GIVE_UP_SIGNAL

OF_STATE = {
    State.STOPPED: ("inactive", "dead"),
    State.STARTING: ("activating", "start"),
    State.RUNNING: ("active", "running"),
    State.BACKOFF: ("activating", "start"),
    State.STOPPING: ("deactivating", "stop-sigterm"),
    State.EXITED: ("active", "exited"),
    State.FATAL: ("failed", "failed"),
    State.UNKNOWN: ("something", "new"),
}
NOON = 43_200_000_000  # microseconds since the epoch
PID = 100  # of the first worker


class Systemd(Bus):
    """Stands in for the user's manager: enables instances by links, and does what jobs ask for."""

    user = True

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.layout = layout
        self.states: dict[str, State] = {}  # of the units that are loaded
        self.results: dict[str, str] = {}  # of the next jobs, by unit, where it is not "done"
        self.refuses: dict[str, str] = {}  # why systemd makes no job, by unit
        self.changed: dict[str, dict[str, Any]] = {}  # properties that a drop-in has set

    def version(self) -> str:
        return "252"

    def pid(self) -> int:
        return 1

    def environment(self) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin"}

    def reload(self) -> None:
        """Nothing is read before it is asked for."""

    def units(self, patterns: Sequence[str]) -> list[Unit]:
        return [
            Unit(name, "loaded", *OF_STATE[state])
            for name, state in self.states.items()
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
        ]

    def properties(
        self, wanted: Iterable[tuple[str, Iterable[str]]], *, stopped: bool = False
    ) -> dict[str, Any]:
        found = {unit: (self._of(unit), names) for unit, names in wanted}
        return {
            unit: {name: values[name] for name in names if name in values}
            for unit, (values, names) in found.items()
        }

    def _of(self, unit: str) -> dict[str, Any]:
        """Returns the properties of a unit; of those that never ran, many are left out."""
        state = self.states.get(unit, State.STOPPED)
        program, _, number = unit.partition(".")[0].partition("@")
        file = self.layout.units / f"{program}@.service"
        text = file.read_text() if file.exists() else ""
        service = dict(directives(text, "Service"))
        command = re.sub(r"[\"\\]", "", service.get("ExecStart", ""))
        words = command.replace("%n", unit).replace("%i", number).split()
        values = {
            "ExecStart": [(words[0], words, False)] if words else [],
            "Environment": [],
            "EnvironmentFiles": [],
            "FragmentPath": "",
            "LogsDirectory": service.get("LogsDirectory", "").split(),
            "User": "",
            "DynamicUser": False,
            **dict.fromkeys(("RootDirectory", "RootImage"), ""),
            **dict.fromkeys(("BindPaths", "BindReadOnlyPaths"), ()),
            **dict.fromkeys(("MountImages", "ExtensionImages"), ()),
            "WorkingDirectory": service.get("WorkingDirectory", "").replace("-", "!"),
            "StandardOutput": service.get("StandardOutput", "journal"),
            "StandardError": service.get("StandardError", "inherit"),
            "SubState": OF_STATE[state][1],
            "Result": "success",
            "TimeoutStopUSec": 10_000_000,
            "Wants": [],
            "MainPID": PID + sorted(self.states).index(unit) if unit in self.states else 0,
            "InactiveEnterTimestamp": NOON,
            "ExecMainExitTimestamp": NOON,
        }
        if state is State.BACKOFF:
            values["StatusText"] = "BACKOFF: exit code 1"
        if state is State.FATAL:
            values.update(StatusText="FATAL: exit code 1", ExecMainCode=2)
            values.update(ExecMainStatus=GIVE_UP_SIGNAL)
        return {**values, **self.changed.get(unit, {})}

    def _jobs(self, verb: str, units: Sequence[str], then: str) -> tuple[dict[str, str], Any]:
        refused = {unit: self.refuses[unit] for unit in units if unit in self.refuses}
        units = [unit for unit in units if unit not in refused]
        jobs, _ = super()._jobs(verb, units, then)
        state = State.STOPPED if verb == "stop" else State.RUNNING
        for unit in units:
            failed = self.results.get(unit) == "failed"
            self.states[unit] = State.FATAL if failed else state
        return jobs, refused

    def wait(self, jobs: object, timeout: float) -> tuple[str, str]:
        unit = self._ends.pop(0)
        return unit, self.results.pop(unit, "done")

    def enable(self, units: Iterable[str]) -> None:
        for unit in units:
            if "@" in unit:
                self._link(unit).parent.mkdir(exist_ok=True)
                self._link(unit).symlink_to(f"../{unit.partition('@')[0]}@.service")

    def disable(self, units: Iterable[str]) -> None:
        for unit in units:
            self._link(unit).unlink(missing_ok=True)

    def _link(self, unit: str) -> Path:
        return self.layout.units / f"{unit.partition('@')[0]}.target.wants" / unit


class Shown:
    """What supervisorctl has printed."""

    def __init__(self) -> None:
        self.text = ""
        self.notes = ""  # to stderr

    def line(self, text: str) -> None:
        self.text += f"{text}\n"

    def note(self, text: str) -> None:
        self.notes += f"{text}\n"

    def data(self, data: bytes) -> None:
        self.text += data.decode()

    def flush(self) -> None:
        """Nothing waits."""

    def lost(self) -> bool:
        return False


def new(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Workers:
    """Returns a user without programs; the journal knows of no end of a worker."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(directory))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(directory / "run"))
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setattr("wctl.operate.past_ends.past_ends", lambda *_a, **_o: {})
    return Workers()


class Workers:
    """A user's configuration, units and systemd; and Supervisor's operations on them."""

    def __init__(self, *, interactive: bool = False) -> None:
        self.session = Session(user=True)
        self.layout = self.session.layout
        self.systemd = Systemd(self.layout)
        # As cached_property would; no error makes wctl connect to another systemd.
        vars(self.session).update(manager=self.systemd, reconnect=lambda: None)
        self.processes = Processes(self.session)
        self.groups = Groups(self.session, self.processes)
        self.logs = Logs(self.session, self.processes)
        self.interactive = interactive

    def write(self, text: str, name: str = "a") -> Path:
        """Writes a file of the configuration."""
        file = self.layout.configuration / "conf.d" / f"{name}.conf"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def have(self, text: str, **states: State) -> None:
        """Installs and starts the programs of a configuration, and sets states of instances.

        w_00 is w@00.service.
        """
        self.layout.units.mkdir(parents=True, exist_ok=True)
        self.write(text)
        self.groups.update()
        self.processes.refresh()
        for name, state in states.items():
            self.systemd.states["@".join(name.rsplit("_", 1)) + ".service"] = state
        self.systemd.asked.clear()

    def scale(self, program: str, *numbers: int) -> None:
        """Enables exactly these instances."""
        wants = self.layout.units / f"{program}.target.wants"
        self.systemd.disable([link.name for link in wants.iterdir()])
        self.systemd.enable([f"{program}@{number:02d}.service" for number in numbers])

    def names(self) -> list[str]:
        """Returns the names of the processes, as they are now."""
        self.processes.refresh()
        return [member.full for member in self.processes.names().members]

    def run(self, line: str) -> tuple[int, str]:
        """Carries out a line of supervisorctl; returns its exit code and what it has printed."""
        shown = Shown()
        face = Face(self.session, shown, interactive=self.interactive)
        Controller(face).onecmd(line)
        return face.code, shown.text

    def jobs(self) -> list[tuple[object, ...]]:
        """Returns which jobs and signals systemd was asked for since the last call."""
        found = [one for one in self.systemd.asked if one[0] not in ("hold", "release", "reset")]
        self.systemd.asked.clear()
        return [one for one in found if len(one) > 1]
