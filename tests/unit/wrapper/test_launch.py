"""launch: from the start of the wrapper until it executes the worker, under a fake manager."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.wrapper.fake_manager import WRAPPER, FakeManager

# The modules that a hand-off may import before it executes the worker: its own four, and modules
# that are built into the interpreter. A library costs milliseconds at every start of every worker.
ALLOWED = {
    "wrapper", "wrapper.launch", "wrapper.command_line", "wrapper.starts", "_signal", "_socket",
}  # fmt: skip


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[FakeManager]:
    """A manager that listens."""
    made = FakeManager(tmp_path)
    yield made
    made.close()


def test_becomes_the_worker(manager: FakeManager) -> None:
    """The wrapper's process becomes the worker, with its arguments, output and exit code."""
    process = manager.popen("--startsecs=1", "sh", "-c", 'echo $$ "$@"; exit 7', "sh", "a b", "")
    out = process.communicate(timeout=60)[0].decode()
    assert (out, process.returncode) == (f"{process.pid} a b \n", 7)


def test_ready_after_startsecs(manager: FakeManager) -> None:
    """With startsecs=1, READY=1 comes after a second, not before; then the count is gone."""
    began = time.monotonic()
    process = manager.popen("--startsecs=1", "sleep", "1000")
    told = manager.told()
    assert told is not None and told[0] == "READY=1"
    assert told[1] - began >= 1.0
    assert not manager.counter.exists()
    process.kill()
    process.communicate()


def test_no_ready_from_a_worker_that_ends_before(manager: FakeManager) -> None:
    """If the worker ends before startsecs, its start stays counted and READY=1 never comes."""
    manager.run("--startsecs=1", "true")
    assert manager.told(timeout=1.5) is None
    assert manager.counter.read_text() == "1"


def test_startsecs_0_is_ready_however_soon_it_ends(manager: FakeManager) -> None:
    """READY=1 comes even if the worker ends at once; the count stays, so that a crash counts."""
    manager.run("--startsecs=0", "true")
    told = manager.told()
    assert told is not None and told[0] == "READY=1"
    assert manager.counter.exists()


