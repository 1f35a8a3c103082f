"""Signals that any user sends on the system bus, and limits that a worker puts off."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from machine.driver import Machine, wait_for
from machine.units import configure, states

# Tells each new connection that every job that systemd begins is done, and garbage before that.
LIAR = """
import itertools
from jeepney import DBusAddress, HeaderFields, new_method_call, new_signal
from jeepney.io.blocking import open_dbus_connection

SYSTEMD, PATH = "org.freedesktop.systemd1", "/org/freedesktop/systemd1"
manager = DBusAddress(PATH, SYSTEMD, SYSTEMD + ".Manager")
bus = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
connection = open_dbus_connection("SYSTEM")
ask = connection.send_and_get_reply
for rule in ("member='NameOwnerChanged'", "member='JobNew'"):
    ask(new_method_call(bus, "AddMatch", "s", ("type='signal'," + rule,)))
ask(new_method_call(manager, "Subscribe"))


def tell(name, member, signature=None, body=()):
    signal = new_signal(manager, member, signature, body)
    signal.header.fields[HeaderFields.destination] = name
    connection.send(signal)


names = []
print("listening", flush=True)
while True:
    message = connection.receive()
    member = message.header.fields.get(HeaderFields.member)
    if member == "NameOwnerChanged" and message.body[2].startswith(":"):
        names.append(message.body[2])
        for lie in ("JobRemoved", "Reloading"):
            tell(names[-1], lie)
            tell(names[-1], lie, "s", ("x",))
        tell(names[-1], "NameOwnerChanged", "sss", (SYSTEMD, "", connection.unique_name))
    elif member == "JobNew":
        number, job, unit = message.body
        for name in names[-9:]:
            tell(name, "JobRemoved", "uoss", (number, job, unit, "done"))
"""
# Ignores SIGTERM, and asks systemd for more time again and again.
STAYS = """
import signal, socket, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
while True:
    systemd.sendto(b"EXTEND_TIMEOUT_USEC=60000000", "/run/systemd/notify")
    time.sleep(0.2)
"""


@pytest.fixture
def liar(machine: Machine) -> Iterator[Machine]:
    """The machine, where nobody lies to every connection to the system bus."""
    machine.write("/srv/liar.py", LIAR)
    process = machine.popen(["python3", "/srv/liar.py"], user="nobody")
    assert process.stdout is not None
    assert process.stdout.readline() == "listening\n"
    yield machine
    assert process.poll() is None, process.stdout.read()
    machine.stop(process)


@pytest.mark.core
def test_signals_of_others_are_not_believed(liar: Machine) -> None:
    """A job has ended when systemd says so; what others send ends no command either."""
    configure(liar, "[program:w]\ncommand=sleep 1000\nstartsecs=2\nnumprocs=2\n"
              "process_name=%(process_num)02d\n")  # fmt: skip
    for verb in ("update", "restart w", "stop w", "start w"):
        said = liar.run(f"wctl {verb}").out
        expected = {"stop w": {"STOPPED"}}.get(verb, {"RUNNING"})
        assert set(states(liar).values()) == expected, f"{verb}: {said}"
    liar.run("systemctl daemon-reexec")
    assert liar.run("wctl stop w").out.count("stopped") == 2
    assert "Traceback" not in liar.run("wctl status -l; wctl doctor", check=False).err


def test_a_worker_that_puts_off_its_end(machine: Machine) -> None:
    """stopwaitsecs is a limit: a worker cannot make a stop, or an update, wait for ever."""
    machine.write("/srv/stays.py", STAYS)
    configure(machine, "[program:w]\ncommand=python3 /srv/stays.py\nstopwaitsecs=1\n"
              "user=www-data\nstartsecs=1\n")  # fmt: skip
    machine.run("wctl update")
    assert machine.run("wctl stop w").out == "w@00: stopped\n"
    wait_for(lambda: states(machine) == {"w@00": "STOPPED"}, 5, "STOPPED")
