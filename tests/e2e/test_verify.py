"""Rendered units, read by the systemd of each release, which must know every key in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from golden import render
from machine.driver import Machine
from oracle import deployed
from wctl.config.load import load
from wctl.units.render import render as render_files

pytestmark = pytest.mark.core

# The units of a case, each template also as an instance, then the units of the machine.
VERIFY = """
cd {directory}
for template in *@.service; do cp "$template" "${{template%.service}}00.service"; done
SYSTEMD_UNIT_PATH={directory}: systemd-analyze verify --man=no --recursive-errors=yes \\
    $(ls -d *.service *.target *.socket 2>/dev/null | grep -v '@[.]service$' | sed 's|^|./|')
"""


def test_no_unit_has_a_key_that_systemd_does_not_know(machine: Machine) -> None:
    """systemd-analyze is silent, and exits with 0, for each case of its own or an older version."""
    version = int(machine.run("systemctl --version").out.split()[1])
    verified = 0
    for source in (render.SHIPPED, *render.sources()):
        for directory, host in render.hosts(source):
            if host.systemd > version:
                continue
            there = f"/run/verify/{source.stem}-{host.systemd}"
            machine.copy_in(directory, there)
            done = machine.run(VERIFY.format(directory=there), check=False)
            assert (done.code, done.out, done.err) == (0, "", ""), there
            verified += 1
    assert verified >= len(render.sources())


def test_units_of_public_deployments(machine: Machine, tmp_path: Path) -> None:
    """systemd-analyze accepts the units of all deployments of the table, together."""
    version = int(machine.run("systemctl --version").out.split()[1])
    host = replace(render.DEBIAN, systemd=version)
    units = tmp_path / "units"
    units.mkdir()
    for deployment in deployed.deployments():
        directory = tmp_path / deployed.title(deployment)
        directory.mkdir()
        _, file = deployed.placed(deployment, directory)
        config = deployed.renamed(load([file], deployed.VARIABLES), f"{directory.name}.")
        for unit in render_files(config, host):
            if not unit.secret:
                (units / unit.name).write_text(unit.text)
    assert len(list(units.glob("*@.service"))) > len(deployed.deployments())
    there = "/run/verify/deployments"
    machine.copy_in(units, there)
    done = machine.run(VERIFY.format(directory=there), check=False)
    # User=nobody is what the deployment asks for.
    errors = [line for line in done.err.splitlines() if "Special user nobody" not in line]
    assert (done.code, done.out, errors) == (0, "", [])
