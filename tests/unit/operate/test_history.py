"""history: one event for each thing that happened, from several entries of systemd or one."""

from __future__ import annotations

import os
from typing import Any

import pytest

from wctl.install.installed import Instance
from wctl.operate import history
from wctl.systemd import entries
from wctl.systemd.entries import Entry, Span

STARTING, STARTED, EXIT = entries.STARTING, entries.STARTED, entries.PROCESS_EXIT
FAILED, STOPPING, STOPPED = entries.UNIT_FAILED, entries.STOPPING, entries.STOPPED
SUCCEEDED, SCHEDULED = entries.SUCCEEDED, entries.RESTART_SCHEDULED
W = Instance("w", "w", "w@00.service")
AGAIN = "; systemd starts it again"


def systemd(kind: str, result: str = "", unit: str = "w@00.service") -> dict[str, str]:
    """Returns an entry of systemd about one end, or a step of a start or stop."""
    return {"MESSAGE_ID": kind, "UNIT_RESULT": result, "UNIT": unit, "_PID": "1", "_UID": "0"}


def ended(status: str, code: str = "exited") -> dict[str, str]:
    return {**systemd(EXIT), "EXIT_CODE": code, "EXIT_STATUS": status}


def wrapper(text: object, **more: str) -> dict[str, Any]:
    """Returns what the wrapper notes, or whoever runs as the worker's user."""
    own = {"_SYSTEMD_UNIT": "w@00.service", "_UID": "33", "_PID": "4711"}
    return {**own, "SYSLOG_IDENTIFIER": "wctl", "MESSAGE": text, **more}


def asked(text: str) -> dict[str, str]:
    """Returns a note of wctl's own, which root has run."""
    fields = {"SYSLOG_IDENTIFIER": "wctl", "WCTL_PROGRAM": "w", "_UID": "0", "_PID": "4711"}
    return {**fields, "MESSAGE": f"w: {text}"}


def happened(
    monkeypatch: pytest.MonkeyPatch, *found: dict[str, str], lines: int | None = None
) -> list[tuple[str, str]]:
    """Returns the names and texts of the events, from entries of which one comes each second."""
    timed = [Entry({**e, "__REALTIME_TIMESTAMP": f"{i}000000"}) for i, e in enumerate(found)]

    def read(units: list[str], programs: list[str], span: Span, *, user: bool) -> list[Entry]:
        assert (units, programs, user) == (["w@00.service"], ["w"], False)
        return timed if span.lines is None else timed[-span.lines :]

    monkeypatch.setattr(entries, "history", read)
    events = history.history([W], Span(lines=lines), user=False)
    assert [event.time for event in events] == sorted(event.time for event in events)
    return [(event.name, event.text) for event in events]


