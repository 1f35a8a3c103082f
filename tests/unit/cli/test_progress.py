"""progress: what a user sees of jobs."""

from __future__ import annotations

import pytest

from wctl.cli.progress import Progress
from wctl.errors import WctlError
from wctl.operate.jobs import Begun, Ended, Verb
from wctl.session.session import Session
from wctl.systemd import exits

UNITS = ("x@00.service", "x@01.service")


@pytest.mark.parametrize(
    "error", [WctlError("journalctl is not installed"), OSError("no"), ValueError("3\n4")]
)
def test_an_unexplained_failure_ends_no_change(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If wctl cannot tell why a unit failed, it says so, and goes on with the next unit."""

    def fail(*_args: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(exits, "last_exit", fail)
    begun = Begun(Verb.START, UNITS)
    ended = [Ended(Verb.START, UNITS[0], "failed"), Ended(Verb.START, UNITS[1], "done")]
    assert Progress(Session()).show([begun, *ended]) == [UNITS[0]]
    shown = capsys.readouterr()
    assert shown.out == "x@00: ERROR (abnormal termination)\nx@01: started\n"
    assert shown.err == f"    (cannot tell why: {str(error).replace(chr(10), ' ')})\n"