@pytest.mark.parametrize(
    ("options", "command", "said"),
    [
        ("--startsecs=0", "/nonesuch/x", "No such file or directory: /nonesuch/x"),
        ("--startsecs=1", "nonesuch-command", "command not found: nonesuch-command"),
        ("--startsecs=1", "/", "Permission denied: /"),
        ("--startsecs=0 --directory=/nonesuch", "true", "No such file or directory: /nonesuch"),
    ],
)
def test_what_cannot_be_run_is_127(
    manager: FakeManager, options: str, command: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that cannot be run is a failed start: one line names it, the exit code is 127."""
    monkeypatch.chdir("/")  # as systemd does if the directory of WorkingDirectory=- is missing
    code, _, err = manager.run(options, command)
    assert (code, err) == (127, f"w@00.service: cannot start: {said}\n")
    assert (manager.told(timeout=1.2), manager.counter.read_text()) == (None, "1")


def test_the_environment_is_the_workers_own(manager: FakeManager) -> None:
    """The wrapper adds nothing to the environment, and removes wctl's socket and directories."""
    other = f"/run/other:{manager.runtime}"
    _, out, _ = manager.run("--startsecs=1", "env", "-0", A="b\nc", RUNTIME_DIRECTORY=other)
    expected = manager.environment(A="b\nc", RUNTIME_DIRECTORY="/run/other")
    del expected["NOTIFY_SOCKET"]
    assert dict(variable.split("=", 1) for variable in out.split("\0") if variable) == expected


def test_formats_of_the_number_are_filled_in(manager: FakeManager) -> None:
    """--expand fills in the number in arguments, --expand-env in the variables that it names."""
    _, out, _ = manager.run(
        "--startsecs=1 --expand --expand-env=N,M", "sh", "-c", "echo $N %(process_num)d 9%%",
        N="%(process_num)03d",
    )  # fmt: skip
    assert out == "000 0 9%\n"


@pytest.mark.parametrize("sigpipe", [False, True])
def test_signals_are_as_the_manager_left_them(manager: FakeManager, sigpipe: bool) -> None:
    """No signal is blocked; only SIGPIPE is ignored, as under systemd, and not with --sigpipe."""
    options = "--startsecs=1" + (" --sigpipe" if sigpipe else "")
    _, out, _ = manager.run(options, "grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status")
    # Not 32 and 33: the C library uses them, and a child inherits their state from its parent.
    ours = sum(1 << (number - 1) for number in signal.valid_signals())
    masks = {line.split()[0]: int(line.split()[1], 16) & ours for line in out.splitlines()}
    ignored = 0 if sigpipe else 1 << (signal.SIGPIPE - 1)
    assert masks == {"SigBlk:": 0, "SigIgn:": ignored}


def test_no_descriptor_is_added(manager: FakeManager) -> None:
    """The worker has descriptors 0 to 2 and none of wctl's; ls opens the directory as 3."""
    _, out, _ = manager.run("--startsecs=1", "ls", "/proc/self/fd")
    assert out.split() == ["0", "1", "2", "3"]


STDIN = """
import os, select, stat
print(stat.S_ISFIFO(os.fstat(0).st_mode), os.get_blocking(0), select.select([0], [], [], 0)[0])
os.write(0, b"mine")
print(os.read(0, 9))
"""


@pytest.mark.parametrize("options", ["", " --retry", " --log=file --stdout-file={0}/out"])
def test_stdin_stays_open(manager: FakeManager, tmp_path: Path, options: str) -> None:
    """In place of /dev/null, stdin is an empty pipe that never ends: the worker is its writer."""
    options = "--startsecs=0" + options.format(tmp_path)
    _, out, err = manager.run(options, sys.executable, "-c", STDIN)
    if "file" in options:
        out = (tmp_path / "out").read_text()
    assert out.splitlines() == ["True True []", "b'mine'"], err


@pytest.mark.parametrize("given", [subprocess.PIPE, subprocess.DEVNULL])
def test_a_stdin_that_somebody_chose_stays(given: int) -> None:
    """A pipe, a terminal, a socket is the worker's; --keep-stdin keeps even /dev/null."""
    keep = ["--keep-stdin"] if given == subprocess.DEVNULL else []
    command = [*WRAPPER, "--log=none", *keep, "w@00.service", "--", "cat"]
    process = subprocess.Popen(command, stdin=given, stdout=subprocess.PIPE, text=True)
    text = "mine" if given == subprocess.PIPE else None
    assert process.communicate(text, timeout=60)[0] == (text or "")


def test_no_child_is_left(manager: FakeManager) -> None:
    """The notifier is not a child of the worker, which has neither a child nor a zombie."""
    process = manager.popen("--startsecs=1", "sleep", "1000")
    assert manager.told() is not None
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    process.kill()
    process.communicate()
    assert children == ""


def test_a_wrong_command_line_is_64() -> None:
    """A usage error has its own exit code and says what was expected."""
    done = subprocess.run([*WRAPPER, "--x=1"], capture_output=True, text=True, check=False)
    assert (done.returncode, "unknown option" in done.stderr) == (64, True)


@pytest.mark.parametrize(("name", "right"), [("w@0", "w@00"), ("w@x", "w@00"), ("w@007", "w@07")])
def test_another_spelling_gives_up(name: str, right: str) -> None:
    """The wrapper gives up a misspelt instance at once, and names the right spelling."""
    done = subprocess.run(
        [*WRAPPER, f"{name}.service", "--", "true"], capture_output=True, text=True, check=False
    )
    assert done.returncode == -(signal.SIGRTMIN + 29)
    assert done.stderr == (f"{name}.service: {name} is not how instances are named, try {right}\n")


def test_a_count_that_cannot_be_kept_is_no_obstacle(manager: FakeManager) -> None:
    """The worker runs, and one line says why its start is not counted."""
    gone = f"{manager.runtime}/wctl/gone"
    code, out, err = manager.run("--startsecs=1", "echo", "runs", RUNTIME_DIRECTORY=gone)
    assert (code, out) == (0, "runs\n")
    assert "cannot count failed starts: No such file or directory" in err


def test_hand_off_imports_next_to_nothing() -> None:
    """Before it executes the worker, a hand-off imports only the modules of the list."""
    script = (
        "import sys; before = set(sys.modules); sys.path.append(sys.argv[1]);"
        "from wrapper import launch; print(*sorted(set(sys.modules) - before))"
    )
    package = str(Path(WRAPPER[-1]).parent)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, package],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) - ALLOWED == set()


def test_a_whole_start_imports_little_more(manager: FakeManager) -> None:
    """Only the notifier imports a few more modules, as Python's own trace shows."""
    python = [sys.executable, "-I", "-S", "-X", "importtime"]

    def imported(*arguments: str) -> set[str]:
        done = subprocess.run(
            [*python, *arguments], env=manager.environment(), capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}

    whole = imported(WRAPPER[-1], "--startsecs=1", "w@00.service", "--", "sleep", "1.2")
    assert whole - imported("-c", "pass") - ALLOWED <= {
        "wrapper.notifier", "wrapper.sd_notify", "select", "time"
    }  # fmt: skip


def test_signals_during_the_fork_reach_the_worker(manager: FakeManager) -> None:
    """However early SIGTERM comes, it ends the process, as it would end the worker."""
    for _ in range(10):
        process = manager.popen("--startsecs=1", "sleep", "1000")
        os.kill(process.pid, signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGTERM
