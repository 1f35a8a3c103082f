"""wctl renders whole configurations exactly as the files kept here, and systemd accepts them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from golden import render
from wctl.config.load import load
from wctl.units.host import Host

DIRECTORIES = [
    pytest.param(source, directory, host, id=str(directory.relative_to(render.UNITS.parent)))
    for source in (render.SHIPPED, *render.sources())
    for directory, host in render.hosts(source)
]


@pytest.mark.parametrize(("source", "directory", "host"), DIRECTORIES)
def test_files(source: Path, directory: Path, host: Host) -> None:
    """wctl renders exactly the kept files, byte for byte, and also the shipped units."""
    expected = {
        path.name: path.read_text() for path in directory.iterdir() if path.suffix != ".conf"
    }
    assert {file.name: file.text for file in render.rendered(source, host)} == expected


@pytest.mark.parametrize(("source", "directory", "host"), DIRECTORIES)
def test_verify(source: Path, directory: Path, host: Host, tmp_path: Path) -> None:
    """systemd-analyze accepts every unit: it prints nothing and exits with 0."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    known = version()
    if host.systemd > known:
        pytest.skip(f"systemd {known} cannot know what {host.systemd} does")
    assert verify(units(directory, tmp_path), tmp_path) == (0, "", "")


@pytest.mark.parametrize(("source", "directory", "host"), DIRECTORIES)
def test_secrets(source: Path, directory: Path, host: Host) -> None:
    """Variables and a URL with a password are only in secret files, never in a unit."""
    files = render.rendered(source, host)
    config = load([source], render.VARIABLES)
    values = {
        text.text(0)
        for program in config.programs
        for _, text in program.environment
        if len(text.text(0)) > 3
    }
    values |= {url for program in config.programs if "@" in (url := program.serverurl or "")}
    for file in files:
        assert file.secret == file.name.endswith(".env")
        if not file.secret:
            text = without_escapes(file.text)
            assert [value for value in values if value in text] == []


def without_escapes(text: str) -> str:
    """Return the text of a unit without the escapes that its values can have."""
    return re.sub(r"\\(.)|%(?=%)|\$(?=\$)", lambda match: match[1] or "", text)


def units(directory: Path, target: Path) -> list[Path]:
    """Copy units, each template also as an instance, and return the files to verify."""
    found = []
    for unit in sorted(directory.iterdir()):
        if unit.suffix in (".service", ".target", ".socket"):
            shutil.copy(unit, target)
            name = unit.name.replace("@.", "@00.")
            shutil.copy(unit, target / name)
            found.append(target / name)
    return found


def verify(paths: list[Path], directory: Path) -> tuple[int, str, str]:
    """Run systemd-analyze verify on units that refer to each other."""
    done = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=yes", "--man=no", *map(str, paths)],
        # The units of the case, then those of the machine.
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{directory}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def version() -> int:
    """Return the version of the systemd that is installed here."""
    shown = subprocess.run(
        ["systemd-analyze", "--version"], capture_output=True, text=True, check=True
    ).stdout
    return int(shown.split()[1])
