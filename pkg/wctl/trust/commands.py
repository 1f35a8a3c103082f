"""Run other programs: systemd's own tools as ourselves, a program's commands as its user.

No other module of wctl starts a process, except the wrapper, and "wctl run", which becomes one.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from wctl.trust import accounts

NEEDS_ROOT = "only root can run commands as its user"
NOT_FOUND = 127  # the exit code of a shell that finds no such command
CANNOT_RUN = (126, NOT_FOUND)
_ENV = "/usr/bin/env"
_OF_ENV = (f"{_ENV}: ", "env: ")  # the beginning of its messages in Debian 12, and in 13
_NOT_ENTERED = 125  # env's exit code if it cannot do what its options say (env(1))
_MOST = 1 << 20  # bytes that we keep of each output, from its end
_CHUNK = 1 << 16  # bytes: the capacity of a pipe (pipe(7))
_TAKE_LINES = frozenset({"vi", "vim", "nvim", "view", "nano", "pico", "emacs", "joe", "mcedit"})
_OF_KEYS = (signal.SIGINT, signal.SIGQUIT)  # signals that a terminal sends to all of its job
_REAPED = 1.0  # seconds within which a killed process is gone, if it goes at all


@dataclass(frozen=True)
class Answer:
    """How a command ended: its exit code (None: we killed it after the timeout), and its output."""

    code: int | None
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """All lines of output; stderr last, because it explains a failure."""
        return [*self.out.splitlines(), *self.err.splitlines()]


class RefusedError(Exception):
    """We do not run a command, because we could not run it as the user it belongs to."""


def output(command: Sequence[str], timeout: float = 10.0) -> str | None:
    """Return what one of systemd's tools prints; None if it does not end in ``timeout`` seconds."""
    answer = ask(command, timeout)
    return None if answer.code in (None, NOT_FOUND) else answer.out


def ask(command: Sequence[str], timeout: float) -> Answer:
    """Return how one of systemd's tools ends within ``timeout`` seconds, and all that it prints."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except OSError as error:
        return Answer(NOT_FOUND, "", f"{error.filename or command[0]}: {error.strerror}")
    except subprocess.TimeoutExpired:
        return Answer(None, "", "")
    return Answer(done.returncode, done.stdout, done.stderr)


def stream(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start one of systemd's tools; read its output from ``stdout``.

    Raises:
        OSError: the tool cannot be started.
    """
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)


def edit(editor: str, file: str, line: int) -> int:
    """Run an editor, a shell's command line, on our own terminal; return its exit code.

    The user has chosen the editor, as for sudoedit(8). Most editors take a line's number. Ctrl-C
    means something in an editor, and reaches us and the shell, too: both wait for the editor.
    """
    words = editor.split()
    at = [f"+{line}"] if words and Path(words[0]).name in _TAKE_LINES else []
    # Nobody ignores the signals: the editor would inherit that (execve(2)).
    old = {number: signal.signal(number, lambda *_: None) for number in _OF_KEYS}
    try:
        shell = ["/bin/sh", "-c", f'trap : INT QUIT; {editor} "$@"']
        return subprocess.call([*shell, editor, *at, file])
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def show_page(file: Path) -> int:
    """Show a page of the manual on our own terminal, or print it; return man's exit code."""
    try:
        return subprocess.call(["man", "--local-file", "--", str(file)])
    except OSError:
        return NOT_FOUND


class Aside:
    """A function of ours that runs in a child, in a session of its own: no Ctrl-C reaches it.

    The child is a fork. A new process would have to find wctl once more, and a directory that it
    searched might hold another user's "wctl".
    """

    def __init__(self, function: Callable[[], int]) -> None:
        """Start ``function``, which returns an exit code, without a terminal.

        Raises:
            OSError: no process can be made.
        """
        self.code: int | None = None  # its exit code; None while it runs
        self._printed = bytearray()
        self.fd, write = os.pipe()  # what it prints
        self._pid = os.fork()
        if self._pid == 0:
            _run_aside(function, write)
        os.close(write)

    @property
    def lines(self) -> list[str]:
        """The lines that it has printed so far, the last 1 MiB of them."""
        return _text(self._printed).splitlines()

    def read(self) -> None:
        """Take what it has printed, when ``fd`` can be read; at the end, its exit code."""
        data = os.read(self.fd, _CHUNK)
        self._printed += data
        del self._printed[: -2 * _MOST]
        if not data:
            os.close(self.fd)
            self.code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


def _run_aside(function: Callable[[], int], out: int) -> NoReturn:
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        os.setsid()
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (out, 1), (out, 2)):
            os.dup2(source, target)
        code = function()
    finally:
        os._exit(code)


