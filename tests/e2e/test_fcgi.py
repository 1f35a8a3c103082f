"""[fcgi-program:x]: real FastCGI workers of PHP, on one socket that systemd holds."""

from __future__ import annotations

import pytest

from machine.driver import Machine, wait_for
from machine.units import configure, pids, states

SCRIPT = "<?php usleep((int) ($_SERVER['QUERY_STRING'] ?: 0)); echo 'pid ', getmypid();"
PROGRAM = """\
[fcgi-program:php]
command = php-cgi
process_name = %(program_name)s_%(process_num)02d
numprocs = 2
user = www-data
autorestart = true
"""
UNIX = "socket = unix:///run/php.sock\nsocket_owner = www-data:adm\nsocket_mode = 0770\n"
TCP = "socket = tcp://localhost:9001\nsocket_backlog = 16\n"


def ask(machine: Machine, where: str, microseconds: int = 0) -> str:
    """Returns what a worker answers to one request, as a web server would make it."""
    request = "REQUEST_METHOD=GET SCRIPT_FILENAME=/srv/pid.php"
    request += f" QUERY_STRING={microseconds} cgi-fcgi -bind -connect {where}"
    return machine.run(request, timeout=60).out.rpartition("\n")[2]


def answering(machine: Machine, where: str) -> set[int]:
    """Returns the workers that answer two slow requests at once."""
    machine.run(
        "for each in 1 2; do REQUEST_METHOD=GET SCRIPT_FILENAME=/srv/pid.php QUERY_STRING=300000"
        f" cgi-fcgi -bind -connect {where} >/tmp/$each & done; wait"
    )
    answers = machine.run("cat /tmp/1; echo; cat /tmp/2").out
    return {int(line[4:]) for line in answers.splitlines() if line.startswith("pid ")}


@pytest.mark.parametrize(
    ("socket", "where"),
    [
        pytest.param(UNIX, "/run/php.sock", id="unix"),
        pytest.param(TCP, "localhost:9001", id="tcp", marks=pytest.mark.full),
    ],
)
def test_workers_share_one_socket(machine: Machine, socket: str, where: str) -> None:
    """All instances answer on one socket; it outlives each of them, and is gone with the last."""
    machine.write("/srv/pid.php", SCRIPT)
    configure(machine, PROGRAM + socket)
    machine.run(["wctl", "update"])
    assert states(machine) == {"php@00": "RUNNING", "php@01": "RUNNING"}
    assert answering(machine, where) == set(pids(machine).values())

    # While the only worker is away, no request is refused: requests wait in the socket.
    machine.run(["wctl", "scale", "1"])
    before = pids(machine)
    machine.run(["wctl", "signal", "KILL", "php"])
    assert ask(machine, where).startswith("pid ")
    wait_for(lambda: set(pids(machine).values()).isdisjoint(before.values()), 10, "another")
    machine.run(["wctl", "scale", "3"])
    assert len(pids(machine)) == 3
    machine.run(["wctl", "restart", "--rolling", "php"])
    assert ask(machine, where).startswith("pid ")

    machine.run(["wctl", "stop", "php"])
    wait_for(lambda: not listens(machine), 5, "the socket to be gone")
    machine.run(["wctl", "start", "php@00"])
    assert ask(machine, where) == f"pid {pids(machine)['php@00']}"
    # A connection starts no worker that a user has stopped.
    assert states(machine) == {
        "php@00": "RUNNING",
        "php@01": "STOPPED",
        "php@02": "STOPPED",
    }
    configure(machine, "[program:other]\ncommand=sleep 1000\n")
    machine.run(["wctl", "update"])
    assert not listens(machine)
    assert "php" not in machine.run("ls /etc/systemd/system").out


def listens(machine: Machine) -> bool:
    """Tells whether a process listens on the sockets of these tests."""
    listening = machine.run("ss --listening --no-header --numeric --tcp --unix").out
    return "/run/php.sock" in listening or ":9001 " in listening


def test_socket_has_its_owner_and_mode(machine: Machine) -> None:
    """The socket has socket_owner and socket_mode; other users may not connect."""
    machine.write("/srv/pid.php", SCRIPT)
    configure(machine, PROGRAM + UNIX)
    machine.run(["wctl", "update"])
    assert machine.run("stat -c '%U %G %a' /run/php.sock").out == "www-data adm 770\n"
    refused = machine.run("cgi-fcgi -bind -connect /run/php.sock", user="nobody", check=False)
    assert refused.code != 0
