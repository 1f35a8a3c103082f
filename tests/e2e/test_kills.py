"""SIGKILL at random moments of update, scale, import and takeover, and five shells at once.

Whatever was under way, the same command run again brings the state that it was asked for.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from machine import provision
from machine.driver import Machine, unique_name, wait_for
from machine.units import configure, states

# Three of each in every run, two of takeover; 200 in all with tests/run --full.
KILLS = pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.full)])
SEED = 20261129
SUPERVISED = """[program:one]
command=sleep 1000
numprocs=2
process_name=%(process_num)02d
startsecs=0
[program:two]
command=sleep 2000
startsecs=0
"""


def killed(machine: Machine, command: str, seconds: float) -> bool:
    """Runs a command, and kills it after ``seconds``; returns whether it was killed."""
    limit = f"{seconds:.3f}"
    done = machine.run(["timeout", "--signal=KILL", limit, *command.split()], check=False)
    return done.code in (-9, 137)


def taken(machine: Machine, command: str) -> float:
    """Returns the seconds that a command takes if nobody kills it."""
    begun = time.monotonic()
    machine.run(command)
    return time.monotonic() - begun


def sleeping(machine: Machine) -> list[str]:
    """Returns what each worker sleeps for, sorted."""
    commands = machine.run("ps -eo args").out.splitlines()
    return sorted(words[6:] for words in commands if words.startswith("sleep "))


def temporary(machine: Machine) -> str:
    """Returns the temporary files that a killed command has left, and the next one as well."""
    return machine.run("find /etc/systemd/system /etc/wctl -name '.*' -type f").out


def program(name: str, seconds: int, count: int) -> str:
    """Returns a program of several processes."""
    options = f"numprocs={count}\nprocess_name=%(process_num)02d\n"
    return f"[program:{name}]\ncommand=sleep {seconds}\nstartsecs=0\n{options}"


@KILLS
def test_update(machine: Machine, kills: int) -> None:
    """Changed, added, removed and rescaled programs: nothing is lost."""
    chance = random.Random(SEED)
    even = program("a", 1000, 2) + program("b", 1000, 2) + program("c", 1000, 1)
    odd = program("a", 2000, 2) + program("b", 1000, 3) + program("d", 2000, 1)
    expected = {even: ["1000"] * 5, odd: ["1000"] * 3 + ["2000"] * 3}
    configure(machine, even)
    whole = taken(machine, "wctl update")
    hits = 0
    for number in range(kills):
        text = (odd, even)[number % 2]
        configure(machine, text)
        hits += killed(machine, "wctl update", chance.uniform(0.01, 0.9) * whole)
        machine.run("wctl update")
        wait_for(lambda: sleeping(machine) == expected[text], 20, f"update {number}")  # noqa: B023
        assert machine.run("wctl reread").out == "No config updates to processes\n"
    assert hits or kills < 10
    assert temporary(machine) == ""
    assert machine.run("wctl doctor").out == "no findings\n"


@KILLS
def test_scale(machine: Machine, kills: int) -> None:
    """Exactly the number that was asked for is enabled and runs."""
    chance = random.Random(SEED)
    configure(machine, program("p", 1000, 1))
    machine.run("wctl update")
    whole = taken(machine, "wctl scale p 7")
    for number in range(kills):
        count = chance.randrange(8)
        killed(machine, f"wctl scale p {count}", chance.uniform(0.01, 0.9) * whole)
        machine.run(f"wctl scale p {count}")
        wait_for(lambda: len(sleeping(machine)) == count, 20, f"scale {number}")  # noqa: B023
        links = machine.run("ls /etc/systemd/system/p.target.wants", check=False).out.split()
        assert len(links) == count
    machine.run("wctl scale p 1")
    assert machine.run("wctl doctor").out == "no findings\n"


@pytest.fixture(scope="module")
def booted(suite: str, deb: Path) -> Iterator[Machine]:
    """A machine with wctl and Debian's Supervisor, which runs two programs."""
    with Machine.boot(unique_name(f"kills-{suite}"), f"{suite}/supervisor") as machine:
        provision.install_wctl(machine, deb)
        machine.write("/etc/supervisor/conf.d/ours.conf", SUPERVISED)
        machine.run("systemctl disable supervisor")
        yield machine


