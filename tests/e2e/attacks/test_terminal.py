"""A worker of another user never gets root's terminal, and "wctl run" works as if it had."""

from __future__ import annotations

import json

import pytest

from machine.driver import Machine
from machine.talk import Talk
from machine.units import configure

# Types a line at its controlling terminal and at each descriptor, then waits for a line.
ATTACK = """
import fcntl, os, termios
def name(fd):
    try:
        return os.ttyname(fd)
    except OSError as error:
        return error.strerror
try:
    fds = [os.open("/dev/tty", os.O_RDWR)]
except OSError:
    fds = []
fds += [fd for fd in map(int, os.listdir("/proc/self/fd")) if fd not in fds]
for fd in fds:
    for character in b"\\x15id >/root/typed; echo typed\\n":
        try:
            fcntl.ioctl(fd, termios.TIOCSTI, bytes([character]))
        except OSError:
            break
print("WORKER", os.getsid(0), *(name(fd) for fd in range(3)), "END", flush=True)
print("FDS", *os.listdir("/proc/self/fd"), "END", flush=True)
"""


@pytest.fixture
def talk(machine: Machine) -> Talk:
    return Talk(machine)


@pytest.mark.parametrize(
    "command",
    [
        "wctl run t",
        "wctl run t </dev/null",
        "wctl run t </dev/null >/root/out 2>&1",
        "unshare --pid --fork wctl run t",  # PID 1, but of no container
    ],
)
def test_a_worker_types_nothing_at_root_s_terminal(
    machine: Machine, talk: Talk, command: str
) -> None:
    """TIOCSTI, session and descriptors: nothing that www-data's program does reaches root's bash.

    Some kernels refuse TIOCSTI to everybody. So the terminals and sessions are compared as well.
    """
    allow(machine)
    configure(machine, "[program:t]\ncommand=python3 /srv/attack.py\nuser=www-data\n")
    descriptors = assert_harmless(machine, talk, command)
    assert "7" not in descriptors


@pytest.mark.parametrize("variables", ["", "environment=A=1\n"])
def test_a_command_that_doctor_suggests_types_nothing(
    machine: Machine, talk: Talk, variables: str
) -> None:
    """Root may run at a terminal what doctor shows as the way to run www-data's health_command."""
    allow(machine)
    configure(
        machine,
        "[program:t]\ncommand=sleep 1000\nuser=www-data\nautostart=false\n"
        f"health_command=sh -c 'python3 /srv/attack.py; exit 1'\n{variables}",
    )
    machine.run("wctl update")
    findings = json.loads(machine.run("wctl doctor --json t", check=False).out)
    health = next(finding for finding in findings if finding["code"] == "health")
    assert_harmless(machine, talk, health["remedy"])


def allow(machine: Machine) -> None:
    """Makes the attack possible: its program, and a kernel that lets a process type."""
    allowed = "/proc/sys/dev/tty/legacy_tiocsti"  # since Linux 6.2; before that, always
    machine.run(f"if [ -e {allowed} ]; then echo 1 >{allowed}; fi", check=False)
    machine.run("rm -f /root/typed /root/out")
    machine.write("/srv/attack.py", ATTACK)


def assert_harmless(machine: Machine, talk: Talk, command: str) -> list[str]:
    """Runs the attack at root's terminal; root's bash runs nothing that root has not typed.

    Returns the descriptors of the attacker; root's shell has a further one, 7.
    """
    shown = talk(
        ("exec 7<>/dev/tty\r", "^prompt"),
        ("echo ROOT $(ps -o sid= -p $$) $(tty)\r", r"^ROOT \d+ \S+\r"),
        (f"{command}; echo code $?\r", r"^code \d"),
        ("echo one $((1 + 1))\r", "^one 2"),
        ("echo two $((1 + 1))\r", "^two 2"),
    )
    assert not machine.exists("/root/typed"), shown
    lines = [line.split() for line in shown.splitlines()]
    lines += [line.split() for line in machine.run("cat /root/out", check=False).out.splitlines()]
    root = next(line for line in lines if line[:1] == ["ROOT"])
    worker = next(line for line in lines if line[:1] == ["WORKER"])
    assert worker[1] != root[1]
    assert root[2] not in worker
    return next(line for line in lines if line[:1] == ["FDS"])


