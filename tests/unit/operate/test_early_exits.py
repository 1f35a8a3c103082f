"""early_exits: the likely cause of an exit with 0 before a worker is ready."""

from __future__ import annotations

import shlex

import pytest

from wctl.operate.early_exits import cause
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
