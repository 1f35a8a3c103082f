"""wctl doctor for workers that are not Symfony's: RQ on a real Redis, by two commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from machine import provision
from machine.driver import Machine, unique_name, wait_for
from machine.units import configure, pids, states

pytestmark = pytest.mark.full  # its machine takes long to make

WORKER = """[program:rq]
command = /usr/bin/rq worker default
directory = /srv
user = daemon
environment = HOME="/srv"
startsecs = 2
startretries = 1000
autorestart = true
stopwaitsecs = 20
health_command = redis-cli -e ping
queue_command = /srv/depth
"""
DEPTH = """#!/bin/sh
length() { redis-cli -e llen rq:queue:$1; }
printf '{"default": %d, "mail": %d}\\n' "$(length default)" "$(length mail)"
"""
QUEUE = """import sys, redis, rq
for _ in range(3):
    rq.Queue(sys.argv[1], connection=redis.Redis()).enqueue("time.sleep", 0)
"""


@pytest.fixture(scope="module")
def machine(suite: str, deb: Path) -> Iterator[Machine]:
    """A healthy machine with Redis and one RQ worker."""
    with Machine.boot(unique_name(f"rq-{suite}"), f"{suite}/rq") as booted:
        provision.install_wctl(booted, deb)
        booted.run("systemctl start redis-server")
        booted.write("/srv/depth", DEPTH, mode=0o755)
        configure(booted, WORKER)
        booted.run(["wctl", "update"])
        yield booted


@pytest.fixture(autouse=True)
def _independent() -> None:
    """Removes nothing between these tests: each leaves a healthy machine."""


def examine(machine: Machine) -> list[dict[str, Any]]:
    """Returns doctor's findings; asserts that its exit code agrees."""
    result = machine.run(["wctl", "doctor", "--json", "--wait=2"], check=False)
    assert result.err == ""
    findings: list[dict[str, Any]] = json.loads(result.out)
    assert result.code == (1 if findings else 0)
    return findings


def enqueue(machine: Machine, queue: str) -> None:
    """Sends three jobs that take no time."""
    machine.run(["python3", "-c", QUEUE, queue])


def test_broker_that_is_down(machine: Machine) -> None:
    """A stopped Redis is one finding, the worker's back-off another; both show the error."""
    enqueue(machine, "default")
    assert examine(machine) == []
    machine.run(["systemctl", "stop", "redis-server"])
    machine.run(["wctl", "restart", "--no-wait", "rq"])
    wait_for(lambda: len(examine(machine)) == 2, 30, "both findings")
    findings = {finding["code"]: finding for finding in examine(machine)}
    assert findings.keys() == {"backoff", "health"}
    assert "Could not connect to Redis" in " ".join(findings["health"]["evidence"])
    assert "Connection refused" in " ".join(findings["backoff"]["evidence"])
    check = ["bash", "-c", findings["health"]["remedy"]]
    assert machine.run(check, check=False).code != 0
    machine.run(["systemctl", "start", "redis-server"])
    assert machine.run(check).out == "PONG\n"
    wait_for(lambda: states(machine) == {"rq@00": "RUNNING"}, 60, "the next try")
    assert examine(machine) == []


def test_worker_that_hangs(machine: Machine) -> None:
    """doctor finds a RUNNING worker that takes no jobs; the remedy restarts the worker."""
    (pid,) = pids(machine).values()
    machine.run(["kill", "-STOP", str(pid)])
    enqueue(machine, "default")
    (finding,) = examine(machine)
    assert finding["code"] == "queue-standing"
    # Redis gave the first job to the worker, which hangs while it waits for a job.
    assert finding["evidence"][0] == "queue default: 2 messages, 2 after 2 s"
    machine.run(["bash", "-c", finding["remedy"]])
    assert examine(machine) == []


def test_jobs_in_a_queue_that_nobody_reads(machine: Machine) -> None:
    """doctor names the queue that stands: "mail", while the worker reads "default"."""
    enqueue(machine, "mail")
    (finding,) = examine(machine)
    assert finding["code"] == "queue-standing"
    assert finding["evidence"][0] == "queue mail: 3 messages, 3 after 2 s"
    configure(machine, WORKER.replace("worker default", "worker default mail"))
    machine.run(["wctl", "update"])
    assert examine(machine) == []
