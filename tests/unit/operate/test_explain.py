"""explain: a unit's properties as sentences."""

from __future__ import annotations

import os
from typing import Any

import pytest

from wctl.operate.explain import explain
from wctl.systemd.quantities import INFINITY
from wctl.trust import accounts

PROPERTIES: dict[str, Any] = {
    "ExecStart": [
        (
            "/usr/bin/python3",
            [
                "python3",
                "-I",
                "-S",
                "/x/wctl/worker.py",
                "--startsecs=5",
                "--startretries=10",
                "w@00.service",
                "--",
                "php",
                "consume",
            ],
        )
    ],
    "CPUQuotaPerSecUSec": INFINITY,
    "KillMode": "mixed",
    "KillSignal": 15,
    "MemoryHigh": INFINITY,
    "MemoryMax": 256 << 20,
    "Nice": 0,
    "NoNewPrivileges": True,
    "OOMPolicy": "kill",
    "PrivateTmp": False,
    "ProtectHome": "no",
    "ProtectSystem": "no",
    "Restart": "on-failure",
    "RestartForceExitStatus": ([], [1, 2, 15, 13]),
    "RestartUSec": 100_000,
    "RuntimeMaxUSec": INFINITY,
    "SuccessExitStatus": ([0, 2], []),
    "SystemCallFilter": (False, ["reboot"]),
    "TasksMax": 4915,
    "TimeoutStopUSec": 60_000_000,
    "User": "www-data",
    "WorkingDirectory": "!/srv/app",
}


class Bus:
    """Stands in for the manager: one unit's properties."""

    def __init__(self, **changed: Any) -> None:
        self._found = {**PROPERTIES, **changed}

    def properties(
        self, wanted: list[tuple[str, Any]], *, stopped: bool = False
    ) -> dict[str, dict[str, Any]]:
        return {unit: {name: self._found[name] for name in names} for unit, names in wanted}


def sentences(**changed: Any) -> dict[str, str]:
    """Returns the sentences of explain, by occasion."""
    found = explain(Bus(**changed), "w@00.service")  # type: ignore[arg-type] # the part in use
    return {sentence.when: sentence.then for sentence in found}


def test_a_whole_life() -> None:
    """Every occasion has its sentence, with the unit's own times and limits."""
    assert sentences() == {
        "It runs": "php consume, as www-data in /srv/app",
        "It is RUNNING": "once it has lived for 5 s",
        "When a start fails": "the wrapper tries 10 more times, after 1, 2, 3, … 10 s; then it"
        " is FATAL until you start it",
        "When it exits with 0": "systemd does not start it again (EXITED)",
        "When it exits with another code": "systemd starts it again after 100 ms, but not after"
        " exit code 2 (EXITED)",
        "When a signal kills it": "systemd starts it again after 100 ms",
        "When it runs out of memory": "above 256M the kernel kills only this instance, and"
        " systemd starts it again after 100 ms",
        "When it is stopped": "systemd sends SIGTERM to it, and kills what is left after 1 min",
        "What it writes": "goes to the journal; while journald is away, to a file in /var/log/wctl",
        "It may use": "256M of memory, 4915 processes and threads",
        "It may not": "gain privileges (no sudo, no setuid); make system calls that administer the"
        " machine",
    }


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--log=file", "--stdout-file=/o", "--stderr-file=/e", "--stderr-backups=1"],
         "goes to /e (rotated at 50M, 1 older file) and /o (rotated at 50M, 10 older files), and"
         " not to the journal"),
        (["--log=both", "--stdout-file=/o", "--stdout-maxbytes=0"],
         "goes to the journal, and to /o"),
        (["--log=none"], "goes nowhere, unless a drop-in says where"),
    ],
)  # fmt: skip
def test_where_output_goes(words: list[str], expected: str) -> None:
    """The files, how they are rotated, and whether the journal has the lines, too."""
    command = ["python3", "-I", "-S", "/x/wctl/worker.py", *words, "w@00.service", "--", "x"]
    assert sentences(ExecStart=[("/usr/bin/python3", command)])["What it writes"] == expected


