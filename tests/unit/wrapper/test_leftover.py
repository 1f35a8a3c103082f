"""leftover: what a worker leaves behind gets the stop signal once, in its turn."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from wctl.wrapper import journald, leftover
from wctl.wrapper.command_line import Options
from wctl.wrapper.leftover import Leftover

UNIT = "w@00.service"
# Says when it is up, and which signals it gets. Its child lives on when it has ended.
WORKER = """
trap 'echo TERM; exit' TERM
(trap 'echo child; exit' TERM; echo up; while :; do sleep 0.05; done) &
echo up
while :; do sleep 0.05; done
"""
DEAF = "trap '' TERM; echo up; while :; do sleep 0.05; done"


class Group:
    """Stands in for a control group: the processes of a script's session."""

    def __init__(self, directory: Path, script: str, lines: int) -> None:
        self.directory = directory
        # The shell that starts the script ends at once, and leaves it behind.
        command = ["setsid", "-f", "sh", "-c", f"echo $$; {script}"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._process.wait()
        assert self._process.stdout is not None
        self.output = self._process.stdout
        self.session = int(self.output.readline())
        for _ in range(lines):
            self.output.readline()

    def write(self) -> list[int]:
        """Writes down, and returns, the processes that are there now."""
        found = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it has ended
                state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
                if int(session) == self.session:
                    found[int(stat.parent.name)] = state
        pids = "\n".join(map(str, [*found, os.getpid()]))
        (self.directory / "cgroup.procs").write_text(pids)
        return [pid for pid, state in found.items() if state != "Z"]

    def kill(self) -> None:
        """Ends what is still there."""
        for pid in self.write():
            os.kill(pid, signal.SIGKILL)
        self.output.close()


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Group]:
    """A worker with a child."""
    group = Group(tmp_path, WORKER, 2)
    yield group
    group.kill()


@pytest.fixture
def deaf(tmp_path: Path) -> Iterator[Group]:
    """A worker that ignores the signal."""
    group = Group(tmp_path, DEAF, 1)
    yield group
    group.kill()


def finish(left: Leftover, group: Group) -> None:
    """Looks, and waits, until the group is empty."""
    while group.write():
        if left.look():
            assert select.select([left.ended.fileno()], [], [], 60)[0]
    assert not left.look()
    left.close()


def test_each_gets_the_signal_once_and_its_children_after_it(worker: Group) -> None:
    """A process whose parent is in the unit waits until the parent has ended."""
    left = Leftover(UNIT, str(worker.directory), signal.SIGTERM, 60)
    worker.write()
    left.look()
    finish(left, worker)  # looks again, and signals nobody again
    assert worker.output.read().split() == ["TERM", "child"]


def test_what_ignores_the_signals_of_terminals_is_asked_by_another(tmp_path: Path) -> None:
    """A shell has what it runs in the background ignore SIGINT, and leaves that behind."""
    worker = "sh -c 'trap \"echo TERM; exit\" TERM; echo up; while :; do sleep 0.05; done'"
    group = Group(tmp_path, f"{worker} & wait", 1)
    left = Leftover(UNIT, str(tmp_path), signal.SIGINT, 60)
    os.kill(group.session, signal.SIGINT)
    while group.session in group.write():
        pass
    finish(left, group)
    assert group.output.read().split() == ["TERM"]
    group.kill()


