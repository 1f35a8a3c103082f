"""commands: where the unit looks for a command, and whether its user may execute it."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from unit.check.test_checker import OTHER, found
from wctl.errors import Diagnostic
from wctl.units import environment

ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with programs, in a place where an operator does not stand."""
    programs = {
        "bin/run": "#!/bin/sh\n",
        "bin/data": "#!/bin/sh\n",
        "bin/php8": "#!/opt/nonesuch/php8 -n\n",
        "bin/by-env": "#!/usr/bin/env -S nonesuch -u\n",
        "bin/by-env-well": "#!/usr/bin/env sh\n",
        "bin/windows": "#!/bin/sh\r\n",
        "bin/text": "exec sleep 1000\n",
        "bin/empty": "",
        "late/data": "#!/bin/sh\n",
    }
    for name, text in programs.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o644 if name == "bin/data" else 0o755)
    (tmp_path / "link").symlink_to("bin/run")
    (tmp_path / "variables").write_text(f"PATH={tmp_path}/bin\n")
    (tmp_path / "etc").mkdir()
    monkeypatch.chdir("/")
    return tmp_path


def problems(machine: Path, text: str, *, user: bool = False) -> list[str]:
    """Returns what is wrong with a command, without the directory."""

    def problem(diagnostic: Diagnostic) -> str:
        assert diagnostic.key == "command"
        return f"{diagnostic.code}: {diagnostic.problem}".replace(str(machine), "")

    section = f"[program:x]\nuser={ME}\n{text}".replace("HERE", str(machine))
    kinds = ("command-not-found", "command-not-executable")
    return [problem(one) for one in found(machine, section, user=user) if one.code in kinds]


@pytest.mark.parametrize(
    "text",
    [
        "command=%(here)s/bin/run",
        "command=%(here)s/link",
        "command=bin/run\ndirectory=%(here)s",
        "command=./run\ndirectory=%(here)s/bin",
        "command=bin/sh",  # without a directory, a unit begins in /
        "command=sh",
        "command=run\nenvironment=PATH=%(here)s/bin",
        'command=run\nenvironment=PATH="/nonesuch:%(here)s/bin"',
        "command=run\nenvironment=PATH=bin\ndirectory=%(here)s",
        'command=run\nenvironment=PATH=":/nonesuch"\ndirectory=%(here)s/bin',
        "command=run\nenvironment_file=%(here)s/variables",
        "command=run\nsystemd.Service.Environment=A=b PATH=HERE/bin",
        "command=run\nsystemd.Service.ExecSearchPath=/nonesuch:HERE/bin",
        'command=sh\nenvironment=PATH=""\ndirectory=/bin',
        # The first file that can be executed is executed.
        'command=data\nenvironment=PATH="%(here)s/bin:%(here)s/late"',
        "command=by-env-well\nenvironment=PATH=%(here)s/bin:/bin",
        # What systemd makes of it, we cannot tell.
        "command=run\nsystemd.Service.Environment=PATH=%%h/bin",
        "command=run\nsystemd.Service.EnvironmentFile=/run/variables",
        "command=/opt/run\nsystemd.Service.RootDirectory=/srv/root",
        "command=bin/run\ndirectory=/nonesuch",  # directory-missing says so
        "command=%(here)s/bin/data\nsystemd.Service.User=nonesuch",
    ],
)
def test_can_be_executed(machine: Path, text: str) -> None:
    """The check looks where the wrapper looks, with the unit's PATH and from its directory."""
    assert problems(machine, text) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("command=%(here)s/bin/none", "command-not-found: /bin/none: no such file"),
        (
            "command=bin/none\ndirectory=%(here)s",
            "command-not-found: bin/none: no such file in ",
        ),
        ("command=%(here)s/link/run", "command-not-found: /link/run: no such file"),
        (
            "command=none",
            f"command-not-found: none: no such command in PATH={environment.DEFAULT_PATH}",
        ),
        (
            "command=sh\nenvironment=PATH=%(here)s/bin",
            "command-not-found: sh: no such command in PATH=/bin",
        ),
        # The variables of files override those of the unit, whatever their order.
        (
            "command=sh\nenvironment_file=%(here)s/variables\nsystemd.Service.Environment=PATH=/bin",
            "command-not-found: sh: no such command in PATH=/bin",
        ),
        (
            "command=%(here)s/bin/data",
            f"command-not-executable: /bin/data: is not executable for {ME}; run: chmod +x"
            " /bin/data",
        ),
        (
            'command=data\nenvironment=PATH="/nonesuch:%(here)s/bin"',
            f"command-not-executable: /bin/data: is not executable for {ME}; run: chmod +x"
            " /bin/data",
        ),
        (
            "command=%(here)s/bin",
            "command-not-executable: /bin: is a directory, expected a program",
        ),
        (
            "command=%(here)s/bin/php8",
            "command-not-executable: /bin/php8: its interpreter /opt/nonesuch/php8 is missing",
        ),
        (
            "command=%(here)s/bin/by-env",
            "command-not-executable: /bin/by-env: its interpreter nonesuch is missing",
        ),
        (
            "command=%(here)s/bin/text",
            "command-not-executable: /bin/text: has no #! line, which names the interpreter of a"
            " script",
        ),
        (
            "command=%(here)s/bin/empty",
            "command-not-executable: /bin/empty: has no #! line, which names the interpreter of a"
            " script",
        ),
        ('command=sh\nenvironment=PATH=""', "command-not-found: sh: no such command in PATH="),
        (
            "command=%(here)s/bin/windows",
            "command-not-executable: /bin/windows: its lines end as on Windows, so that its"
            " interpreter is missing; use dos2unix",
        ),
    ],
)
def test_cannot_be_executed(machine: Path, text: str, problem: str) -> None:
    """The finding says what keeps the unit from executing its command."""
    assert problems(machine, text) == [problem]


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, whose directories are closed to others")
def test_a_user_needs_more_than_root(machine: Path) -> None:
    """The mode must let the program's user execute the file, and enter each directory above it."""
    as_other = f"systemd.Service.User={OTHER}\n"
    run = f"command=%(here)s/bin/run\n{as_other}"
    assert problems(machine, f"command=/bin/sh\n{as_other}") == []
    machine.chmod(0o700)
    (problem,) = problems(machine, run)
    assert problem.startswith(f"command-not-executable: /bin/run: {OTHER} may not enter ")
    (machine / "bin/run").chmod(0o750)
    (problem,) = problems(machine, run)
    assert problem.startswith(f"command-not-executable: /bin/run: is not executable for {OTHER};")
    assert problems(machine, "command=%(here)s/bin/run") == []


def test_a_longer_path_of_systemd(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not in systemd's default PATH may be in the PATH that the manager has."""
    stand_in = machine / "systemctl"
    stand_in.write_text(f'#!/bin/sh\necho "$2 PATH"\necho "PATH=/nonesuch:{machine}/bin"\n')
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{machine}:{os.defpath}")
    assert problems(machine, "command=run", user=True) == []
    assert problems(machine, "command=run") == []
    assert problems(machine, "command=none") != []
    # A PATH of the program's own is used instead.
    assert problems(machine, "command=run\nenvironment=PATH=/bin") != []
