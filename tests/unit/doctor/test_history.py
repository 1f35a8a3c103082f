"""history: what doctor makes of systemd's entries, and of a journal that it cannot read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from wctl.doctor import history, lost_output
from wctl.doctor.finding import Commands
from wctl.systemd import entries, journal_rights

END = (entries.PROCESS_EXIT, entries.UNIT_FAILED)
CRASH = (entries.STARTING, entries.STARTED, *END, entries.RESTART_SCHEDULED)


def events(monkeypatch: pytest.MonkeyPatch, *kinds: str) -> history.History:
    """Returns the history of w@00 that journal entries of these kinds make, one each second."""
    fields = {"UNIT": "w@00.service", "EXIT_CODE": "exited", "EXIT_STATUS": "3"}
    found = [
        entries.Entry({**fields, "MESSAGE_ID": kind, "__REALTIME_TIMESTAMP": f"{second}000000"})
        for second, kind in enumerate(kinds, start=1)
    ]
    monkeypatch.setattr(entries, "read", lambda *_arguments, **_options: iter(found))
    return history.read(0.0, user=False)


def test_crashes_of_an_earlier_life_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A restart by hand resets the count, also when the worker crashes once more after it."""
    before, after = [*CRASH * 4, entries.STARTING], [*CRASH, entries.STARTING]
    assert len(events(monkeypatch, *before).of("w@00.service", 0.0).crashes) == 4
    assert events(monkeypatch, *before, entries.STARTING).of("w@00.service", 0.0).crashes == ()
    past = events(monkeypatch, *before, *after)
    assert len(past.of("w@00.service", 0.0).crashes) == 1
    assert past.by_hand == {"w@00.service": len(before) + 1.0}
    assert past.of("other@00.service", 0.0).crashes == ()


@pytest.mark.parametrize(
    ("kinds", "crashes"),
    [
        ((entries.STARTING, entries.STARTED, *END), 1),
        (END, 1),  # a worker that has run for longer than the journal goes back
        ((entries.STARTING, *END, entries.START_FAILED), 0),
        # With RestartMode=direct, the job of the start goes on.
        ((entries.STARTING, *END, entries.RESTART_SCHEDULED), 0),
        ((entries.STARTING, *END, entries.RESTART_SCHEDULED, *CRASH), 1),
    ],
)
def test_failed_starts_are_no_crashes(
    monkeypatch: pytest.MonkeyPatch, kinds: tuple[str, ...], crashes: int
) -> None:
    """Only a worker that was RUNNING crashes."""
    assert len(events(monkeypatch, *kinds).crashes) == crashes


@pytest.mark.parametrize(
    ("why", "remedy"),
    [
        ("journalctl: exit code 1", "journalctl --lines=1"),
        (journal_rights.NEEDED, "wctl doctor"),
    ],
)
def test_a_journal_that_cannot_be_read_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, why: str, remedy: str
) -> None:
    """doctor does not take it for a journal without crashes."""

    def read(*_arguments: object, **_options: object) -> Iterator[entries.Entry]:
        raise entries.UnreadableError(why)

    monkeypatch.setattr(entries, "read", read)
    past = history.read(0.0, user=False)
    (finding,) = lost_output.of_journal(past, Commands())
    assert (finding.code, finding.evidence) == ("journal-unreadable", (why,))
    assert finding.remedy == remedy
