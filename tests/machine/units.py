"""What tests read about a machine's units: properties, states and processes."""

from __future__ import annotations

import json

from machine.driver import Machine


def configure(machine: Machine, text: str, name: str = "test") -> None:
    """Writes one configuration file."""
    machine.write(f"/etc/wctl/conf.d/{name}.conf", text)


def show(machine: Machine, unit: str, *properties: str) -> dict[str, str]:
    """Returns properties of a unit, by name: their order differs between versions of systemd."""
    names = ",".join(properties)
    lines = machine.run(["systemctl", "show", f"--property={names}", "--", unit]).out.splitlines()
    return dict(line.split("=", 1) for line in lines)


def states(machine: Machine) -> dict[str, str]:
    """Returns the state of each instance as `wctl status` prints it."""
    lines = machine.run(["wctl", "status"], check=False).out.splitlines()
    return {line.split()[0]: line.split()[1] for line in lines}


def pids(machine: Machine) -> dict[str, int]:
    """Returns the process ID of each instance that runs."""
    shown = json.loads(machine.run(["wctl", "status", "--json"], check=False).out)
    return {process["name"]: process["pid"] for process in shown if process["pid"]}


def processes(machine: Machine, unit: str) -> list[int]:
    """Returns the processes in a unit's cgroup."""
    path = show(machine, unit, "ControlGroup")["ControlGroup"]
    # The unified hierarchy, or the one that systemd keeps next to version 1 controllers.
    files = [f"/sys/fs/cgroup{root}{path}/cgroup.procs" for root in ("", "/systemd")]
    found = machine.run(["cat", *files], check=False)
    return [int(pid) for pid in found.out.split()]


def cursor(machine: Machine) -> str:
    """Returns the journal's end, for journalctl --after-cursor."""
    shown = machine.run("journalctl --lines=0 --show-cursor").out
    return shown.partition("cursor: ")[2].strip()


def seconds(machine: Machine, unit: str, since: str, until: str) -> float:
    """Returns the time between two of a unit's monotonic timestamps."""
    names = (f"{since}TimestampMonotonic", f"{until}TimestampMonotonic")
    found = show(machine, unit, *names)
    return (int(found[names[1]]) - int(found[names[0]])) / 1_000_000
