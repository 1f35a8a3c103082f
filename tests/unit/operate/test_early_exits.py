"""early_exits: the likely cause of an exit with 0 before a worker is ready."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from wctl.operate import early_exits
from wctl.operate.early_exits import cause
from wctl.systemd import exits
from wctl.systemd.entries import UnreadableError
from wctl.wrapper.command_line import parse

CONSUME = "php bin/console messenger:consume async"


@pytest.mark.parametrize(
    ("line", "options", "left", "said"),
    [
        (f"{CONSUME} --limit=10", [], "", ": --limit=10 ends it (use startsecs=0)"),
        (f"{CONSUME} -t 1 -l 10", [], "", ": -l 10 ends it (use startsecs=0)"),
        (f"{CONSUME} -l %(process_num)d", ["--expand"], "", ": -l 7 ends it (use startsecs=0)"),
        (f"{CONSUME} -l 5%", ["--expand"], "", ": -l 5% ends it (use startsecs=0)"),
        (f"{CONSUME} -l 10", ["--ready=tcp:x:1"], "", ": -l 10 may have ended it"),
        (f"{CONSUME} -t 1", [], "", ": -t 1 may have ended it"),
        ("rq worker -b", [], "", ": -b ends it; do without, so that it waits for messages"),
        ("rq worker -b", ["--retry"], "", ": -b ends it (use startsecs=0)"),
        (CONSUME, [], "", ""),
        ("sleep 1", [], "", ""),
        ("gunicorn -D x", [], "", ": gunicorn -D goes to the background; leave out -D"),
        ("nginx", [], "nginx", ': nginx goes to the background; run nginx -g "daemon off;"'),
        # Its configuration may keep it in the foreground.
        ("nginx", [], "", ""),
        ("own", [], "own", ": it went to the background as own; keep it in the foreground"),
        ("own", [], "o\x1b[31m", ": it went to the background as o; keep it in the foreground"),
    ],
)
def test_cause(line: str, options: list[str], left: str, said: str) -> None:
    """What goes to the background is named first, then what ends a worker as planned."""
    found = parse([*options, "w@07.service", "--", *shlex.split(line)])
    assert cause(found, left) == said


class StandIn:
    """A manager that has one unit loaded, with these options of the wrapper."""

    user = False

    def __init__(self, *options: str) -> None:
        command = ["/usr/bin/python3", "/usr/lib/wctl/worker.py", *options, "w@00.service", "--"]
        self._exec = [(command[0], [*command, "bin/console", "messenger:consume", "-l", "9"])]

    def properties(self, _wanted: object, *, stopped: bool = False) -> dict[str, dict[str, object]]:
        """Returns ExecStart= as systemd does."""
        return {"w@00.service": {"ExecStart": self._exec}}


@pytest.mark.parametrize(
    ("options", "seconds", "said"),
    [
        (["--startsecs=5"], 0.44, " within 0.4 s, before startsecs=5"),
        (["--startsecs=1"], 0.94, " within 0.9 s, before startsecs=1"),
        (["--startsecs=1"], 0.96, ", before startsecs=1"),
        (["--startsecs=1"], 1.2, ", before startsecs=1"),
        (["--startsecs=1"], None, ", before startsecs=1"),
        (["--ready=tcp:x:1"], 7.0, " within 7.0 s, before it was ready"),
        (["--ready=tcp:x:1"], None, ", before it was ready"),
    ],
)
def test_explained(
    monkeypatch: pytest.MonkeyPatch, options: list[str], seconds: float | None, said: str
) -> None:
    """An early exit is told with its time, if that says more than startsecs does."""
    monkeypatch.setattr(exits, "early_run", lambda *_, **__: exits.EarlyRun(seconds))
    manager: Any = StandIn(*options)
    found = early_exits.explained(manager, "w@00.service", exits.EARLY, 0.0)
    assert found is not None and found.startswith(f"exit status 0{said}: -l 9 ")
    for other in (None, exits.UNKNOWN, "exit status 3"):
        assert early_exits.explained(manager, "w@00.service", other, 0.0) == other


def test_explained_without_a_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that fails takes the time away, not the rest."""

    def fail(*_args: object, **_options: object) -> None:
        raise UnreadableError

    monkeypatch.setattr(exits, "early_run", fail)
    manager: Any = StandIn("--startsecs=5")
    found = early_exits.explained(manager, "w@00.service", exits.EARLY, 0.0)
    assert found == "exit status 0, before startsecs=5: -l 9 ends it (use startsecs=0)"


def test_a_command_of_a_drop_in_is_not_explained() -> None:
    """Where the wrapper is not the command, nothing is known of the worker's options."""
    manager: Any = StandIn()
    manager._exec = [("/bin/true", ["/bin/true"])]
    assert early_exits.explained(manager, "w@00.service", exits.EARLY, 0.0) == exits.EARLY