CASES: dict[str, tuple[list[dict[str, str]], list[str]]] = {
    "a start": ([systemd(STARTING), systemd(STARTED)], ["ready after 1.0 s"]),
    "a crash": (
        [ended("3"), systemd(FAILED, "exit-code"), systemd(SCHEDULED)], [f"exit status 3{AGAIN}"],
    ),
    "out of memory": (
        [ended("9", "killed"), systemd(FAILED, "oom-kill"), systemd(SCHEDULED)],
        [f"killed by SIGKILL: out of memory{AGAIN}"],
    ),
    "a recycled worker": (
        [systemd(SUCCEEDED), systemd(SCHEDULED), systemd(STARTING), systemd(STARTED)],
        [f"ended with success{AGAIN}", "ready after 1.0 s"],
    ),
    "a recycled worker, RestartMode=direct": (
        [systemd(STARTED), systemd(SCHEDULED), systemd(STARTED)],
        ["ready", f"ended with success{AGAIN}", "ready after 1.0 s"],
    ),
    "it is done": ([systemd(SUCCEEDED)], ["ended with success"]),
    "a stop": ([systemd(STOPPING), systemd(SUCCEEDED), systemd(STOPPED)], ["stopped after 2.0 s"]),
    "a stop that goes on": ([systemd(STARTED), systemd(STOPPING)], ["ready", "stopping"]),
    "a stop that had to kill": (
        [systemd(STOPPING), ended("9", "killed"), systemd(FAILED, "timeout"), systemd(STOPPED)],
        ["killed by SIGKILL: it did not stop in time", "stopped after 3.0 s"],
    ),
    "too old": (
        [systemd(STARTED), ended("15", "killed"), systemd(FAILED, "timeout"), systemd(SCHEDULED)],
        ["ready", f"killed by SIGTERM: max_runtime was over{AGAIN}"],
    ),
    "never ready": (
        [systemd(STARTING), ended("15", "killed"), systemd(FAILED, "timeout")],
        ["killed by SIGTERM, before it was ready: it was not ready in time"],
    ),
    "a failed start": (
        [
            systemd(STARTING), ended("1"), systemd(FAILED, "exit-code"), systemd(SCHEDULED),
            wrapper("w@00.service: failed start 1 of 4, next try in 1 s"),
        ],
        [f"exit status 1, before it was ready{AGAIN}", "failed start 1 of 4, next try in 1 s"],
    ),
    "an early end": (
        [systemd(STARTING), systemd(FAILED, "protocol"), systemd(SCHEDULED)],
        [f"exit status 0, before it was ready{AGAIN}"],
    ),
    "it gave up": (
        [
            systemd(STARTING), wrapper("w@00.service: gave up after 2 failed starts in a row"),
            ended("63", "killed"), systemd(FAILED, "signal"),
        ],
        ["gave up after 2 failed starts in a row"],
    ),
    "systemd itself": ([systemd(FAILED, "resources")], ["systemd could not start it"]),
    "something new": ([systemd(FAILED, "ice-age")], ["failed (ice-age)"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_events(monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    """Each end, failure and start is one event, and says what systemd did next."""
    found, texts = CASES[case]
    assert happened(monkeypatch, *found) == [("w@00", text) for text in texts]


def test_who_has_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody has asked wctl for is an event of the program."""
    found = happened(monkeypatch, asked("stop of 00, asked for by ana as root"), systemd(STOPPING))
    assert found == [("w", "stop of 00, asked for by ana as root"), ("w@00", "stopping")]


def test_a_workers_user_forges_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fields its entries have, they are notes of its own instance, in one safe line."""
    forged = [
        wrapper("x", UNIT="other@00.service", MESSAGE_ID=STARTED),
        wrapper("y", WCTL_PROGRAM="other"),
        wrapper("\x1b[2Jz\nother@00  ready"),
        wrapper([*b"w@00.service: \x1b[2J\xffbytes"]),
    ]
    expected = [("w@00", "x"), ("w@00", "y"), ("w@00", "z other@00  ready")]
    expected += [("w@00", "\ufffdbytes")]
    assert happened(monkeypatch, *forged) == expected


def test_the_last_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number of lines counts events, not systemd's entries."""
    life = (systemd(STARTED), ended("3"), systemd(FAILED), systemd(SCHEDULED))
    many = life * 20
    expected = [("w@00", "ready after 1.0 s"), ("w@00", f"exit status 3{AGAIN}")]
    assert happened(monkeypatch, *many, lines=2) == expected
    assert happened(monkeypatch, *many, lines=0) == []


def test_instances_do_not_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of one does not explain another's."""
    other: dict[str, Any] = {**ended("5"), "UNIT": "v@00.service"}
    found = happened(monkeypatch, ended("3"), other, systemd(FAILED, "oom-kill"))
    assert found == [("w@00", "exit status 3: out of memory"), ("v@00", "exit status 5")]


def test_what_a_users_own_manager_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its entries have other fields, and the user's ID instead of PID 1."""
    fields = {"MESSAGE_ID": STARTED, "USER_UNIT": "w@00.service", "_UID": str(os.getuid())}
    entry = Entry({**fields, "__REALTIME_TIMESTAMP": "1000000"})
    monkeypatch.setattr(entries, "history", lambda *_a, **_o: [entry])
    (event,) = history.history([W], Span(), user=True)
    assert (event.name, event.kind, event.text) == ("w@00", "ready", "ready")
