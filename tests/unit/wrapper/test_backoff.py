"""backoff: what follows a failed start; the tests have their own clock and manager."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from wctl.wrapper import backoff
from wctl.wrapper.command_line import parse
from wctl.wrapper.exits import GIVE_UP_SIGNAL
from wctl.wrapper.starts import Counter, Start


class DeathError(Exception):
    """Stands for the death of the process."""


class World:
    """Writes down what backoff would do to the rest of the world."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[object] = []
        self.restarts = b"0"
        self.down, self.up = b"5000000", b"5000400"  # when the unit went down, when it came up
        monkeypatch.setattr("wctl.wrapper.backoff.time.sleep", self.done.append)
        monkeypatch.setattr(
            "wctl.wrapper.sd_notify.status", lambda _to, *what: self.done.append(what)
        )
        monkeypatch.setattr(backoff, "say", self.done.append)
        monkeypatch.setattr(backoff, "ask", lambda _options, name: self._answer(name))
        monkeypatch.setattr(backoff, "die_by", self._die)

    def _answer(self, name: str) -> bytes:
        return {
            "NRestarts": self.restarts,
            "InactiveEnterTimestampMonotonic": self.down,
            "InactiveExitTimestampMonotonic": self.up,
        }[name]

    def _die(self, signal: int) -> None:
        self.done.append(signal)
        raise DeathError


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """The world, which writes down what backoff does."""
    return World(monkeypatch)


def start(tmp_path: Path, failed: int, restarts: int | None, *options: str) -> Start:
    """Returns a start after ``failed`` failed starts."""
    runtime = tmp_path / "wctl"
    runtime.mkdir()
    Counter(str(runtime)).begin(failed - 1, restarts)
    environ = {b"RUNTIME_DIRECTORY": f"{runtime}/".encode(), b"NOTIFY_SOCKET": b"/notify"}
    return Start(parse([*options, "w@00.service", "--", "true"]), environ)


def test_waits_longer_each_time_and_says_so(tmp_path: Path, world: World) -> None:
    """The second wait takes 2 s; the wrapper extends the start by this wait and another try."""
    backoff.back_off(start(tmp_path, 2, None, "--startsecs=5", "--startretries=3"))
    tries = "failed start 2 of 4, next try in 2 s"
    assert world.done == [
        f"<5>w@00.service: {tries}", (f"BACKOFF: {tries}", 2 + 5 + 30), 2, ("",),
    ]  # fmt: skip


def test_a_probe_has_its_own_time(tmp_path: Path, world: World) -> None:
    """With ready=exec, the start is extended by ready_timeout for a try, not by startsecs."""
    backoff.back_off(start(tmp_path, 1, None, "--ready=exec:x", "--ready-timeout=50"))
    assert world.done[1] == ("BACKOFF: failed start 1 of 4, next try in 1 s", 1 + 50 + 30)


def test_gives_up_by_its_signal(tmp_path: Path, world: World) -> None:
    """After startretries the wrapper logs the reason, also as status, and dies by SIGRTMIN+29."""
    with pytest.raises(DeathError):
        backoff.back_off(start(tmp_path, 4, None, "--startretries=3"))
    reason = "gave up after 4 failed starts in a row"
    assert world.done == [
        f"<3>w@00.service: {reason}", (f"FATAL: {reason}",), GIVE_UP_SIGNAL,
    ]  # fmt: skip


def test_no_failed_start_no_wait(tmp_path: Path, world: World) -> None:
    """After a start by hand, the wrapper does not wait before the first try."""
    this = start(tmp_path, 3, 5)
    backoff.settle(this)
    backoff.back_off(this)
    assert (this.failed, this.restarts, world.done) == (0, 0, [])


@pytest.mark.parametrize(
    ("before", "now", "failed"),
    [(None, b"1", 2), (4, b"5", 2), (4, b"4", 0), (4, b"", 2), (4, b"[not set]", 2)],
)
def test_the_count_is_kept_over_automatic_restarts_alone(
    tmp_path: Path, world: World, before: int | None, now: bytes, failed: int
) -> None:
    """The count is kept if NRestarts has risen, or if systemd does not answer."""
    world.restarts = now
    this = start(tmp_path, 2, before)
    backoff.settle(this)
    assert this.failed == failed


@pytest.mark.parametrize(
    ("before", "up", "written", "failed"),
    [
        (None, b"6000001", 4, 0),  # down for more than a second: stopped, and started by hand
        (None, b"5900000", 4, 1),
        (None, b"", 4, 1),
        (4, b"9000000", 4, 1),  # NRestarts decides
        # RestartMode=direct: it has not been down since the failed start
        (None, b"6000001", 8, 1),
    ],
)
def test_a_stop_right_after_the_first_failed_start(
    tmp_path: Path, world: World, before: int | None, up: bytes, written: int, failed: int
) -> None:
    """Without an earlier NRestarts, the time for which the unit was down decides."""
    world.restarts, world.up = b"5", up
    this = start(tmp_path, 1, before)
    when = time.time() - time.monotonic() + written
    os.utime(tmp_path / "wctl/failed-starts", (when, when))
    backoff.settle(this)
    assert (this.failed, this.restarts) == (failed, 5)


def test_asks_systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ask() runs systemctl without wctl's environment, for the property, on the right manager."""
    fake = tmp_path / "systemctl"
    fake.write_text('#!/bin/sh\necho "$@ ${LD_LIBRARY_PATH-unset}"\necho noise >&2\n')
    fake.chmod(0o755)
    monkeypatch.setattr(backoff, "_SYSTEMCTL", str(fake))
    monkeypatch.setenv("LD_LIBRARY_PATH", "/nonesuch")
    options = parse(["--user", "w@00.service", "--", "true"])
    assert backoff.ask(options, "NRestarts") == (
        b"--user show --property=NRestarts --value -- w@00.service unset"
    )


@pytest.mark.parametrize("program", ["/nonesuch", sys.executable + ".none"])
def test_nobody_to_ask(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Without systemctl, ask() returns no answer and raises no error."""
    monkeypatch.setattr(backoff, "_SYSTEMCTL", program)
    assert backoff.ask(parse(["w@00.service", "--", "true"]), "NRestarts") == b""


@pytest.mark.parametrize(
    "script",
    ["exec sleep 1000", "while :; do echo more; sleep 0.01; done"],
    ids=["silent", "endless"],
)
def test_a_manager_that_hangs_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    """After a limit, ask() returns no answer, and leaves no process behind."""
    fake = tmp_path / "systemctl"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setattr(backoff, "_SYSTEMCTL", str(fake))
    monkeypatch.setattr(backoff, "_ASK_TIMEOUT", 0.1)
    assert backoff.ask(parse(["w@00.service", "--", "true"]), "NRestarts") == b""


def test_a_process_that_has_answered_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer counts once its end has come, whatever the process does then."""
    fake = tmp_path / "systemctl"
    fake.write_text("#!/bin/sh\necho 3\nexec >&- sleep 1000\n")
    fake.chmod(0o755)
    monkeypatch.setattr(backoff, "_SYSTEMCTL", str(fake))
    assert backoff.ask(parse(["w@00.service", "--", "true"]), "NRestarts") == b"3"