def test_keys_and_the_window_reach_the_worker(machine: Machine, talk: Talk) -> None:
    """Echo, lines, Ctrl-C, Ctrl-D and the size of the window pass the relay."""
    resized = "trap 'stty size; exit' WINCH; stty size; while :; do sleep 0.1; done"
    interrupted = 'trap "echo caught; exit 5" INT; echo up; while :; do sleep 0.1; done'
    configure(
        machine,
        "user=www-data\n".join(
            (
                f'[program:size]\ncommand=sh -c "{resized}"\n',
                "[program:cat]\ncommand=sh -c 'echo up; exec cat'\n",
                f"[program:int]\ncommand=sh -c '{interrupted}'\n",
                "",
            )
        ),
    )
    talk(
        ("stty rows 31 cols 101; wctl run size\r", "^31 101"),
        ("size 41 111", "^41 111.*^prompt"),
        ("wctl run cat; echo code $?\r", "^up"),
        ("hello\r", "hello\r\nhello\r\n"),
        ("\x04", "^code 0.*^prompt"),
        ("wctl run int; echo code $?\r", "^up"),
        ("\x03", "caught\r\ncode 5.*^prompt"),
        ("wctl run cat\r", "^up"),
        ("x\r", "x\r\nx\r\n"),
        ("\x03", "^prompt"),
        ("echo code $?\r", "^code 130"),
    )


def test_the_end_of_the_worker_is_the_end_of_run(machine: Machine, talk: Talk) -> None:
    """Exit code, death by signal, every byte of output, and root's terminal as it was before."""
    configure(
        machine,
        "user=www-data\n".join(
            (
                "[program:seven]\ncommand=sh -c 'exit 7'\n",
                "[program:killed]\ncommand=sh -c 'stty raw -echo; kill -9 $$'\n",
                "[program:term]\ncommand=sh -c 'kill -TERM $$'\n",
                "[program:large]\ncommand=sh -c 'seq -w 150000 | tr 0-9 a-j'\n",
                "[program:missing]\ncommand=/nonesuch\n",
                "[program:nowhere]\ncommand=/bin/true\ndirectory=/nonesuch\n",
                "",
            )
        ),
    )
    shown = talk(
        ("stty -g >/root/modes\r", "^prompt"),
        ("wctl run seven; echo code $?\r", "^code 7"),
        ("wctl run killed; echo code $?; stty -g | cmp - /root/modes && echo equal\r", "^equal"),
        ("wctl run term; echo code $?\r", "^code 143"),
        ("wctl run missing; echo code $?\r", "^code 127"),
        ("wctl run nowhere; echo code $?\r", "^code 1"),
        ("wctl run large; echo code $?\r", "^code 0"),
        ("stty -g | cmp - /root/modes && echo equal\r", "^equal"),
        ("pgrep -l -u www-data; ps -eo stat,args | grep -c '^[Z]'\r", "^0"),
    )
    assert "code 137" in shown
    assert "directory=/nonesuch: No such file or directory" in shown
    letters = str.maketrans("0123456789", "abcdefghij")
    large = "".join(f"{number:06d}\n".translate(letters) for number in range(1, 150_001))
    assert len(large) > 1 << 20
    assert large in shown


def test_descriptors_that_are_no_terminals_stay(machine: Machine, talk: Talk) -> None:
    """A pipe or a file is the worker's own stdin, stdout or stderr, byte for byte."""
    configure(
        machine,
        "[program:w]\ncommand=sh -c 'cat; test -t 0 || echo pipe; test -t 1 && echo tty;"
        ' printf "a\\\\nb\\\\n" >&2\'\nuser=www-data\n',
    )
    shown = talk(
        ("printf '1\\n2\\n' | wctl run w 2>/root/err; echo code $?\r", "^code 0"),
        ("od -c /root/err\r", "^0000004"),
    )
    assert "1\n2\npipe\ntty\n" in shown
    assert machine.read("/root/err") == "a\nb\n"


def test_signals_to_run_reach_the_worker(machine: Machine, talk: Talk) -> None:
    """What is sent to wctl arrives at the worker, also when the wrapper stays (log files)."""
    caught = 'trap "echo caught; exit 5" TERM; echo up; while :; do sleep 0.1; done'
    configure(
        machine,
        f"[program:a]\ncommand=sh -c '{caught}'\nuser=www-data\n"
        f"[program:b]\ncommand=sh -c '{caught}'\nuser=www-data\nlog=both\n"
        "stdout_logfile=/srv/logs/b.log\n",
    )
    machine.run("install -d -o www-data /srv/logs")
    talk(
        ("wctl run a &\r", "^up"),
        ("kill %1; wait %1; echo code $?\r", "^caught.*code 5"),
        ("wctl run b &\r", "^up"),
        ("kill %1; wait %1; echo code $?\r", "^caught.*code 5"),
    )
    assert machine.read("/srv/logs/b.log") == "up\ncaught\n"
