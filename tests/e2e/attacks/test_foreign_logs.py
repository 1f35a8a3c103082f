"""Log files that the worker's user replaces, against root's tail, clear and doctor."""

from __future__ import annotations

import pytest

from machine.driver import Machine, wait_for
from machine.units import configure, states

PROGRAM = """[program:w]
command=sh -c 'echo mine; exit 3'
user=www-data
startretries=0
log=file
stdout_logfile=/srv/app1/log/worker.log
redirect_stderr=true
"""
LOG = "/srv/app1/log/worker.log"
VERBS = ("tail w@00", "tail --bytes 100 w@00", "clear w@00", "doctor")
# Exchanges two names as fast as it can (renameat2(2), RENAME_EXCHANGE).
SWAP = """
import ctypes, sys
one, two = (name.encode() for name in sys.argv[1:])
renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
print(flush=True)
while True:
    renameat2(-100, one, -100, two, 2)
"""


@pytest.fixture
def worker(machine: Machine) -> Machine:
    """The machine, where a worker of www-data is FATAL; its directory is its user's."""
    machine.run("rm -rf /srv/app1 /srv/bob; install -d -o www-data /srv/app1 /srv/app1/log")
    machine.run("id bob || useradd bob; install -d -o bob /srv/bob /srv/bob/log")
    machine.write("/srv/bob/log/worker.log", "bob's\n", owner="bob:bob")
    configure(machine, PROGRAM)
    machine.run("wctl update", check=False)
    wait_for(lambda: states(machine) == {"w@00": "FATAL"}, 20, "FATAL")
    assert machine.run("wctl tail w@00").out == "mine\n"
    return machine


def attempt(machine: Machine, verb: str) -> str:
    """Runs a verb, which must end; returns what it printed."""
    result = machine.run(["wctl", *verb.split()], check=False, timeout=30)
    assert "Traceback" not in result.err
    return result.out + result.err


@pytest.mark.parametrize("target", ["/etc/shadow", "../../../etc/shadow"])
def test_link_to_a_file_of_root(worker: Machine, target: str) -> None:
    """A link in place of the log file shows and empties nothing of root's."""
    worker.run(f"ln -sf {target} {LOG}", user="www-data")
    before = worker.read("/etc/shadow")
    for verb in VERBS:
        said = attempt(worker, verb)
        assert "root:" not in said, verb
        assert "unsafe" in said, verb
    assert worker.read("/etc/shadow") == before


def test_link_to_a_directory_of_another_user(worker: Machine) -> None:
    """A link in place of the directory does not lead root to another user's files."""
    worker.run("cd /srv/app1 && mv log log.old && ln -s /srv/bob/log log", user="www-data")
    for verb in VERBS:
        said = attempt(worker, verb)
        assert "bob's" not in said, verb
        assert "unsafe" in said, verb
    assert worker.read("/srv/bob/log/worker.log") == "bob's\n"


def test_remedies_do_not_act_where_a_link_leads(worker: Machine) -> None:
    """doctor suggests no command that would give root's directory to the worker's user."""
    worker.run("cd /srv/app1 && mv log log.old && ln -s /etc log", user="www-data")
    shown = worker.run("wctl doctor", check=False).out
    assert (
        "[log-directory-closed]" in shown and "unsafe: /srv/app1/log belongs to www-data" in shown
    )
    assert "install -d" not in shown
    assert "$ namei -l /srv/app1/log\n" in shown


def test_file_of_root_moved_in_place_of_the_log(worker: Machine) -> None:
    """A user can move root's files within the own directories; root does not show them."""
    worker.write("/srv/app1/.env", "SECRET=1\n", mode=0o600)
    worker.run(f"mv /srv/app1/.env {LOG}", user="www-data")
    for verb in VERBS:
        said = attempt(worker, verb)
        assert "SECRET" not in said, verb
    assert worker.read(LOG) == "SECRET=1\n"


def test_fifo_and_directory_in_place_of_the_log(worker: Machine) -> None:
    """Nothing waits for the writer of a FIFO."""
    for make in ("mkfifo", "mkdir"):
        worker.run(f"rm -rf {LOG}; {make} {LOG}", user="www-data")
        for verb in (*VERBS, "tail -f w@00"):
            assert "not a regular file" in attempt(worker, verb), verb


def test_fifo_as_the_count_of_failed_starts(machine: Machine) -> None:
    """doctor does not wait for the counter, which lies in the worker's own directory."""
    configure(machine, "[program:slow]\ncommand=sleep 1000\nstartsecs=600\nuser=www-data\n")
    machine.run("wctl update --no-wait")
    wait_for(lambda: states(machine) == {"slow@00": "STARTING"}, 20, "STARTING")
    counter = "/run/wctl/slow@00.service/failed-starts"
    machine.run(f"rm {counter}; mkfifo {counter}", user="www-data")
    attempt(machine, "doctor")


def test_lock_of_a_reader(machine: Machine) -> None:
    """A member of adm, who may read root's log file and so lock it, drops no line of it."""
    log = "/var/log/wctl/r/r-00.log"
    configure(machine, "[program:r]\ncommand=sh -c 'echo mine; exec sleep 1000'\nlog=file\n")
    machine.run("wctl update")
    wait_for(lambda: machine.exists(log), 20, "the log file")
    machine.run("wctl stop r")
    adm = ["runuser", "-u", "nobody", "-g", "nogroup", "-G", "adm", "--"]
    process = machine.popen([*adm, "flock", log, "sh", "-c", "echo locked; exec sleep 1000"])
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    machine.run("wctl start r")
    wait_for(lambda: machine.read(log) == "mine\nmine\n", 20, "the line of the second start")
    machine.stop(process)


@pytest.mark.parametrize("rounds", [3, pytest.param(20, marks=pytest.mark.full)])
def test_swapping_a_fifo_for_the_file(worker: Machine, rounds: int) -> None:
    """However fast the file and a FIFO change places, nothing waits, and nothing else is shown."""
    worker.run("mkfifo /srv/app1/log/fifo; ln -s /etc/shadow /srv/app1/log/link", user="www-data")
    worker.write("/srv/app1/swap.py", SWAP, owner="www-data:www-data")
    for other in ("fifo", "link"):
        words = ["python3", "/srv/app1/swap.py", f"/srv/app1/log/{other}", LOG]
        process = worker.popen(words, user="www-data")
        assert process.stdout is not None
        process.stdout.readline()
        for _ in range(rounds):
            for verb in VERBS:
                assert "root:" not in attempt(worker, verb), verb
        worker.stop(process)
    assert "root:" in worker.read("/etc/shadow")
