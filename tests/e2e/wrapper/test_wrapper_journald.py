"""A journald that hangs: files go on, stops are prompt, and what the journal missed is told."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from e2e.wrapper.fleet import PROBE, Fleet
from machine.driver import wait_for

# Writes numbered lines with a pause in seconds between them, until it is told to stop.
COUNTER = """
import os, signal, sys, time
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
number = 0
while not stop:
    os.write(1, b"%09d %s\\n" % (number, b"x" * 70))
    number += 1
    time.sleep(float(sys.argv[1]))
os.write(1, b"end")
"""
LOGS = "/run/hung"


@pytest.fixture
def hung(fleet: Fleet) -> Iterator[Fleet]:
    """A fleet whose programs log to the journal and a file, at 10 and up to 1000 lines a second."""
    machine = fleet.machine
    machine.write(f"{PROBE}/counter.py", COUNTER)
    machine.run(["mkdir", "-p", LOGS])
    for name, pause in (("slow", 0.1), ("fast", 0.001), ("ends", 0.001)):
        fleet.add(
            name,
            f"command=/usr/bin/python3 {PROBE}/counter.py {pause}",
            f"stdout_logfile={LOGS}/{name}.log",
            "redirect_stderr=true",
            "stopwaitsecs=60",
        )
    fleet.run()
    fleet.await_states(dict.fromkeys(fleet.units, "RUNNING"))
    yield fleet
    machine.run("systemctl kill --signal=CONT systemd-journald", check=False)
    machine.run(["rm", "-rf", LOGS])


def lines(fleet: Fleet, name: str) -> list[str]:
    """Returns the lines of a program's log file."""
    return fleet.machine.read(f"{LOGS}/{name}.log").splitlines(keepends=True)


def journal(fleet: Fleet, match: str) -> list[str]:
    """Returns lines of the journal."""
    fleet.machine.run(["journalctl", "--sync"])
    text = fleet.machine.run(["journalctl", "-b", "-q", "-o", "cat", match]).out
    return text.splitlines(keepends=True)


def told(fleet: Fleet, name: str) -> list[int]:
    """Returns the bytes that a program's journal has missed, as the wrapper told each time."""
    said = "".join(journal(fleet, "SYSLOG_IDENTIFIER=wctl"))
    return [int(size) for size in re.findall(f"{name}@00: journald hung: it missed (\\d+) b", said)]


def test_a_journald_that_hangs_stops_neither_files_nor_stops(hung: Fleet) -> None:
    """Files grow, a stop ends by itself; later the journal lacks as many bytes as was told."""
    machine = hung.machine
    machine.run("systemctl kill --signal=STOP systemd-journald")
    before = {name: len(lines(hung, name)) for name in hung.programs}

    def grown() -> bool:
        # More lines than any buffer between the worker and the file has room for.
        more = {name: len(lines(hung, name)) - count for name, count in before.items()}
        return more["slow"] > 40 and more["fast"] > 6000 and more["ends"] > 6000

    wait_for(grown, 60, "lines in the files while journald hangs")
    hung.systemctl("stop", "ends@00")
    ended = hung.one("ends@00", "Result", "ExecMainCode", "ExecMainStatus")
    assert ended == {"Result": "success", "ExecMainCode": "1", "ExecMainStatus": "0"}
    took = hung.time("ends@00", "InactiveEnter") - hung.time("ends@00", "ActiveExit")
    assert took < 30  # half of stopwaitsecs, after which systemd sends SIGKILL
    machine.run("systemctl kill --signal=CONT systemd-journald")
    wait_for(lambda: all(told(hung, name) for name in hung.programs), 60, "what was missed")
    hung.systemctl("stop", "slow@00", "fast@00")
    for name in hung.programs:
        written = lines(hung, name)
        logged = journal(hung, f"SYSLOG_IDENTIFIER={name}@00")
        logged = [line.replace("end\n", "end") for line in logged]
        assert len(set(logged)) == len(logged)  # none twice
        assert [line for line in written if line in set(logged)] == logged  # in order
        missing = "".join(line for line in written if line not in set(logged))
        assert len(missing) == sum(told(hung, name))
        numbers = [int(line[:9]) for line in written[:-1]]
        assert numbers == list(range(len(numbers)))
        assert written[-1] == "end"
