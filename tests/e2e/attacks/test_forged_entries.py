"""Journal entries that any user writes, against what root reads about workers."""

from __future__ import annotations

import json

import pytest

from machine.driver import Machine, wait_for
from machine.units import configure, pids, states

# Sends fields, as JSON from stdin, in journald's native protocol; a field may have newlines.
SEND = """
import json, socket, struct, sys
fields = json.load(sys.stdin)
data = b""
for name, text in fields.items():
    value = text.encode()
    data += name.encode() + b"\\n" + struct.pack("<Q", len(value)) + value + b"\\n"
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(data, "/run/systemd/journal/socket")
"""
EXIT = "98e322203f7a4ed290d09fe03c09fe15"
FAILED = "d9b373ed55a64feb8242e02dbe79a49c"
OUT_OF_MEMORY = "fe6faa94e7774663a0da52717891d8ef"
DROPPED = "a596d6fe7bfa4994828e72309e95d61e"
FORGED = "everything is lost"
UNIT = "healthy@00.service"


def forge(machine: Machine, user: str, **fields: str) -> None:
    """Writes an entry about healthy@00 as ``user``, and waits until the journal has it."""
    command = ["journalctl", "--quiet", "--output=cat", f"UNIT={UNIT}"]
    before = machine.run(command).out.count(FORGED)
    about = {
        "UNIT": UNIT,
        "OBJECT_SYSTEMD_UNIT": UNIT,
        "PRIORITY": "3",
    }
    about |= {"COREDUMP_UNIT": UNIT, "WCTL_PROGRAM": "healthy", "MESSAGE": FORGED}
    entry = json.dumps({**about, **fields})
    machine.run(["python3", "-c", SEND], user=user, input=entry)
    wait_for(lambda: machine.run(command).out.count(FORGED) > before, 10, "the forged entry")


@pytest.fixture
def worker(machine: Machine) -> Machine:
    """The machine, where two healthy workers run."""
    configure(machine, "[program:healthy]\ncommand=sleep 1000\nnumprocs=2\nuser=www-data\n"
              "process_name=%(process_num)02d\n")  # fmt: skip
    machine.run("wctl update")
    assert set(states(machine).values()) == {"RUNNING"}
    return machine


@pytest.mark.core
@pytest.mark.parametrize("user", ["nobody", "www-data"])
def test_forged_entries_are_not_believed(worker: Machine, user: str) -> None:
    """Exits, crashes, want of memory and dropped lines count only if systemd reports them."""
    status = "3\nhealthy@01                             FATAL     everything is lost"
    ended = {"EXIT_CODE": "exited", "EXIT_STATUS": status}
    before = last_exits(worker)
    for _ in range(4):
        forge(worker, user, MESSAGE_ID=EXIT, **ended)
        forge(worker, user, MESSAGE_ID=FAILED, UNIT_RESULT="exit-code")
        forge(worker, user, MESSAGE_ID=OUT_OF_MEMORY)
        forge(worker, user, MESSAGE_ID=DROPPED)
    forge(worker, user, SYSLOG_IDENTIFIER="wctl")
    for verb in (
        "status -l",
        "doctor",
        "maintail -100",
        "tail -100 healthy@01",
        "logs -100 healthy@01",
    ):
        result = worker.run(["wctl", *verb.split()], check=False)
        assert "lost" not in result.out + result.err, verb
        assert "FATAL" not in result.out, verb
    assert last_exits(worker) == before
    assert worker.run("wctl doctor").out == "no findings\n"


def last_exits(machine: Machine) -> list[str]:
    """Returns how each worker ended before it was started."""
    lines = machine.run("wctl status -l").out.splitlines()
    return [line.partition("last exit: ")[2] for line in lines[1:]]


def test_true_entries_are_believed(worker: Machine) -> None:
    """systemd's own entries about the exits of a worker are still read, and the last one counts."""

    def end(signal: str) -> None:
        before = pids(worker)["healthy@00"]
        worker.run(["kill", f"-{signal}", str(before)])
        wait_for(lambda: pids(worker).get("healthy@00", before) != before, 20, "another process")
        wait_for(lambda: states(worker)["healthy@00"] == "RUNNING", 20, "RUNNING")

    for signal in ("ABRT", "ABRT", "ABRT", "SEGV"):
        end(signal)
    assert "last exit: killed by SIGSEGV" in worker.run("wctl status -l healthy@00").out


@pytest.mark.parametrize(
    ("begin", "lie"), [("", "one"), ("liar@00.service: hello\n", "two"), ("wctl ", "three")]
)
def test_a_worker_speaks_only_for_itself(worker: Machine, begin: str, lie: str) -> None:
    """What a worker writes in wctl's name is shown in its own, and ends no command."""
    lie = f"{FORGED}, lie {lie}"
    worker.write("/srv/send.py", f"{SEND}\nimport time\ntime.sleep(1000)\n")
    forged = {
        "SYSLOG_IDENTIFIER": "wctl",
        "PRIORITY": "3" * 5000,
        "UNIT": UNIT,
        "WCTL_PROGRAM": "healthy",
        "MESSAGE": f"{begin}{UNIT}: gave up: {lie}",
    }
    worker.write("/srv/entry", json.dumps(forged))
    configure(worker, "[program:liar]\ncommand=sh -c 'exec python3 /srv/send.py </srv/entry'\n"
              "user=www-data\n", "liar")  # fmt: skip
    worker.run("wctl update")
    wait_for(lambda: lie in worker.run("wctl maintail liar").out, 10, "the entry")
    last = begin.rpartition("\n")[2]
    for verb in ("maintail liar", "maintail", "logs liar", "supervisorctl maintail"):
        (line,) = (line for line in worker.run(f"wctl {verb}").out.splitlines() if lie in line)
        assert line.endswith(f" liar@00: {last}{UNIT}: gave up: {lie}"), verb
    assert FORGED not in worker.run("wctl maintail healthy").out
    assert FORGED not in worker.run("wctl logs healthy").out
    assert worker.run("wctl doctor").out == "no findings\n"
