"""hardening = basic, strict: how exposed a worker is, and that the worker still works."""

from __future__ import annotations

import re

import pytest

from machine.driver import Machine, wait_for
from machine.units import configure, pids

CONSOLE = "php bin/console"
WORKER = """\
[program:hardened]
command = php /srv/app/bin/console messenger:consume async --sleep=0.1 -vv
directory = /srv/app
user = {user}
autorestart = true
hardening = {level}
systemd.Service.ReadWritePaths = /srv/app/var
"""


def waiting(machine: Machine) -> str:
    """Returns how many messages wait, as Symfony's own command says."""
    stats = f"{CONSOLE} app:stats async --format=json"
    return machine.run(stats, user="www-data", cwd="/srv/app").out


@pytest.mark.parametrize(
    ("level", "user", "most"),
    [
        ("off", "www-data", 10.0),
        ("basic", "www-data", 5.0),
        ("basic", "root", 5.0),
        ("strict", "www-data", 2.5),
    ],
)
def test_symfony_works_within_its_hardening(
    machine: Machine, level: str, user: str, most: float
) -> None:
    """Workers consume messages, also after a restart; the exposure in systemd-analyze is low."""
    configure(machine, WORKER.format(level=level, user=user))
    machine.run(["wctl", "update"])
    analyzed = machine.run("systemd-analyze security --no-pager hardened@00.service").out
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", analyzed)
    assert exposure and float(exposure[1]) <= most, analyzed
    for _ in range(2):
        before = pids(machine)
        machine.run(f"{CONSOLE} app:dispatch ok:20 print", user="www-data", cwd="/srv/app")
        wait_for(lambda: waiting(machine) == '{"async":0}\n', 20, "an empty queue", interval=0.2)
        assert pids(machine) == before
        machine.run(["wctl", "restart", "all"])
