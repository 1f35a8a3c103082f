"""sd_notify: messages to the service manager."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.wrapper.fake_manager import FakeManager
from wctl.wrapper import sd_notify


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[FakeManager]:
    """A manager that listens."""
    made = FakeManager(tmp_path)
    yield made
    made.close()


def heard(manager: FakeManager) -> str | None:
    told = manager.told()
    return told and told[0]


def test_ready_returns_when_it_was_read(manager: FakeManager) -> None:
    """ready() does not return before the manager has read the barrier that follows READY=1."""
    manager.reads.clear()
    sender = threading.Thread(target=sd_notify.ready, args=(manager.address,))
    sender.start()
    assert heard(manager) == "READY=1"
    sender.join(timeout=0.3)
    assert sender.is_alive()
    manager.reads.set()
    sender.join()


def test_status_may_extend_the_start(manager: FakeManager) -> None:
    """status() sends a line in UTF-8, and the microseconds that the start may still take."""
    sd_notify.status(manager.address, "BACKOFF: é", extend=3)
    assert heard(manager) == "STATUS=BACKOFF: é\nEXTEND_TIMEOUT_USEC=3000000"


def test_status_is_not_worth_an_error() -> None:
    """Without a manager, or with a manager that is gone, status() does nothing."""
    sd_notify.status(None, "x")
    sd_notify.status("/nonesuch/notify", "x")


def test_ready_that_cannot_be_told_is_an_error() -> None:
    """ready() raises OSError, which its caller logs."""
    with pytest.raises(OSError):
        sd_notify.ready("/nonesuch/notify")


def test_an_abstract_address_is_understood() -> None:
    """@NAME is an address in Linux's abstract name space, as in systemd's containers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind("\0wctl-test-notify")
        sd_notify.BARRIER_TIMEOUT, before = 1, sd_notify.BARRIER_TIMEOUT
        try:
            sd_notify.ready("@wctl-test-notify")
        finally:
            sd_notify.BARRIER_TIMEOUT = before
        assert server.recv(100) == b"READY=1"
