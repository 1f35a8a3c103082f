"""history: what doctor makes of systemd's entries, and of a journal that it cannot read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from wctl.doctor import history, lost_output
from wctl.doctor.finding import Commands
from wctl.systemd import entries, journal_rights


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
