"""wctl import --takeover, --back and forth again, of the deployment that wctl was made for.

Symfony Messenger workers with a MariaDB server as their queue: supervisord.conf and a file of its
own for the program, rotated log files, a planned end, and variables of supervisord's service.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from machine import mariadb, provision
from machine.driver import Machine, unique_name, wait_for
from machine.units import processes, states

pytestmark = pytest.mark.full  # its machine takes long to make

LOG = "/srv/app/var/run.log"
OUTPUT = "/srv/app/var/log/messenger"
DROP_IN = f"""[Service]
Environment=APP_RUN_LOG={LOG} "DATABASE_URL={mariadb.URL}"
"""
CONSUME = "messenger:consume async --time-limit=3600 --memory-limit=128M --sleep=0.1"
PROGRAM = f"""[program:messenger-worker]
command = php /srv/app/bin/console {CONSUME} -vv
process_name = %(program_name)s_%(process_num)02d
numprocs = 3
directory = /srv/app
user = www-data
autostart = true
autorestart = unexpected
startsecs = 5
startretries = 10
stopwaitsecs = 60
stdout_logfile = {OUTPUT}/worker-%(process_num)02d.log
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 3
stderr_logfile = {OUTPUT}/worker-%(process_num)02d-error.log
stderr_logfile_maxbytes = 10MB
stderr_logfile_backups = 3
"""


@pytest.fixture
def origin(suite: str, deb: Path) -> Iterator[Machine]:
    """A machine on which supervisord runs the workers of MariaDB's queue; wctl is installed."""
    with Machine.boot(unique_name(f"origin-{suite}"), f"{suite}/mariadb") as machine:
        provision.install_wctl(machine, deb)
        provision.install_app(machine)
        machine.run("rm -f /etc/wctl/conf.d/*")
        mariadb.start(machine)
        machine.run(f"install -d -o www-data {OUTPUT}")
        machine.write("/etc/systemd/system/supervisor.service.d/app.conf", DROP_IN)
        machine.write("/etc/supervisor/conf.d/messenger-worker.conf", PROGRAM)
        machine.run("systemctl daemon-reload && systemctl enable supervisor")
        machine.run("systemctl restart supervisor")
        wait_for(lambda: alive(machine) == 3, 30, "Supervisor's workers")
        yield machine


def alive(machine: Machine) -> int:
    """Returns how many processes Supervisor runs."""
    return machine.run("supervisorctl status", check=False).out.count(" RUNNING ")


def handled(machine: Machine) -> list[list[str]]:
    """Returns the process and number of each message that was handled."""
    return [line.split()[1:3] for line in machine.read(LOG).splitlines()]


def under_load(machine: Machine, command: str, messages: int, rounds: int) -> str:
    """Runs a command while messages are handled, before it and after it; returns its output.

    Each message is handled exactly once in each of the rounds so far.
    """
    before = {process for process, _ in handled(machine)} if machine.exists(LOG) else set()
    mariadb.console(machine, f"app:dispatch slow=60:{messages} print:3")
    out = machine.run(command, timeout=180).out
    between = {process for process, _ in handled(machine)}
    wait_for(lambda: len(handled(machine)) >= rounds * (messages + 3), 60, "all messages")
    after = {process for process, _ in handled(machine)}
    assert between != before, "no message was handled during the move"
    assert after >= between
    counts = Counter(number for _, number in handled(machine))
    assert (len(counts), set(counts.values())) == (messages + 3, {rounds})
    return out


def sizes(machine: Machine) -> dict[str, tuple[str, int]]:
    """Returns the inode and the size of each log file."""
    rows = machine.run(f"cd {OUTPUT} && stat -c '%n %i %s' *.log").out.splitlines()
    return {name: (inode, int(size)) for name, inode, size in map(str.split, rows)}


def test_there_and_back_again(origin: Machine) -> None:
    """No message is lost or handled twice, and the same log files go on growing."""
    machine = origin
    machine.run(f"echo line >{OUTPUT}/worker-00.log.1")
    tail = machine.popen(f"exec tail -n 0 -f {OUTPUT}/worker-00-error.log >/tmp/tail", user="root")
    foretold = machine.run("wctl import --takeover --dry-run").out
    review = foretold.partition("To review:\n")[2]
    assert "[planned-end-is-final]" in review and "--time-limit=3600" in review

    first = sizes(machine)
    out = under_load(machine, "wctl import --takeover", 600, 1)
    assert "Moved 1 of 1 program of Supervisor\n" in out
    assert "stopped and disabled supervisor.service\n" in out
    assert states(machine) == {f"messenger-worker@0{number}": "RUNNING" for number in range(3)}
    second = sizes(machine)
    assert {name: inode for name, (inode, _) in second.items()} == {
        name: inode for name, (inode, _) in first.items()
    }
    assert set(machine.run(f"stat -c %U {OUTPUT}/*").out.split()) == {"www-data"}
    busy = {int(process) for process, _ in handled(machine)}
    assert all(busy & {*processes(machine, name)} for name in states(machine))

    out = under_load(machine, "wctl import --back", 600, 2)
    assert "Moved 1 of 1 program back\n" in out
    assert (alive(machine), states(machine)) == (3, {})
    third = sizes(machine)
    out = under_load(machine, "wctl import --takeover", 600, 3)
    assert "Moved 1 of 1 program of Supervisor\n" in out
    fourth = sizes(machine)
    for before, after in ((first, second), (second, third), (third, fourth)):
        for name in ("worker-00-error.log", "worker-01-error.log", "worker-02-error.log"):
            assert after[name][1] > before[name][1], name
    name = "worker-00-error.log"
    size = sizes(machine)[name][1] - first[name][1]
    wait_for(lambda: len(machine.read("/tmp/tail")) == size, 10, "tail -f to show all lines")
    machine.stop(tail)
    assert machine.run("systemctl is-enabled supervisor", check=False).out == "disabled\n"
