"""Runs in the machine: command lines of one supervisorctl, one after the other.

python3 inside.py real|face

Each line on stdin is a JSON list of orders, {"argv", "input", "until", "shell"}. Each answer is a
JSON list of {"out", "err", "code"}. An order that has "until" is interrupted (Ctrl-C) as soon as it
has printed this text; "shell" is a script instead of arguments. Arguments go to a fork that has
already loaded the program: that saves a tenth of a second each. Scripts run the program itself.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

LIMIT = 60.0  # seconds for a command; the answer's code is then that of SIGKILL
HOME = "/opt/supervisor"
SOCKET = f"{HOME}/socket"

# Starts a command with these arguments and standard streams; returns its process ID.
Start = Callable[[list[str], list[int]], int]


def execute(argv: list[str], streams: list[int]) -> int:
    """Starts a program, and returns its process ID."""
    actions = [(os.POSIX_SPAWN_DUP2, stream, number) for number, stream in enumerate(streams)]
    return os.posix_spawnp(argv[0], argv, os.environ, file_actions=actions)


def forked(main: Callable[[], object], argv: list[str], streams: list[int]) -> int:
    """Starts a fork that calls `main` as the program argv[0]; returns its process ID."""
    child = os.fork()
    if child:
        return child
    code: Any = 1
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        sys.argv = argv
        sys.stdin = os.fdopen(0, closefd=False)  # the other one may hold further orders
        main()
        code = 0
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.stdout.flush()
        os._exit(code)


def ended(child: int, printed: Path, until: str | None) -> int:
    """Waits for the end of a process; returns its exit code, or minus the signal."""
    deadline = time.monotonic() + LIMIT
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if until is not None and until in printed.read_text(errors="surrogateescape"):
            os.kill(child, signal.SIGINT)
            until = None
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.005)


def answer(order: dict[str, Any], start: Start, work: Path) -> dict[str, Any]:
    """Carries out one order."""
    names = [work / name for name in ("in", "out", "err")]
    names[0].write_text(order["input"], errors="surrogateescape")
    streams = [os.open(names[0], os.O_RDONLY)]
    streams += [os.open(name, os.O_CREAT | os.O_TRUNC | os.O_RDWR) for name in names[1:]]
    if order["shell"] is not None:
        child = execute(["sh", "-c", order["shell"]], streams)
    else:
        child = start(order["argv"], streams)
    code = ended(child, names[1], order["until"])
    for stream in streams:
        os.close(stream)
    out, err = (name.read_text(errors="surrogateescape") for name in names[1:])
    return {"out": out, "err": err, "code": code}


@contextmanager
def awake() -> Iterator[None]:
    """Keeps supervisord awake.

    It would look only once a second whether a process of a group has ended or started; each
    connection makes it look.
    """
    parent = os.getpid()
    child = os.fork()
    if not child:
        while os.getppid() == parent:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect_ex(SOCKET)
            time.sleep(0.02)
        os._exit(0)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def real() -> Start:
    """Loads Supervisor's supervisorctl."""
    sys.path.insert(0, f"{HOME}/lib")
    from supervisor.supervisorctl import main  # type: ignore[import-untyped]

    return lambda argv, streams: forked(main, [f"{HOME}/bin/supervisorctl", *argv], streams)


def face() -> Start:
    """Loads wctl's."""
    from wctl.cli import app, main, supervisorctl

    assert app and supervisorctl
    from wctl.api.ctl import controller, server

    assert controller and server
    return lambda argv, streams: forked(main, ["wctl", "supervisorctl", *argv], streams)


def serve(start: Start) -> None:
    """Carries out the orders on stdin."""
    with TemporaryDirectory() as work:
        for line in sys.stdin:
            answers = [answer(order, start, Path(work)) for order in json.loads(line)]
            print(json.dumps(answers), flush=True)


def main() -> None:
    if sys.argv[1] == "face":
        os.environ["PATH"] = f"/opt/wctl/bin:{os.environ['PATH']}"
        serve(face())
    else:
        os.environ["PATH"] = f"{HOME}/bin:{os.environ['PATH']}"
        with awake():
            serve(real())


if __name__ == "__main__":
    main()
