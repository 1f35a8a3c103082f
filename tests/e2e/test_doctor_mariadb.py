"""wctl doctor with a real MariaDB server, which is the workers' database and their queue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from machine import mariadb, provision
from machine.driver import Machine, unique_name, wait_for
from machine.units import configure, states

pytestmark = pytest.mark.full  # its machine takes long to make

WORKER = f"""[program:messenger-worker]
command = php /srv/app/bin/console messenger:consume async --sleep=0.1 -vv
directory = /srv/app
user = www-data
environment = DATABASE_URL="{mariadb.URL.replace("%", "%%")}"
stopwaitsecs = 20
startsecs = 3
autorestart = true
startretries = 1000
"""


@pytest.fixture(scope="module")
def server(suite: str, deb: Path) -> Iterator[Machine]:
    """A machine with MariaDB, whose user www-data owns the database "queue", and a worker."""
    with Machine.boot(unique_name(f"mariadb-{suite}"), f"{suite}/mariadb") as machine:
        provision.install_wctl(machine, deb)
        provision.install_app(machine)
        mariadb.start(machine)
        configure(machine, WORKER)
        machine.run(["wctl", "update"])
        yield machine


def examine(machine: Machine, wait: int = 2) -> list[dict[str, Any]]:
    """Returns what doctor finds."""
    findings: list[dict[str, Any]] = json.loads(
        machine.run(["wctl", "doctor", "--json", f"--wait={wait}"], check=False).out
    )
    return findings


def exactly(machine: Machine, *codes: str) -> dict[str, dict[str, Any]]:
    """Returns doctor's findings by their codes; nothing if the codes are others."""
    findings = {finding["code"]: finding for finding in examine(machine)}
    return findings if findings.keys() == set(codes) else {}


def test_server_that_is_down(server: Machine) -> None:
    """doctor finds a stopped server, its error and the back-off; after a start, nothing."""
    assert examine(server) == []
    server.run(["systemctl", "stop", "mariadb"])
    server.run(["wctl", "restart", "--no-wait", "messenger-worker"])
    # Between two tries the worker is STARTING for a moment, which is no finding.
    findings = wait_for(lambda: exactly(server, "backoff", "health"), 60, "both findings")
    assert "SQLSTATE[HY000] [2002]" in " ".join(findings["health"]["evidence"])
    check = ["bash", "-c", findings["health"]["remedy"]]  # it sets DATABASE_URL
    assert server.run(check, check=False).code != 0
    assert "SQLSTATE" in server.run(["bash", "-c", findings["backoff"]["remedy"]]).out
    server.run(["systemctl", "start", "mariadb"])
    server.run(check)
    wait_for(lambda: states(server)["messenger-worker@00"] == "RUNNING", 60, "the next try")
    assert examine(server) == []


def test_queue_on_the_server(server: Machine) -> None:
    """doctor finds messages in a queue that no worker reads, and stuck messages."""
    mariadb.console(server, "app:dispatch ok:20")
    assert examine(server, wait=10) == []
    server.run(["systemctl", "kill", "--signal=STOP", "messenger-worker@00"])
    mariadb.console(server, "app:dispatch ok:2")
    late = "UTC_TIMESTAMP() - INTERVAL 9 MINUTE"
    mariadb.sql(server, f"UPDATE messenger_messages SET delivered_at = {late}")
    mariadb.console(server, "app:dispatch ok:3")
    wrong = "queue_name = 'default' WHERE delivered_at IS NULL"
    mariadb.sql(server, f"UPDATE messenger_messages SET {wrong}")
    findings = exactly(server, "messages-stuck", "wrong-queue")
    assert findings
    server.run(["systemctl", "kill", "--signal=CONT", "messenger-worker@00"])
    for finding in findings.values():
        server.run(["bash", "-c", finding["remedy"]])
    assert examine(server, wait=10) == []
