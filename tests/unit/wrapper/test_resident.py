"""resident: the wrapper as the worker's parent, without systemd."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.wrapper.fake_manager import FakeManager
from wctl.wrapper import resident
from wctl.wrapper.command_line import Options
from wctl.wrapper.pump import Pump


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[FakeManager]:
    """A manager that listens."""
    made = FakeManager(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("code", [0, 1, 77, 127, 255])
def test_the_exit_code_is_the_workers(manager: FakeManager, code: int) -> None:
    """The resident wrapper exits with the worker's exit code."""
    options = "--retry --startsecs=0"
    assert manager.run(options, "sh", "-c", f"exit {code}")[0] == code


@pytest.mark.parametrize("name", ["HUP", "INT", "TERM", "KILL", "SEGV", "PIPE", "USR1", "CHLD"])
def test_the_death_is_the_workers(manager: FakeManager, name: str) -> None:
    """The wrapper dies by the signal that killed the worker, otherwise has its exit code."""
    options = "--retry --startsecs=0 --sigpipe"
    code, _, _ = manager.run(options, "sh", "-c", f"kill -{name} $$; exit 3")
    assert code == (3 if name == "CHLD" else -signal.Signals[f"SIG{name}"])


def test_the_last_real_time_signal_too(manager: FakeManager) -> None:
    """SIGRTMAX is passed on like any other."""
    code, _, _ = manager.run("--retry --startsecs=0", "sh", "-c", "kill -64 $$")
    assert code == -64


@pytest.mark.parametrize("name", ["TERM", "USR1", "HUP", "WINCH", "ABRT"])
def test_signals_are_passed_on(manager: FakeManager, name: str) -> None:
    """The wrapper passes signals on to the worker, in any case its stop signal."""
    number = signal.Signals[f"SIG{name}"]
    script = f"trap 'exit 9' {name}; echo up; while :; do sleep 0.05; done"
    process = manager.popen(f"--retry --startsecs=0 --stopsignal={number}", "sh", "-c", script)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 9


@pytest.mark.parametrize("log", ["journal", "file"])
def test_a_signal_that_interrupts_no_poll_is_passed_on(tmp_path: Path, log: str) -> None:
    """A signal that comes just before poll(2), and so does not interrupt it, is not forgotten.

    Here another thread takes the signal, which is the same for the thread that polls.
    """
    options = Options()
    options.unit = "w@00.service"
    options.log = log
    options.stdout_file = options.stderr_file = str(tmp_path / "log")
    wrapper = os.fork()
    if wrapper == 0:
        try:
            pump = Pump(options, None) if log == "file" else None
            receiver = resident.Worker(options)
            child = os.fork()
            if child == 0:
                time.sleep(60)
                os._exit(0)
            pidfd = os.pidfd_open(child)
            receiver.runs(pidfd, child, None)
            threading.Timer(0.5, _kill_own_thread).start()
            if pump is None:
                resident._ended(pidfd, receiver.wakes)
            else:
                pump.run(pidfd, receiver.wakes)
            os._exit(os.waitpid(child, 0)[1])
        finally:
            os._exit(1)
    ended = select.poll()
    ended.register(os.pidfd_open(wrapper), select.POLLIN)
    if not ended.poll(30_000):
        os.kill(wrapper, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(wrapper, 0)[1]) == signal.SIGUSR1


def _kill_own_thread() -> None:
    signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)


def test_startsecs_0_is_not_retried(manager: FakeManager) -> None:
    """With autorestart=false, a worker that ends after READY stays down, however soon."""
    script = "echo run; exit 4"
    code, out, _ = manager.run("--retry --startsecs=0", "sh", "-c", script)
    assert (code, out) == (4, "run\n")
    assert manager.told() is not None


def test_failed_starts_are_retried_and_given_up(manager: FakeManager) -> None:
    """With startretries=1, there is a second try after a second; then the wrapper gives up."""
    code, out, err = manager.run("--retry --startsecs=5 --startretries=1", "echo", "run")
    assert (code, out) == (-(signal.SIGRTMIN + 29), "run\nrun\n")
    assert "gave up after 2 failed starts in a row" in err


def test_a_stop_in_the_backoff_ends_it(manager: FakeManager) -> None:
    """The stop signal ends the wrapper while it waits for the next try; other signals do not."""
    process = manager.popen("--retry --startsecs=5", "false")
    while True:
        told = manager.told()
        assert told is not None
        if told[0].startswith("STATUS=BACKOFF: failed start 3"):
            break
    process.send_signal(signal.SIGUSR2)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM
