"""Renders configurations for the golden tests; run it to write the golden files anew.

    PYTHONPATH=pkg:tests python3 tests/golden/render.py

A case is a configuration and a directory of the same name with the files that wctl renders from it.
A configuration that begins with "; Targets: 249 252" has a directory for each of these versions of
systemd.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

from wctl.config.load import load
from wctl.config.model import Config
from wctl.errors import Place
from wctl.install.files import write_file
from wctl.systemd.unit_file import OLDEST_SYSTEMD
from wctl.units.host import Host
from wctl.units.render import File, render

CASES = Path(__file__).parent / "cases"
UNITS = Path(__file__).parents[2] / "units"
SHIPPED = UNITS / "messenger-worker.conf"

# Where the Debian package puts things.
DEBIAN = Host(interpreter="/usr/bin/python3", package=Path("/usr/lib/python3/dist-packages/wctl"))
VARIABLES = {"HOME": "/root", "DSN": "doctrine://default?queue_name=async"}


def sources() -> list[Path]:
    """Return the configurations of all cases."""
    return sorted(CASES.glob("*.conf"))


def hosts(source: Path) -> list[tuple[Path, Host]]:
    """Return each directory of a case, and the host that its files are written for."""
    if source == SHIPPED:
        return [(UNITS, DEBIAN)]
    directory = source.with_suffix("")
    versions = re.match(r"; Targets: ([\d ]+)", source.read_text())
    if versions is None:
        return [(directory, DEBIAN)]
    return [
        (directory / version, replace(DEBIAN, systemd=int(version)))
        for version in versions[1].split()
    ]


def rendered(source: Path, host: Host = DEBIAN) -> tuple[File, ...]:
    """Render ``source`` as if it were a file of /etc/wctl/conf.d; the example as a package's."""
    assert host.systemd >= OLDEST_SYSTEMD
    config = load([source], VARIABLES)
    assert not config.errors, [str(error) for error in config.errors]
    directory = "/usr/share/doc/wctl/examples" if source == SHIPPED else "/etc/wctl/conf.d"
    return render(_moved(config, f"{directory}/{source.name}"), host)


def _moved(config: Config, file: str) -> Config:
    programs = [
        replace(program, place=Place(file, program.place.line)) for program in config.programs
    ]
    groups = [replace(group, place=Place(file, group.place.line)) for group in config.groups]
    return replace(config, programs=tuple(programs), groups=tuple(groups))


def main() -> None:
    """Write the units of the shipped example and the files of every case."""
    for source in (SHIPPED, *sources()):
        if source != SHIPPED:
            shutil.rmtree(source.with_suffix(""), ignore_errors=True)
        for directory, host in hosts(source):
            for file in rendered(source, host):
                write_file(directory / file.name, file.text)


if __name__ == "__main__":
    main()
