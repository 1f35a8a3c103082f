"""Deployments in the style of the public ones, and what "wctl check" says about each of them.

The first line of a configuration says what it is. Run this to record the verdicts anew, and review
the difference: a warning that is wrong about a real deployment is a fault of wctl.

    PYTHONPATH=pkg:tests python3 tests/oracle/deployed.py
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from oracle.both import VARIABLES as SHORT
from wctl.check import checker, summary
from wctl.config.load import load
from wctl.config.model import Config, Program
from wctl.install.installed import Layout

DEPLOYMENTS = Path(__file__).with_name("deployments")
VERDICTS = DEPLOYMENTS / "verdicts.txt"

# The environment that a supervisord of the table has.
VARIABLES = {
    **SHORT,
    "APP_ENV": "production",
    "AUTOSTART": "true",
    "JWT_KEY": "key",
    "PORT": "8000",
    "PROXY_TOKEN": "token",
    "REDIS_HOST": "redis",
    "RUN_AS": "edge",
    "SECRET_KEY_BASE": "0a1b2c3d",
    "STOP_SECONDS": "25",
    "TRIES": "3",
    "WORKERS": "4",
}
# What depends on the machine that checks, and not on the deployment.
OF_THE_MACHINE = {
    "command-not-executable",
    "command-not-found",
    "directory-closed",
    "directory-missing",
    "foreign-configuration",
    "foreign-file",
    "log-directory-closed",
    "log-directory-foreign",
    "log-directory-missing",
    "log-file-closed",
    "user-missing",
}


def deployments() -> list[Path]:
    """Return the main file of each deployment."""
    return sorted([*DEPLOYMENTS.glob("*.conf"), *DEPLOYMENTS.glob("*/supervisord.conf")])


def title(deployment: Path) -> str:
    """Return the name of a deployment."""
    return deployment.stem if deployment.parent == DEPLOYMENTS else deployment.parent.name


def placed(deployment: Path, directory: Path) -> tuple[Path, Path]:
    """Copy a deployment into a directory; return the main files for Supervisor and for wctl.

    Many deployments are a file of conf.d: Supervisor needs another one that includes it.
    """
    if deployment.parent != DEPLOYMENTS:
        shutil.copytree(deployment.parent, directory, dirs_exist_ok=True)
        return (directory / deployment.name,) * 2
    ours = Path(shutil.copy(deployment, directory))
    if "[supervisord]" in ours.read_text():
        return ours, ours
    theirs = directory / "supervisord.main"
    theirs.write_text(f"[supervisord]\n[include]\nfiles={ours.name}\n")
    return theirs, ours


def verdict(file: Path) -> list[str]:
    """Return the findings of "wctl check", without those that depend on the machine."""
    empty = file.parent / "empty"
    layout = Layout(False, units=empty, vendor=(), configuration=empty, environment=empty)
    config = load([file], VARIABLES)
    found = [*config.diagnostics, *checker.check(config, layout)]
    found.sort(key=lambda finding: (finding.place.file, finding.place.line))
    kept = [finding for finding in found if finding.code not in OF_THE_MACHINE]
    return [
        f"[{finding.section}] {finding.key}: {finding.code}"
        for finding in summary.condensed(kept, "")
    ]


def recorded() -> dict[str, list[str]]:
    """Return the verdicts of all deployments as they are kept."""
    verdicts: dict[str, list[str]] = {}
    for line in VERDICTS.read_text().splitlines():
        if line.startswith(" "):
            verdicts[next(reversed(verdicts))].append(line.strip())
        else:
            verdicts[line] = []
    return verdicts


def renamed(config: Config, prefix: str) -> Config:
    """Return ``config`` with a prefix for all names of units: those of others may be the same."""

    def of_program(program: Program) -> Program:
        return replace(program, name=prefix + program.name, group=prefix + program.group)

    return replace(
        config,
        programs=tuple(map(of_program, config.programs)),
        groups=tuple(
            replace(
                group,
                name=prefix + group.name,
                programs=tuple(prefix + name for name in group.programs),
            )
            for group in config.groups
        ),
    )


def _verdicts() -> Iterator[str]:
    for deployment in deployments():
        yield title(deployment)
        with tempfile.TemporaryDirectory() as directory:
            _, ours = placed(deployment, Path(directory))
            yield from (f"    {line}" for line in verdict(ours))


def main() -> None:
    """Write the verdicts of all deployments."""
    VERDICTS.write_text("\n".join(_verdicts()) + "\n")


if __name__ == "__main__":
    main()