def test_only_an_unasked_end_is_told(worker: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal has what a start script leaves; a stop leaves it to be asked in turn."""
    said: list[str] = []
    monkeypatch.setattr(journald, "say", said.append)
    left = Leftover(UNIT, str(worker.directory), signal.SIGTERM, 60)
    worker.write()
    left.look()
    left.tell()
    text = "the worker ended and left sh behind, which gets the stop signal"
    assert said == [f"<6>{UNIT}: {text}"]
    left.pass_on(1)
    left.tell()
    assert len(said) == 1
    finish(left, worker)


def test_a_reader_goes_on_until_the_writer_has_ended(tmp_path: Path) -> None:
    """In a pipe, the last words of the worker still have a reader."""
    reader = "while read line; do echo $line; done"
    group = Group(tmp_path, f"{{ {WORKER} }} | {{ {reader}; }}", 2)
    left = Leftover(UNIT, str(tmp_path), signal.SIGTERM, 60)
    group.write()
    left.look()
    finish(left, group)
    assert group.output.read().split() == ["TERM", "child"]
    group.kill()


def test_a_slow_reader_has_time_for_the_last_words(tmp_path: Path) -> None:
    """What is in the pipe when the worker has ended is not lost."""
    reader = "read line; echo $line; read line; echo $line; sleep 0.3; cat"
    group = Group(tmp_path, f"{{ {WORKER} }} | {{ {reader}; }}", 2)
    left = Leftover(UNIT, str(tmp_path), signal.SIGTERM, 60)
    group.write()
    left.look()
    finish(left, group)
    assert group.output.read().split() == ["TERM", "child"]
    group.kill()


def test_a_reader_that_does_not_end_by_itself(tmp_path: Path) -> None:
    """It gets the signal a moment after the end of what it reads from."""
    writer = "sh -c 'echo up; exec sleep 60'"
    reader = "trap 'echo reader; exit' TERM; read up; echo up; while :; do sleep 0.05; done"
    group = Group(tmp_path, f"{writer} | {{ {reader}; }}", 1)
    left = Leftover(UNIT, str(tmp_path), signal.SIGTERM, 60)
    os.kill(group.session, signal.SIGTERM)
    while group.session in group.write():
        pass
    assert left.look()
    assert select.select([left.ended.fileno()], [], [], 60)[0]  # what it reads from has ended
    for _ in range(2):
        assert left.look()
        assert not select.select([group.output], [], [], 0.1)[0]
        left.tick(signal.SIGALRM, None)
    finish(left, group)
    assert group.output.read() == "reader\n"
    group.kill()


@pytest.mark.parametrize(
    ("script", "stop"),
    [
        ("{worker}; echo shell", signal.SIGINT),
        ("{worker} | sed -u s/x/x/; echo shell", signal.SIGINT),
        ("bash -c '{worker}; :'; echo shell", signal.SIGINT),
        ("bash -c '{worker}; :'; echo shell", signal.SIGQUIT),
        ("trap : INT; {worker}; echo shell", signal.SIGINT),
    ],
)
def test_the_command_of_a_shell_that_waits(
    tmp_path: Path, script: str, stop: signal.Signals
) -> None:
    """A shell acts on SIGINT only when its command has ended, and bash never on SIGQUIT."""
    worker = tmp_path / "worker"
    worker.write_text(
        f"#!{sys.executable} -IS\nimport os, signal\n"
        "def asked(*_):\n    os.write(1, b'asked\\n')\n    os._exit(0)\n"
        f"signal.signal({int(stop)}, asked)\nos.write(1, b'up\\n')\n"
        "while True:\n    signal.pause()\n"
    )
    worker.chmod(0o755)
    group = Group(tmp_path, script.format(worker=worker), 1)
    left = Leftover(UNIT, str(tmp_path), stop, 60)
    group.write()
    os.kill(group.session, stop)
    left.pass_on(group.session)
    finish(left, group)
    assert group.output.read().split()[:2] in (["asked"], ["asked", "shell"])  # dash ends by INT
    group.kill()


@pytest.mark.parametrize(
    ("script", "stop"),
    [
        ("trap 'echo shell; kill $!; wait; exit' TERM; {worker} & wait", signal.SIGTERM),
        ("trap 'echo shell; kill $!; wait; exit' INT; {worker} & wait", signal.SIGINT),
    ],
)
def test_a_trap_decides_about_the_background(
    tmp_path: Path, script: str, stop: signal.Signals
) -> None:
    """A shell that waits for a process in the background acts at once: its script has the say."""
    worker = "sh -c 'trap \"echo TERM; exit\" TERM; echo up; while :; do sleep 0.05; done'"
    group = Group(tmp_path, script.format(worker=worker), 1)
    left = Leftover(UNIT, str(tmp_path), stop, 60)
    group.write()
    left.pass_on(group.session)
    os.kill(group.session, stop)
    assert group.output.read().split() == ["shell", "TERM"]
    left.close()
    group.kill()


def test_time_is_over(deaf: Group) -> None:
    """What is left when the time is over is killed; descriptors are closed."""
    before = len(os.listdir("/proc/self/fd"))
    left = Leftover(UNIT, str(deaf.directory), signal.SIGTERM, 2)
    deaf.write()
    assert left.look()
    for _ in range(3):
        left.tick(signal.SIGALRM, None)
        assert left.look()
    assert not select.select([left.ended.fileno()], [], [], 0.2)[0]
    left.tick(signal.SIGALRM, None)
    finish(left, deaf)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("behind", [0, 5])
def test_without_a_group_of_its_own_nothing_is_left(behind: int) -> None:
    """In the control group of a terminal, "wctl run" must not signal the processes of others."""
    options = Options()
    options.unit, options.behind_shell = "w@00.service", behind
    assert leftover.of(options) is None
    assert list(leftover.ends(None)) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"0::/system.slice/w@00.service\n", "/sys/fs/cgroup/system.slice/w@00.service"),
        (b"0::/a.slice/_w@00.service/sub\n", "/sys/fs/cgroup/a.slice/_w@00.service/sub"),
        (
            b"4:memory:/system.slice/w@00.service\n1:name=systemd:/s/w@00.service\n0::/s\n",
            "/sys/fs/cgroup/systemd/s/w@00.service",
        ),
        (b"0::/user.slice/session-1.scope\n", None),
        (b"0::/w@00.service.slice\n", None),
        (b"", None),
    ],
)
def test_group(monkeypatch: pytest.MonkeyPatch, text: bytes, expected: str | None) -> None:
    """The group is found with both versions of control groups, if it is that of the unit."""
    monkeypatch.setattr(leftover, "_content", lambda _: text)
    assert leftover._group("w@00.service") == expected
