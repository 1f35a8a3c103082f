"""A service manager for the wrapper to talk to: it only listens."""

from __future__ import annotations

import array
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from wctl import worker

# tests/run --full also measures the coverage of the wrapper, which -I and -S would prevent.
MEASURED = {name: text for name, text in os.environ.items() if name.startswith("COVERAGE_")}
FLAGS = [str(Path(__file__).with_name("covered.py"))] if MEASURED else ["-I", "-S"]
WRAPPER = [sys.executable, *FLAGS, worker.__file__]


class FakeManager:
    """A notification socket, and the directories that a unit would have."""

    def __init__(self, directory: Path) -> None:
        self.runtime = directory / "run" / "wctl" / "w@00.service"
        self.runtime.mkdir(parents=True)
        self.address = str(directory / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self.reads = threading.Event()  # cleared: it is slow to read a barrier
        self.reads.set()
        self._told: queue.Queue[tuple[str, float]] = queue.Queue()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    @property
    def counter(self) -> Path:
        return self.runtime / "failed-starts"

    def environment(self, **more: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "NOTIFY_SOCKET": self.address,
            "RUNTIME_DIRECTORY": str(self.runtime),
            "JOURNAL_STREAM": "0:0",  # there is a journal, but stdout is no stream of it
            **MEASURED,
            **more,
        }

    def popen(self, options: str, *command: str, **more: str) -> subprocess.Popen[bytes]:
        """Starts the wrapper as the unit w@00 would."""
        return subprocess.Popen(
            # CI, or nohup, may make the tests ignore some signals: env undoes that.
            ["env", "--default-signal", *WRAPPER, *options.split(), "w@00.service", "--", *command],
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, options: str, *command: str, **more: str) -> tuple[int, str, str]:
        """Runs the wrapper to its end; returns its exit code, stdout and stderr."""
        process = self.popen(options, *command, **more)
        out, err = process.communicate(timeout=60)
        return process.returncode, out.decode(), err.decode()

    def told(self, timeout: float = 10) -> tuple[str, float] | None:
        """Returns the next message and the time of its arrival; None if no message comes."""
        try:
            return self._told.get(timeout=timeout)
        except queue.Empty:
            return None

    def close(self) -> None:
        """Ends the listener."""
        stop = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        stop.sendto(b"", self.address)
        self._thread.join()
        stop.close()
        self._socket.close()

    def _listen(self) -> None:
        while True:
            message, ancillary, *_ = self._socket.recvmsg(4096, socket.CMSG_SPACE(16))
            moment = time.monotonic()
            for _level, _type, data in ancillary:
                fds = array.array("i")
                fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
                for fd in fds:
                    self.reads.wait()
                    os.close(fd)  # a barrier: the sender waits until this is closed
            if not message:
                return
            if message != b"BARRIER=1":
                self._told.put((message.decode(), moment))
