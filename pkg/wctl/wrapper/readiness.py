"""Readiness beyond time: ready = notify, exec:COMMAND, tcp:HOST:PORT, file:PATH or log:REGEX.

This runs in the notifier, while the worker is already working, so ordinary imports are fine here.
If a worker is not ready after ready_timeout, the notifier stops the worker and logs what was
missing. That is a failed start like any other.
"""

import os
import re
import shlex
import socket
import subprocess
import time

import _signal

from .notifier import Worker
from .starts import Start
from .journald import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL = 0.1  # seconds between two tries: the thing that we probe cannot notify us
STOP_GRACE = 10.0
LONGEST_LINE = 1 << 16  # bytes of an unfinished line that we search


def wait(start: Start, worker: Worker, output: "int | None") -> bool:
    """Wait until the worker is ready, or stop it after ready_timeout; tell whether it is ready."""
    options = start.options
    kind, _, what = options.ready.partition(":")
    end = time.monotonic() + options.ready_timeout
    if kind == "tcp":
        "".encode("idna")  # getaddrinfo imports this codec; import it with the rest
    if kind == "log":
        ready = output is not None and _log(what, worker, output, end)
    elif kind == "notify":
        # The worker tells the manager, which then runs ExecStartPost=; that clears the count.
        ready = _poll(lambda _left: not start.counter.failed(), worker, end)
    else:
        probe = _PROBES[kind]
        ready = _poll(lambda left: probe(what, left), worker, end)
    if not ready and not worker.gone(0):
        missing = _FAILURES[kind].format(what)
        say(f"<3>{options.unit}: not ready after {options.ready_timeout} s: {missing}")
        worker.stop(options.stopsignal, STOP_GRACE)
    return ready


def _poll(probe: "Callable[[float], bool]", worker: Worker, end: float) -> bool:
    while not worker.gone(INTERVAL):
        if probe(max(INTERVAL, end - time.monotonic())):
            return not worker.gone(0)
        if time.monotonic() >= end:
            break
    return False


def _log(regex: str, worker: Worker, output: int, end: float) -> bool:
    """Read what the worker writes until a line matches."""
    pattern = re.compile(os.fsencode(regex))
    unfinished = b""
    source: "int | None" = output
    while True:
        gone = worker.gone_or(source, end - time.monotonic())
        if gone is not None:
            return False
        data = os.read(output, LONGEST_LINE)
        if not data:  # the worker has closed its output, and may live on
            worker.forget(output)
            source = None
        *lines, unfinished = (unfinished + data).split(b"\n")
        unfinished = unfinished[-LONGEST_LINE:]
        if any(map(pattern.search, [*lines, unfinished])):
            return True


def _exec(command: str, timeout: float) -> bool:
    try:
        ended = subprocess.run(
            shlex.split(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"},
            timeout=timeout,
            check=False,
            preexec_fn=_unblock,  # safe: this process has a single thread
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return ended.returncode == 0


def _unblock() -> None:
    _signal.pthread_sigmask(_signal.SIG_SETMASK, [])


def _tcp(address: str, timeout: float) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout).close()
    except OSError:
        return False
    return True


def _file(path: str, _timeout: float) -> bool:
    return os.path.exists(path)


_PROBES = {"exec": _exec, "tcp": _tcp, "file": _file}
_FAILURES = {
    "exec": "{!r} did not exit with 0",
    "tcp": "nothing accepts connections at {}",
    "file": "{} does not exist",
    "log": "no line of its output matched {!r}",
    "notify": "it did not send READY=1",
}
