"""The relay between root's terminal and a worker: here both are the same user's."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from wctl.cli.foreground import terminal
from wctl.errors import WctlError

TERMINAL = Path(__file__).with_name("terminal.py")
LEAVE = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parents[4] / "pkg")!r})
from wctl.cli.foreground import terminal
terminal.leave(os.getuid())
os.execvp(sys.argv[1], sys.argv[1:])
"""
# Prints the first signal that comes.
SIGNALLED = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
print("up", flush=True)
caught = signal.sigwait(signal.valid_signals() - {signal.SIGCHLD, signal.SIGWINCH})
print("caught", signal.Signals(caught).name, flush=True)
"""


@pytest.fixture
def leave(tmp_path: Path) -> str:
    """The beginning of a command line that runs a command as a worker."""
    program = tmp_path / "leave"
    program.write_text(f"#!{sys.executable}\n{LEAVE}")
    program.chmod(0o755)
    (tmp_path / "signalled").write_text(f"#!{sys.executable}\n{SIGNALLED}")
    (tmp_path / "signalled").chmod(0o755)
    return str(program)


@pytest.fixture
def screen() -> Iterator[tuple[int, int]]:
    """The two ends of a terminal."""
    ends = os.openpty()
    yield ends
    for end in ends:
        with suppress(OSError):  # the test has closed it
            os.close(end)


def talk(*steps: tuple[str, str]) -> str:
    """Returns what the screen of a terminal with a shell shows."""
    done = subprocess.run(
        [sys.executable, str(TERMINAL)],
        input=json.dumps(steps),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def start(command: list[str], stdin: int) -> Iterator[subprocess.Popen[str]]:
    """Starts a command as the leader of a session; its stdin is its controlling terminal.

    A test that fails, or that takes too long, does not wait for it.
    """
    with subprocess.Popen(
        ["setsid", "--ctty", *command], stdin=stdin, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def test_without_a_terminal_the_process_becomes_the_worker(leave: str) -> None:
    """Without any terminal there is nothing to keep from the worker, and no relay stays."""
    process = subprocess.Popen(
        [leave, "sh", "-c", "echo $$"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.communicate()[0] == f"{process.pid}\n"


def test_no_worker_starts_without_a_terminal_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """If no pseudo-terminal can be made, the worker does not get root's terminal instead."""

    def fail() -> tuple[int, int]:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "isatty", lambda _fd: True)
    monkeypatch.setattr(os, "openpty", fail)
    with pytest.raises(WctlError, match="no terminal for the worker: No space left on device"):
        terminal.leave(os.getuid())


