"""readiness: the success, the failure and the timeout of each probe, without systemd."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.wrapper.fake_manager import FakeManager


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[FakeManager]:
    """A manager that listens."""
    made = FakeManager(tmp_path)
    yield made
    made.close()


def ready(manager: FakeManager, option: str, script: str) -> bool:
    """Tells whether a worker with a probe became READY within ten seconds."""
    process = manager.popen(f"--ready-timeout=9 {option}", "sh", "-c", script)
    told = manager.told()
    process.kill()
    process.communicate()
    return told is not None and told[0] == "READY=1"


def test_file(manager: FakeManager, tmp_path: Path) -> None:
    """READY when the file is there."""
    path = tmp_path / "up"
    assert ready(manager, f"--ready=file:{path}", f"sleep 0.3; touch {path}; exec sleep 1000")


def test_exec(manager: FakeManager, tmp_path: Path) -> None:
    """READY when the command exits with 0; the command does not get the notification socket."""
    probe = tmp_path / "probe"
    probe.write_text(f'#!/bin/sh\n[ -z "$NOTIFY_SOCKET" ] && test -e {tmp_path}/up\n')
    probe.chmod(0o755)
    assert ready(manager, f"--ready=exec:{probe}", f"touch {tmp_path}/up; exec sleep 1000")


def test_tcp(manager: FakeManager) -> None:
    """READY when the port accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert ready(manager, f"--ready=tcp:127.0.0.1:{port}", "exec sleep 1000")


@pytest.mark.parametrize("script", ["echo it is up", "echo it is up >&2", "printf 'it is up'"])
def test_log(manager: FakeManager, script: str) -> None:
    """READY when a line of stdout or stderr matches, even before the line ends."""
    assert ready(manager, "--ready=log:is.up", f"echo begin; sleep 0.2; {script}; exec sleep 1000")


def test_log_matches_lines_not_their_neighbours(manager: FakeManager) -> None:
    """A match never spans two lines."""
    process = manager.popen("--ready=log:a.*b", "sh", "-c", "printf 'a\\nb\\n'; sleep 1")
    process.communicate(timeout=60)
    assert manager.told(timeout=0.1) is None


def test_notify_is_over_when_the_count_is_gone(manager: FakeManager) -> None:
    """Once the manager has cleared the count by ExecStartPost=, the notifier stops no worker."""
    process = manager.popen("--ready=notify --ready-timeout=1", "sh", "-c", "rm $COUNT; sleep 2",
                            COUNT=str(manager.counter))  # fmt: skip
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")


@pytest.mark.parametrize(
    ("option", "missing"),
    [
        ("file:/nonesuch", "/nonesuch does not exist"),
        ("exec:false", "'false' did not exit with 0"),
        ("exec:nonesuch", "'nonesuch' did not exit with 0"),
        ("tcp:127.0.0.1:1", "nothing accepts connections at 127.0.0.1:1"),
        ("log:never", "no line of its output matched 'never'"),
        ("notify", "it did not send READY=1"),
    ],
)
def test_not_ready_in_time(manager: FakeManager, option: str, missing: str) -> None:
    """After ready_timeout, the notifier stops the worker by its stop signal and says why."""
    began = time.monotonic()
    code, _, err = manager.run(f"--ready={option} --ready-timeout=1 --stopsignal=10", "sleep", "9")
    assert code == -10
    assert f"not ready after 1 s: {missing}" in err
    assert time.monotonic() - began >= 1.0
    assert manager.told(timeout=0.1) is None


def test_a_worker_that_is_gone_is_not_ready(manager: FakeManager) -> None:
    """A worker that has ended is not READY, whatever its probe says; the notifier is silent."""
    assert manager.run("--ready=exec:true", "true") == (0, "", "")
    assert manager.told(timeout=0.3) is None
