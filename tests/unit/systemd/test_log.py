"""log: what wctl notes in the journal, and that it waits for nobody."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from wctl.systemd import log


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """A socket in the place of journald's."""
    path = str(tmp_path / "socket")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(path)
    monkeypatch.setattr(log, "_SOCKET", path)
    monkeypatch.setattr(log, "_PATIENCE", 0.1)
    return listener


def test_a_note(journal: socket.socket) -> None:
    """It names the program, for the eye and for wctl history, in one line."""
    with journal:
        assert log.note("w", "scaling to 2,\nMESSAGE=x")
        fields = journal.recv(1 << 10).decode().splitlines()
    assert fields[0] == "MESSAGE=w: scaling to 2, MESSAGE=x"
    assert fields[2:] == ["SYSLOG_IDENTIFIER=wctl", "WCTL_PROGRAM=w"]


def test_a_journal_that_hangs(journal: socket.socket) -> None:
    """Once its socket is full, it costs a moment; then nothing is noted, and no error raised."""
    with journal:
        assert not all(log.note("w", "x") for _ in range(100_000))


def test_no_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container without journald there is nothing to note in."""
    monkeypatch.setattr(log, "_SOCKET", str(tmp_path / "nosuch"))
    assert not log.note("w", "x")
