"""notifier: the process that watches a worker until it is READY."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from wctl.wrapper.notifier import Worker


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process to wait for."""
    made = subprocess.Popen(["sleep", "1000"])
    yield made
    made.kill()
    made.wait()


def test_waits_no_shorter_than_asked(process: subprocess.Popen[bytes]) -> None:
    """gone() waits at least as long as asked, though poll(2) counts in whole milliseconds."""
    worker = Worker(os.pidfd_open(process.pid))
    for within in (0.0, 0.0014, 0.0501):
        began = time.monotonic()
        assert not worker.gone(within)
        assert time.monotonic() - began >= within


def test_notices_the_end_at_once(process: subprocess.Popen[bytes]) -> None:
    """gone() returns as soon as the worker ends, even if it is still a zombie."""
    worker = Worker(os.pidfd_open(process.pid))
    process.kill()
    began = time.monotonic()
    assert worker.gone(60)
    assert time.monotonic() - began < 30


def test_looks_at_a_pipe_too(process: subprocess.Popen[bytes]) -> None:
    """gone_or() tells apart output, the worker's end, and neither."""
    worker = Worker(os.pidfd_open(process.pid))
    output, tap = os.pipe()
    assert worker.gone_or(output, 0) is False
    os.write(tap, b"x")
    assert worker.gone_or(output, 60) is None
    worker.forget(output)
    process.kill()
    assert worker.gone_or(None, 60) is True


def test_stops_with_the_signal_given(process: subprocess.Popen[bytes]) -> None:
    """stop() sends nothing but the stop signal to a worker that ends by it."""
    Worker(os.pidfd_open(process.pid)).stop(signal.SIGUSR1, 60)
    assert process.wait() == -signal.SIGUSR1


def test_kills_what_does_not_stop() -> None:
    """stop() sends SIGKILL to a worker that ignores the stop signal for too long."""
    ignores = "trap '' TERM; echo; exec sleep 1000"
    deaf = subprocess.Popen(["sh", "-c", ignores], stdout=subprocess.PIPE)
    assert deaf.stdout is not None
    deaf.stdout.readline()
    worker = Worker(os.pidfd_open(deaf.pid))
    worker.stop(signal.SIGTERM, 0.2)
    assert deaf.wait() == -signal.SIGKILL
    deaf.stdout.close()
    worker.stop(signal.SIGTERM, 60)  # gone already: no error
