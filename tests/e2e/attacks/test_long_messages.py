"""A message of any size in the journal, against those who read the log."""

from __future__ import annotations

import json

import pytest

from machine.driver import Machine, wait_for
from machine.units import configure

SIZE = 20 << 20  # bytes
# Hands journald a message of that size in a file (systemd.journal-fields(7), native protocol).
WORKER = f"""
import array, fcntl, os, random, socket, time
body = random.Random(0).randbytes({SIZE} // 2).hex().encode()
entry = b"MESSAGE\\n" + len(body).to_bytes(8, "little") + body + b"\\nPRIORITY=6\\n"
file = os.memfd_create("entry", os.MFD_ALLOW_SEALING)
with os.fdopen(os.dup(file), "wb") as writer:
    writer.write(entry)
fcntl.fcntl(file, fcntl.F_ADD_SEALS, 0xF)
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.connect("/run/systemd/journal/socket")
rights = array.array("i", [file])
journal.sendmsg([], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
print("sent", flush=True)
time.sleep(1000)
"""
# What both readers of the journal make of it, the one with systemd-python and the one without.
READ = """
from wctl.systemd import journal
query = journal.Query(("big@00.service",))
for reader in (journal.reader(), journal.Journalctl(1 << 20)):
    print(sorted(len(line.data) >> 20 for line in reader.read(query, 2)))
"""


@pytest.fixture
def worker(machine: Machine) -> Machine:
    """The machine, where a worker has written the message, and a line."""
    machine.write("/srv/big.py", WORKER)
    configure(machine, "[program:big]\ncommand=python3 /srv/big.py\nuser=www-data\n")
    machine.run("wctl update")
    wait_for(lambda: len(machine.run("wctl logs -n 2 big").out.splitlines()) == 2, 20, "both")
    return machine


def test_long_message(worker: Machine) -> None:
    """Both readers cut it and say so; JSON, for programs, has all of it."""
    shown = worker.run("wctl logs -n 2 big").out
    assert len(shown) < SIZE // 10
    assert "… (longer than 1 MiB; 'wctl logs -o json' shows all)\n" in shown
    assert shown.endswith(": sent\n") or "big@00: sent\n" in shown
    assert worker.run(["python3", "-c", READ]).out == "[0, 1]\n[0, 1]\n"
    lines = worker.run("wctl logs -n 2 -o json big").out.splitlines()
    assert max(len(json.loads(line)["message"]) for line in lines) == SIZE
