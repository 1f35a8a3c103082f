"""journald: which descriptors are streams to journald."""

from __future__ import annotations

import os
import socket
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
