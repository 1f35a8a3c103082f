"""Runs commands as systemd runs a program's worker: with its user, directory and variables."""

from __future__ import annotations

import contextlib
import os
import pwd
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wctl.config.model import Program
from wctl.systemd import env_file
from wctl.units import environment

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # systemd's default
NOT_FOUND = 127  # the exit code of a shell that finds no such command
CANNOT_RUN = (126, NOT_FOUND)
_MOST = 1 << 20  # bytes that we keep of each output, from its end
_CHUNK = 1 << 16  # bytes: the capacity of a pipe (pipe(7))
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


class NotPermittedError(Exception):
    """Only root can run a command as another user."""


class Runner:
    """Runs commands for one program."""

    def __init__(self, program: Program, environment: Path, *, timeout: float, user: bool) -> None:
        """Prepare commands of at most ``timeout`` seconds.

        ``environment`` is the directory with the variables of instances. ``user`` means that the
        user's own systemd runs the program.
        """
        self.program = program
        self.timeout = timeout
        self._environment = environment
        self._user = user
        self._account = None if user or program.user is None else _account(program.user)

    def shown(self, command: Sequence[str]) -> str:
        """Return the line that root types to run ``command`` as run() does."""
        files = self._files()
        if files:
            return shlex.join([*self._service(files), *command])
        directory = self._directory()
        inside = f"cd {shlex.quote(directory)} && " if directory else ""
        if self._account is None or self._account.pw_uid == os.geteuid():
            return f"{inside}{shlex.join(command)}"
        return f"{inside}runuser -u {shlex.quote(self._account.pw_name)} -- {shlex.join(command)}"

    def _service(self, files: Sequence[str]) -> list[str]:
        """Return systemd-run's words; systemd reads the variables from files, so we show none."""
        words = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect"]
        words += ["--user"] if self._user else []
        words += [f"--uid={self._account.pw_name}"] if self._account is not None else []
        directory = self._directory()
        words += [f"--working-directory={directory}"] if directory else []
        return [*words, *(f"--property=EnvironmentFile={file}" for file in files)]

    def _files(self) -> list[str]:
        """Return the files of variables; a later file overrides an earlier one."""
        program = self.program
        files = list(program.environment_file)
        if program.environment:
            files.append("-" + env_file.pattern(f"{self._environment}/{program.name}.env"))
        return files

    def run(self, command: Sequence[str]) -> Answer:
        """Run ``command`` in a session of its own; kill its process group after the timeout.

        Raises:
            NotPermittedError: we are neither root nor the program's user.
        """
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self._directory() or self._default_directory(),
                env=self._variables(),
                start_new_session=True,
                **self._identity(),
            )
        except OSError as error:
            if isinstance(error, PermissionError) and self._account and os.geteuid() != 0:
                raise NotPermittedError from None
            return Answer(NOT_FOUND, "", f"{error.filename or command[0]}: {error.strerror}")
        return _answer(process, self.timeout)

    def _directory(self) -> str | None:
        directory = self.program.directory
        return None if directory is None else directory.text(self.program.numprocs_start)

    def _default_directory(self) -> str:
        """Return where systemd runs a unit without WorkingDirectory= (systemd.exec(5))."""
        return str(Path.home()) if self._user else "/"

    def _identity(self) -> dict[str, Any]:
        if self._account is None or self._account.pw_uid == os.geteuid():
            return {}
        name, group = self._account.pw_name, self._account.pw_gid
        return {
            "user": self._account.pw_uid,
            "group": group,
            "extra_groups": os.getgrouplist(name, group),
        }

    def _variables(self) -> dict[str, str]:
        """Return the variables that systemd gives the worker of the first instance."""
        program = self.program
        home = {"HOME": os.environ["HOME"]} if "HOME" in os.environ else {}
        return {
            "PATH": _PATH,
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            **(home if self._account is None else environment.of_user(self._account)),
            **environment.of_worker(program, program.numprocs_start, self._environment, _read),
        }


def _answer(process: subprocess.Popen[bytes], timeout: float) -> Answer:
    """Wait for a process and collect its output, within limits of time and size.

    Processes that it leaves behind may hold its pipes open for ever. So we wait for the end of the
    process, not for the end of its pipes.
    """
    assert process.stdout is not None and process.stderr is not None
    out, err = bytearray(), bytearray()
    pidfd = os.pidfd_open(process.pid)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ, out)
            selector.register(process.stderr, selectors.EVENT_READ, err)
            selector.register(pidfd, selectors.EVENT_READ)
            ended = _take_in(selector, pidfd, time.monotonic() + timeout)
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


def _take_in(selector: selectors.BaseSelector, pidfd: int, end: float) -> bool:
    """Read until the process behind ``pidfd`` ends (return True) or its time is over (False)."""
    ended, left = False, _MOST
    while True:
        ready = selector.select(0 if ended else max(0.0, end - time.monotonic()))
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
        if not ended and time.monotonic() >= end:
            return False


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and its children. We have not reaped it, so its PID is still its own."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_REAPED)  # SIGKILL does not end a process that hangs in the kernel


def _text(output: bytearray) -> str:
    return output[-_MOST:].decode(errors="replace")


def _read(file: Path, _optional: bool) -> Mapping[str, str]:
    try:
        return env_file.parse(file.read_text(errors="surrogateescape"))
    except OSError:
        return {}


def _account(user: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
    except KeyError:
        return None  # "wctl check" reports the missing user