def test_limits_and_the_sandbox() -> None:
    """All that limits a worker is told, and a worker without limits is, too."""
    free = {"MemoryMax": INFINITY, "TasksMax": INFINITY, "NoNewPrivileges": False}
    found = sentences(**free, SystemCallFilter=(False, []))
    assert found["It may use"] == "as much as there is"
    assert found["It may not"] == "do less than its user may: it has no sandbox"
    strict = {"ProtectSystem": "strict", "ProtectHome": "read-only", "PrivateTmp": "connected"}
    found = sentences(CPUQuotaPerSecUSec=500_000, Nice=5, **strict)
    assert found["It may use"].startswith("256M of memory, 50% of a CPU, 4915 processes")
    assert found["It may use"].endswith(", at nice 5")
    assert "write anywhere but to ReadWritePaths=; write to home directories" in found["It may not"]
    assert "see the machine's /tmp" in found["It may not"]


@pytest.mark.parametrize(
    ("changed", "when", "then"),
    [
        ({"Restart": "always"}, "When it exits with 0", "systemd starts it again after 100 ms"),
        ({"Restart": "no"}, "When a signal kills it", "systemd does not start it again (EXITED)"),
        (
            {"RestartForceExitStatus": ([0], [])},
            "When it exits with 0",
            "systemd starts it again after 100 ms",
        ),
        ({"TimeoutStopUSec": 1000}, "When it is stopped", "systemd kills it at once"),
        (
            {"KillMode": "control-group", "KillSignal": 3, "TimeoutStopUSec": INFINITY},
            "When it is stopped",
            "systemd sends SIGQUIT to it and its children, and waits as long as it takes",
        ),
        (
            {"MemoryMax": INFINITY},
            "When it runs out of memory",
            "it has no memory limit except the machine's",
        ),
        (
            {"OOMPolicy": "stop"},
            "When it runs out of memory",
            "above 256M the kernel kills one process, of only this instance; systemd stops the"
            " others, and starts it again after 100 ms",
        ),
        (
            {"OOMPolicy": "stop", "Restart": "on-abort"},
            "When it runs out of memory",
            "above 256M the kernel kills one process, of only this instance; systemd stops the"
            " others, and does not start it again",
        ),
        (
            {"OOMPolicy": "continue", "MemoryHigh": 128 << 20},
            "When it runs out of memory",
            "above 128M the kernel slows it down; above 256M the kernel kills one process, of only"
            " this instance; the others go on, unless it was the worker: then systemd starts it"
            " again after 100 ms",
        ),
        (
            {"Restart": "on-success"},
            "When it runs out of memory",
            "above 256M the kernel kills only this instance, and systemd does not start it again",
        ),
        (
            {"Restart": "on-success"},
            "When a signal kills it",
            "systemd does not start it again (EXITED)",
        ),
        (
            {"RuntimeMaxUSec": 5_400_000_000},
            "When it gets old",
            "after 1 h 30 min systemd stops it, and starts it again after 100 ms",
        ),
    ],
)
def test_variations(changed: dict[str, Any], when: str, then: str) -> None:
    """A directive that differs changes its sentence."""
    assert sentences(**changed)[when] == then


def test_a_users_own_unit_runs_as_that_user() -> None:
    """A unit of a user manager names no user; only the system's then runs as root."""
    (command,) = PROPERTIES["ExecStart"]
    path, words = command
    own = [(path, [*words[:4], "--user", *words[4:]])]
    me = accounts.name(os.getuid())
    assert sentences(User="", ExecStart=own)["It runs"] == f"php consume, as {me} in /srv/app"
    assert sentences(User="")["It runs"] == "php consume, as root in /srv/app"


def test_command_can_be_typed_again() -> None:
    """explain quotes words that a shell would split."""
    command = [
        "python3",
        "/x/wctl/worker.py",
        "w@00.service",
        "--",
        "sh",
        "-c",
        "echo hello; exec x",
    ]
    said = sentences(ExecStart=[("/usr/bin/python3", command)])
    assert said["It runs"] == "sh -c 'echo hello; exec x', as www-data in /srv/app"


def test_own_command_of_a_drop_in() -> None:
    """If a drop-in has replaced the command, explain does not say what the wrapper would do."""
    said = sentences(ExecStart=[("/bin/sleep", ["sleep", "1000"])])
    assert said["It runs"] == "the command of a drop-in, as www-data in /srv/app"


@pytest.mark.parametrize(
    ("number", "name"), [(15, "SIGTERM"), (37, "SIGRTMIN+3"), (32, "signal 32"), (64, "SIGRTMAX")]
)
def test_every_signal_has_a_name(number: int, name: str) -> None:
    """A drop-in may set KillSignal=SIGRTMIN+3, for example."""
    assert sentences(KillSignal=number)["When it is stopped"].startswith(f"systemd sends {name} to")
