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
    wait_for(lambda: not listening(machine), 5, "the socket to be gone")
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
    assert not listening(machine)
    assert "php" not in machine.run("ls /etc/systemd/system").out


def listening(machine: Machine) -> set[str]:
    """Returns the sockets of these tests on which a process listens."""
    found = machine.run("ss --listening --no-header --numeric --tcp --unix").out.split()
    return {"/run/php.sock", "/run/other.sock", "127.0.0.1:9001"}.intersection(found)


def test_socket_has_its_owner_and_mode(machine: Machine) -> None:
    """The socket has socket_owner and socket_mode; other users may not connect."""
    machine.write("/srv/pid.php", SCRIPT)
    configure(machine, PROGRAM + UNIX)
    machine.run(["wctl", "update"])
    assert machine.run("stat -c '%U %G %a' /run/php.sock").out == "www-data adm 770\n"
    refused = machine.run("cgi-fcgi -bind -connect /run/php.sock", user="nobody", check=False)
    assert refused.code != 0


def test_a_changed_socket_is_opened_anew(machine: Machine) -> None:
    """An update moves all workers to the new socket, and closes the old one before.

    systemd takes away a socket that its unit no longer describes: no worker could start again.
    """
    machine.write("/srv/pid.php", SCRIPT)
    configure(machine, PROGRAM + UNIX)
    machine.run(["wctl", "update"])
    before = pids(machine)
    for socket, where in (
        (UNIX.replace("php.sock", "other.sock"), "/run/other.sock"),
        (TCP, "localhost:9001"),
        (TCP.replace("16", "8"), "localhost:9001"),  # the same port
        (UNIX.replace("0770", "0700"), "/run/php.sock"),
        ("", ""),  # a plain program, while systemd still has the socket unit
        (UNIX.replace("0770", "0700"), "/run/php.sock"),
    ):
        plain = PROGRAM.replace("fcgi-program", "program").replace("php-cgi", "sleep 1000")
        configure(machine, PROGRAM + socket if socket else plain)
        said = machine.run(["wctl", "update"]).out
        assert "php@00: restarted\n" in said and "php@01: restarted\n" in said
        assert states(machine) == {"php@00": "RUNNING", "php@01": "RUNNING"}
        after = pids(machine)
        assert set(after.values()).isdisjoint(before.values())
        if where:
            assert answering(machine, where) == set(after.values())
        assert listening(machine) == {where.replace("localhost", "127.0.0.1")} - {""}
        before = after
    assert machine.run("stat -c '%U %G %a' /run/php.sock").out == "www-data adm 700\n"
    assert "No config updates" in machine.run(["wctl", "update"]).out

    # An update that was killed after it had written the files is finished by the next.
    noted = '{"changed": ["php"], "reopened": ["php"]}'
    machine.write("/etc/systemd/system/.wctl-update", noted)
    assert "php.socket: restarted\n" in machine.run(["wctl", "update"]).out
    before = pids(machine)
    assert answering(machine, "/run/php.sock") == set(before.values())

    # A worker that dies now gets the socket, and what is stopped stays stopped.
    machine.run(["wctl", "stop", "php@01"])
    machine.run(["wctl", "signal", "KILL", "php@00"])
    wait_for(lambda: pids(machine).get("php@00") not in (None, before["php@00"]), 20, "another")
    configure(machine, PROGRAM + UNIX)
    machine.run(["wctl", "update"])
    assert states(machine) == {"php@00": "RUNNING", "php@01": "STOPPED"}
    machine.run(["wctl", "stop", "php"])
    configure(machine, PROGRAM + TCP)
    machine.run(["wctl", "update"])
    assert (listening(machine), pids(machine)) == (set(), {})