def run(
    command: Sequence[str],
    account: pwd.struct_passwd | None,
    *,
    timeout: float | None,
    directory: str = "/",
    environ: Mapping[str, str],
    group: int | None = None,
) -> Answer:
    """Run ``command`` in a session of its own; kill its process group after ``timeout`` seconds.

    ``account`` is the user to run it as, None for ourselves; ``group`` replaces the user's group.
    That user enters ``directory``.

    Raises:
        RefusedError: we are neither root nor that user.
    """
    try:
        process = subprocess.Popen(
            _inside(directory, command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env=environ,
            start_new_session=True,
            **_identity(account, group),
        )
    except OSError as error:
        if isinstance(error, PermissionError) and account is not None and os.geteuid() != 0:
            raise RefusedError(NEEDS_ROOT) from None
        return Answer(NOT_FOUND, "", f"{error.filename or command[0]}: {error.strerror}")
    return without_env(_answer(process, timeout), directory, command[0])


def without_env(answer: Answer, directory: str, name: str) -> Answer:
    """Return ``answer``; if env(1) could not run ``name`` in ``directory``, without env's words."""
    if answer.err.startswith(_OF_ENV):
        reason = answer.err.rstrip().rpartition(": ")[2]
        if answer.code == _NOT_ENTERED and directory in answer.err:
            return Answer(NOT_FOUND, "", f"{directory}: {reason}")
        if answer.code in CANNOT_RUN and name in answer.err:
            return replace(answer, err=f"{name}: {reason}")
    return answer


def _inside(directory: str, command: Sequence[str]) -> list[str]:
    """Return the command line that enters ``directory`` and runs ``command`` there.

    subprocess enters a directory before it changes the user, so a link of that user could lead root
    into directories that only root may enter. And a directory or command on a file system of that
    user (FUSE) may hold up whoever enters or executes it: that must be a process that we can kill.
    """
    if "=" in command[0]:  # to env, that is a variable
        command = ["/bin/sh", "-c", 'exec "$@"', "sh", *command]
    return [_ENV, f"--chdir={directory}", "--", *command]


def _identity(account: pwd.struct_passwd | None, group: int | None) -> dict[str, Any]:
    if account is None or (account.pw_uid == os.geteuid() and group is None):
        return {}
    return {
        "user": account.pw_uid,
        "group": account.pw_gid if group is None else group,
        "extra_groups": accounts.groups(account, group),
    }


def _answer(process: subprocess.Popen[bytes], timeout: float | None) -> Answer:
    """Wait for a process and collect its output, within limits of time and size.

    Processes that it leaves behind may hold its pipes open for ever. So we wait for the end of the
    process, not for the end of its pipes.
    """
    assert process.stdout is not None and process.stderr is not None
    out, err = bytearray(), bytearray()
    pidfd = os.pidfd_open(process.pid)
    end = None if timeout is None else time.monotonic() + timeout
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ, out)
            selector.register(process.stderr, selectors.EVENT_READ, err)
            selector.register(pidfd, selectors.EVENT_READ)
            ended = _take_in(selector, pidfd, end)
    except BaseException:  # Ctrl-C, for example: its SIGINT does not reach another session
        _kill(process)
        raise
    finally:
        os.close(pidfd)
    if not ended:
        _kill(process)
    process.stdout.close()
    process.stderr.close()
    return Answer(process.wait() if ended else None, _text(out), _text(err))


def _take_in(selector: selectors.BaseSelector, pidfd: int, end: float | None) -> bool:
    """Read until the process behind ``pidfd`` ends (return True) or its time is over (False)."""
    ended, left = False, _MOST
    while True:
        rest = None if end is None else max(0.0, end - time.monotonic())
        ready = selector.select(0 if ended else rest)
        pipes = [key for key, _ in ready if key.fd != pidfd]
        ended = ended or len(pipes) < len(ready)
        for key in pipes:
            chunk = os.read(key.fd, _CHUNK)
            key.data.extend(chunk)
            del key.data[: -2 * _MOST]
            left -= len(chunk) if ended else 0
            if not chunk:
                selector.unregister(key.fileobj)
        # After the process ends we read what the pipes still hold; later output is not its own.
        if ended and (not pipes or left <= 0):
            return True
        if not ended and end is not None and time.monotonic() >= end:
            return False


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and its children. We have not reaped it, so its PID is still its own."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_REAPED)  # SIGKILL does not end a process that hangs in the kernel


def _text(output: bytearray) -> str:
    return output[-_MOST:].decode(errors="replace")