def test_the_keyboard_is_the_workers_before_there_is_a_worker(
    screen: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-D in answer to a worker's first line ends its input, however late the relay runs."""
    modes = []
    blocked = []

    def fork() -> int:
        modes.append(termios.tcgetattr(screen[1])[3])
        blocked.append(signal.pthread_sigmask(signal.SIG_BLOCK, []))
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(os, "isatty", lambda fd: fd == 0)
    monkeypatch.setattr(os, "tcgetpgrp", lambda _fd: os.getpgrp())
    monkeypatch.setattr(os, "fork", fork)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    stdin = os.dup(0)
    os.dup2(screen[1], 0)
    try:
        with pytest.raises(WctlError, match="no process for the worker"):
            terminal.leave(os.getuid())
    finally:
        os.dup2(stdin, 0)
        os.close(stdin)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    assert not modes[0] & termios.ICANON
    assert signal.SIGTERM in blocked[0], "it would leave root with a raw terminal"
    assert termios.tcgetattr(screen[1])[3] & termios.ICANON


def test_the_worker_has_its_own_session_and_terminal(leave: str) -> None:
    """Session, controlling terminal and all descriptors of a worker differ from the shell's."""
    look = "'echo worker $(tty) $(cut -d\" \" -f6,7 /proc/$$/stat) fds: $(ls /proc/$$/fd):'"
    shown = talk(
        ("exec 7<>/dev/tty 9</etc/passwd\r", r"^prompt"),
        ("echo shell $(tty) $(cut -d' ' -f6,7 /proc/$$/stat):\r", r"^shell [^:]*:"),
        (f"{leave} sh -c {look}\r", r"^worker .*fds:[^:]*:"),
    )
    lines = [line.rstrip(":").split() for line in shown.splitlines()]
    shell = next(line for line in lines if line[:1] == ["shell"])
    worker = next(line for line in lines if line[:1] == ["worker"])
    assert all(theirs != ours for theirs, ours in zip(worker[1:4], shell[1:4]))
    assert not {"7", "9"} & set(worker[4:])


def test_a_controlling_terminal_alone_is_taken_away(leave: str) -> None:
    """A worker without a terminal among its descriptors cannot open one, but gets Ctrl-C."""
    signalled = f"{Path(leave).parent}/signalled"
    shown = talk(
        (f"{leave} sh -c ': </dev/tty' </dev/null 2>&1 | cat\r", r"^sh: .*^prompt"),
        (f"{leave} {signalled} </dev/null 2>&1 | (trap '' INT; cat)\r", r"^up"),
        ("\x03", r"caught SIGINT"),
    )
    assert "/dev/tty: No such device or address" in shown


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "ALRM", "RTMIN"])
@pytest.mark.parametrize("pty", [True, False])
def test_signals_reach_the_worker(
    leave: str, screen: tuple[int, int], name: str, pty: bool
) -> None:
    """A signal to the relay is the worker's, with a pseudo-terminal and without."""
    how = getattr(signal, f"SIG{name}")
    command = [leave, f"{Path(leave).parent}/signalled"]
    if not pty:  # only a descriptor that the worker does not get
        command = ["sh", "-c", 'exec 5<&0 </dev/null "$@"', "sh", *command]
    with start(command, screen[1]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(how)
        assert process.stdout.readline() == f"caught {how.name}\n"
        assert process.wait() == 0


@pytest.mark.parametrize(
    ("end", "code"),
    [("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -TERM $$", -15), ("kill -9 $$", -9)],
)
def test_the_relay_ends_as_the_worker(
    leave: str, screen: tuple[int, int], end: str, code: int
) -> None:
    """The relay has the worker's exit code, or dies by the worker's signal."""
    with start([leave, "sh", "-c", end], screen[1]) as process:
        assert process.wait() == code


def test_a_core_is_dumped_once(leave: str, screen: tuple[int, int], tmp_path: Path) -> None:
    """The worker may dump a core; the relay dies by the same signal without one."""
    line = f"cd {tmp_path}; ulimit -c $(ulimit -H -c); exec {leave} sh -c 'kill -SEGV $$'"
    with start(["sh", "-c", line], screen[1]) as process:
        status = os.waitpid(process.pid, 0)[1]
        process.returncode = 0  # it is reaped
    assert (os.WTERMSIG(status), os.WCOREDUMP(status)) == (signal.SIGSEGV, False)


def test_suspend_and_continue(leave: str) -> None:
    """Ctrl-Z stops worker and relay and restores the terminal; "fg" continues both."""
    talk(
        (f"stty -g >{leave}.modes; echo saved\r", r"^saved"),
        (f"{leave} sh -c 'echo up; exec cat'\r", r"^up"),
        ("one\r", r"one\r\none\r\n"),
        ("\x1a", r"Stopped.*^prompt"),
        (f"stty -g | cmp - {leave}.modes && echo the same\r", r"^the same"),
        ("fg\r", r"leave sh"),
        ("two\r", r"two\r\ntwo\r\n"),
        ("\x04", r"^prompt"),
        (f"stty -g | cmp - {leave}.modes && echo the same\r", r"^the same"),
    )


def test_a_background_job_leaves_the_keyboard_alone(leave: str) -> None:
    """The shell gets what root types until "fg" gives the terminal to the job."""
    talk(
        (f"{leave} sh -c 'echo up; exec cat' &\r", r"^up"),
        ("echo $((40 + 2))\r", r"^42"),
        ("fg\r", r"leave sh"),
        ("hello\r", r"hello\r\nhello\r\n"),
        ("\x04", r"^prompt"),
    )


def test_the_terminal_of_another_session_is_left_alone(leave: str) -> None:
    """A worker whose terminal is not that of its session shows output, and takes no key."""
    talk(
        (f"setsid {leave} sh -c 'echo up; exec cat' &\r", r"^up"),
        ("echo $((40 + 2))\r", r"^42"),
        ("stty -a\r", r"^isig icanon .* echo .*^prompt"),
    )


def test_a_pipeline_prints_whole_lines(leave: str) -> None:
    """The raw terminal of the relay still returns the carriage for others that print to it."""
    talk(
        (f"{leave} sh -c 'echo a; echo b; exec cat' | cat\r", "^a\r\nb\r\n"),
        ("\x04", "^prompt"),
        (f"{leave} sh -c 'echo c >&2' | cat\r", "\r\nc\r\nprompt"),
        (f"{leave} sh -c 'echo d >&2' </dev/null | cat\r", "\r\nd\r\nprompt"),
    )


def test_a_terminal_that_is_gone_hangs_up_the_worker(leave: str, screen: tuple[int, int]) -> None:
    """When root's terminal is gone, the worker gets SIGHUP, as if the terminal were its own."""
    with start([leave, "sh", "-c", "echo up >/dev/tty; exec sleep 1000"], screen[1]) as process:
        os.close(screen[1])
        assert os.read(screen[0], 100) == b"up\r\n"
        os.close(screen[0])
        assert process.wait() == -signal.SIGHUP


def test_signals_pass_a_terminal_that_stands_still(
    leave: str, screen: tuple[int, int], tmp_path: Path
) -> None:
    """Output that nobody takes keeps no signal from the worker; all of it is shown later."""
    # The signal may come before the shell waits.
    worker = f"trap 'echo caught >{tmp_path}/fifo; kill $!; exit 0' TERM; yes >/dev/tty & wait"
    os.mkfifo(tmp_path / "fifo")
    with start([leave, "sh", "-c", worker], screen[1]) as process:
        os.close(screen[1])
        assert os.read(screen[0], 1) == b"y"
        process.send_signal(signal.SIGTERM)
        assert (tmp_path / "fifo").read_text() == "caught\n"
        with suppress(OSError):  # EIO: the relay has ended
            while os.read(screen[0], 1 << 16):
                pass
        assert process.wait() == 0