@pytest.fixture
def supervised(booted: Machine) -> Callable[[], Machine]:
    """Brings the machine back to where Supervisor alone runs the programs."""

    def bring_back() -> Machine:
        provision.reset(booted)
        booted.run("systemctl start supervisor; supervisorctl start all", check=False)
        wait_for(lambda: sleeping(booted) == ["1000", "1000", "2000"], 30, "Supervisor's workers")
        return booted

    return bring_back


@KILLS
def test_import(supervised: Callable[[], Machine], kills: int) -> None:
    """The files are there as a whole, or not at all; the next import writes the same."""
    chance = random.Random(SEED)
    machine = supervised()
    seconds = taken(machine, "wctl import")
    whole = machine.run("cat /etc/wctl/conf.d/*").out
    for _ in range(kills):
        machine.run("rm -f /etc/wctl/conf.d/*")
        killed(machine, "wctl import", chance.uniform(0.01, 0.9) * seconds)
        left = machine.run("cat /etc/wctl/conf.d/*.conf", check=False).out
        assert left in ("", whole)
        machine.run("wctl import")
        assert machine.run("cat /etc/wctl/conf.d/*.conf").out == whole
    assert temporary(machine) == ""


def at_boot(machine: Machine, name: str) -> bool:
    """Tells whether the next boot starts a program."""
    return machine.run(f"systemctl is-enabled {name}.target", check=False).out == "enabled\n"


@pytest.mark.parametrize("kills", [2, pytest.param(50, marks=pytest.mark.full)])
def test_takeover(supervised: Callable[[], Machine], kills: int) -> None:
    """Every worker runs at every moment, and in the end once, under systemd."""
    chance = random.Random(SEED)
    seconds = taken(supervised(), "wctl import --takeover")
    for number in range(kills):
        machine = supervised()
        killed(machine, "wctl import --takeover", chance.uniform(0.01, 0.9) * seconds)
        assert set(sleeping(machine)) == {"1000", "2000"}
        for name in ("one", "two"):  # what no boot would start is noted
            if machine.exists(f"/etc/systemd/system/{name}.target") and not at_boot(machine, name):
                assert machine.exists("/etc/systemd/system/.wctl-update")
        machine.run("wctl import --takeover")
        assert at_boot(machine, "one") and at_boot(machine, "two")
        assert not machine.exists("/etc/systemd/system/.wctl-update")
        expected = ["1000", "1000", "2000"]
        wait_for(lambda: sleeping(machine) == expected, 30, f"takeover {number}")  # noqa: B023
        assert len(states(machine)) == 3 and set(states(machine).values()) == {"RUNNING"}
        assert "RUNNING" not in machine.run("supervisorctl status", check=False).out


@contextmanager
def slowed(machine: Machine, setting: str) -> Iterator[None]:
    """Has Supervisor's service with one more setting."""
    file = "/run/systemd/system/supervisor.service.d/slow.conf"
    machine.write(file, f"[Service]\n{setting}\n")
    machine.run("systemctl daemon-reload")
    try:
        yield
    finally:
        machine.run(f"rm -f {file}; systemctl daemon-reload")


def killed_while(machine: Machine, command: str, state: str) -> None:
    """Runs a command, and kills it as soon as Supervisor's service has a state."""
    going = machine.popen(f"exec {command}")
    shown = ["systemctl", "show", "-P", "ActiveState", "supervisor"]
    wait_for(lambda: machine.run(shown).out.strip() == state, 60, f"a service that is {state}")
    machine.stop(going)


def test_takeover_whose_last_step_was_cut_short(supervised: Callable[[], Machine]) -> None:
    """Killed while Supervisor's service stops: the next run waits for that, and is done."""
    machine = supervised()
    pause = "kill -STOP $MAINPID; sleep 4; kill -CONT $MAINPID"  # until then it answers nobody
    with slowed(machine, f"ExecStop=\nExecStop=/bin/sh -c '{pause}'"):
        killed_while(machine, "wctl import --takeover", "deactivating")
        first, *_, last = machine.run("wctl import --takeover").out.splitlines()
    assert first == "waiting until supervisor.service has stopped"
    assert last == "All these programs are under systemd already, and no Supervisor is left"
    assert sleeping(machine) == ["1000", "1000", "2000"]


def test_back_while_supervisor_begins(supervised: Callable[[], Machine]) -> None:
    """Killed while Supervisor's service starts: the next run waits for its first answer."""
    machine = supervised()
    machine.run("wctl import --takeover")
    with slowed(machine, "ExecStartPre=/bin/sleep 5"):
        killed_while(machine, "wctl import --back", "activating")
        first, *_, last = machine.run("wctl import --back").out.splitlines()
    assert first.startswith("waiting until supervisor.service answers")
    assert last == "Moved 2 of 2 programs back"
    assert (sleeping(machine), states(machine)) == (["1000", "1000", "2000"], {})


@pytest.mark.full
def test_back(supervised: Callable[[], Machine]) -> None:
    """Every worker runs at every moment, and in the end once, under Supervisor."""
    chance = random.Random(SEED)
    machine = supervised()
    machine.run("wctl import --takeover")
    seconds = taken(machine, "wctl import --back")
    for number in range(20):
        machine = supervised()
        machine.run("wctl import --takeover")
        killed(machine, "wctl import --back", chance.uniform(0.01, 0.9) * seconds)
        assert set(sleeping(machine)) == {"1000", "2000"}
        machine.run("wctl import --back")
        expected = ["1000", "1000", "2000"]
        wait_for(lambda: sleeping(machine) == expected, 30, f"back {number}")  # noqa: B023
        assert states(machine) == {}
        assert machine.run("systemctl is-enabled supervisor").out == "enabled\n"
        assert machine.run("ls /etc/wctl/conf.d").out.split() == ["ours.conf.back"]


@pytest.mark.parametrize("seconds", [5, pytest.param(60, marks=pytest.mark.full)])
def test_five_shells(machine: Machine, seconds: int) -> None:
    """Five shells scale, update, restart, stop and reload at once; then the state is right."""
    text = program("p", 1000, 2) + program("q", 1000, 1)
    configure(machine, text)
    machine.run("wctl update")
    other = text.replace("sleep 1000", "sleep 2000", 1)
    machine.write("/srv/one", text)
    machine.write("/srv/two", other)
    loops = (
        "wctl scale p $((RANDOM % 5))",
        "cp /srv/one /etc/wctl/conf.d/test.conf; wctl update;"
        " cp /srv/two /etc/wctl/conf.d/test.conf; wctl update",
        "wctl restart q; wctl restart --rolling p",
        "wctl stop p@00; wctl start p@00",
        "systemctl daemon-reload; wctl status; wctl doctor",
    )
    shells = [
        machine.popen(["timeout", str(seconds), "bash", "-c", f"while :; do {loop}; done"])
        for loop in loops
    ]
    for shell in shells:
        _, said = shell.communicate(timeout=seconds + 120)
        assert "Traceback" not in said
    wait_for(lambda: not machine.run("pgrep -x wctl", check=False).out, 60, "the last verbs")
    configure(machine, text)
    machine.run("wctl update; wctl scale p 3; wctl start all", check=False)
    wait_for(lambda: sleeping(machine) == ["1000"] * 4, 30, "the end state")
    assert len(states(machine)) == 4 and set(states(machine).values()) == {"RUNNING"}
    links = machine.run("ls /etc/systemd/system/p.target.wants").out.split()
    assert links == ["p@00.service", "p@01.service", "p@02.service"]
    assert machine.run("wctl reread").out == "No config updates to processes\n"
    assert machine.run("wctl doctor").out == "no findings\n"
