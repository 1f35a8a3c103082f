"""journald: which descriptors are streams to journald."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path

import pytest

from wctl.wrapper import journald


@pytest.mark.parametrize("kind", ["pipe", "file", "socket"])
def test_what_is_no_stream_is_left_as_it_was(tmp_path: Path, kind: str) -> None:
    """A resident wrapper asks at each line that it logs, and must lose no descriptor by that."""
    theirs, ours = socket.socketpair()
    reader, writer = os.pipe()
    with ours, theirs, (tmp_path / "log").open("w") as file:
        fd = {"pipe": writer, "file": file.fileno(), "socket": ours.fileno()}[kind]
        before = os.listdir("/proc/self/fd")
        assert journald.behind(fd) is None
        assert os.listdir("/proc/self/fd") == before
    os.close(reader)
    os.close(writer)


def test_a_closed_descriptor_is_no_stream() -> None:
    """A worker's stdout may be closed."""
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    assert journald.behind(writer) is None


class SlowDaemon:
    """A journald that is held up before it reads, and looks for a line's process only then."""

    def __init__(self, path: Path, pause: float) -> None:
        self.looked = False  # it has handled the line before it read on
        self._text = b""
        self._pause = pause
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(path))
        self._server.listen()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        stream = self._server.accept()[0]
        with stream, self._server:
            time.sleep(self._pause)
            while data := stream.recv(1 << 16):
                self._text += data
                time.sleep(self._pause)
                self.looked = True

    def end(self) -> bytes:
        """Waits for the end of the stream; returns all that was read."""
        self._thread.join(30)
        return self._text


def test_who_waits_has_a_unit(tmp_path: Path) -> None:
    """journald looks for a line's unit after it has read it: until then, a process must be there.

    journald leaves out the empty line that shows this.
    """
    daemon = SlowDaemon(tmp_path / "stdout", 0.2)
    journald.tell(str(tmp_path / "stdout"), "<5>x: gave up")
    assert daemon.looked
    assert daemon.end().split(b"\n", 7)[7] == b"<5>x: gave up\n\n"


def test_a_journald_that_hangs_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process ends although journald never reads what it has said."""
    monkeypatch.setattr(journald, "_PATIENCE", 0.1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(tmp_path / "stdout"))
        server.listen()
        begun = time.monotonic()
        journald.tell(str(tmp_path / "stdout"), "<5>x: gave up")
        assert time.monotonic() - begun >= 0.1
