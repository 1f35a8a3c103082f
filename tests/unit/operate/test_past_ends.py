"""past_ends: what the journal knows about units that systemd has forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from wctl.install.installed import Instance
from wctl.operate import past_ends
from wctl.operate.past_ends import PastEnd
from wctl.systemd import entries

STARTED, STOPPING = entries.STARTED, entries.STOPPING
STOPPED, SUCCEEDED, FAILED = entries.STOPPED, entries.SUCCEEDED, entries.UNIT_FAILED
W = Instance("w", "w", "w@00.service")


def journal(
    monkeypatch: pytest.MonkeyPatch, kinds: Sequence[tuple[str, str]], unit: str = "w@00.service"
) -> None:
    """Puts entries (kind, run) about a unit into the journal, one each second."""
    found = [
        entries.Entry(
            {
                "USER_UNIT": unit,
                "USER_INVOCATION_ID": run,
                "MESSAGE_ID": kind,
                "__REALTIME_TIMESTAMP": f"{second}000000",
            }
        )
        for second, (kind, run) in enumerate(kinds, start=1)
    ]
    monkeypatch.setattr(entries, "of_units", lambda *_a, **_o: reversed(found))


@pytest.mark.parametrize(
    ("kinds", "end"),
    [
        ([], None),
        ([(STOPPING, "1"), (SUCCEEDED, "1"), (STOPPED, "1")], PastEnd(3.0, exited=False)),
        # without systemd's last word
        ([(STOPPING, "1"), (SUCCEEDED, "1")], PastEnd(2.0, exited=False)),
        ([(SUCCEEDED, "1")], PastEnd(1.0, exited=True)),
        # an earlier run was stopped
        ([(STOPPING, "1"), (STOPPED, "1"), (SUCCEEDED, "2")], PastEnd(3.0, exited=True)),
        # it had to be killed, and somebody has reset the failure
        ([(STOPPING, "1"), (FAILED, "1")], PastEnd(2.0, exited=False)),
        ([(SUCCEEDED, "1"), (FAILED, "2")], PastEnd(2.0, exited=False)),
        # it has not stopped yet
        ([(STOPPING, "1")], None),
    ],
)
def test_the_last_end(
    monkeypatch: pytest.MonkeyPatch, kinds: list[tuple[str, str]], end: PastEnd | None
) -> None:
    """A worker that nobody stopped has EXITED."""
    journal(monkeypatch, kinds)
    found = past_ends.past_ends([W], user=True)
    assert found == ({} if end is None else {"w@00.service": end})


def test_not_of_a_removed_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What was before an instance was enabled is not about it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    links = tmp_path / "systemd/user/w.target.wants"
    links.mkdir(parents=True)
    (links / "w@00.service").symlink_to("../w@.service")
    journal(monkeypatch, [(STOPPED, "1")])
    assert past_ends.past_ends([W], user=True) == {}


def test_a_journal_that_cannot_be_read_knows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """status goes on without the time."""

    def fail(*_arguments: object, **_options: object) -> None:
        raise entries.UnreadableError("journalctl: exit code 1")

    monkeypatch.setattr(entries, "of_units", fail)
    assert past_ends.past_ends([W], user=True) == {}


def test_units_that_ended_often_hide_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that exits every second fills an answer of the journal; others ended before."""
    often = Instance("often", "often", "often@00.service")
    found = [
        entries.Entry(
            {"USER_UNIT": unit, "MESSAGE_ID": STOPPED, "__REALTIME_TIMESTAMP": f"{second}000000"}
        )
        for second, unit in enumerate([W.unit] + 500 * [often.unit], start=1)
    ]

    def of_units(
        units: Sequence[str], _kinds: Sequence[str], lines: int, **_options: object
    ) -> list[entries.Entry]:
        return [entry for entry in reversed(found) if entry["USER_UNIT"] in units][:lines]

    monkeypatch.setattr(entries, "of_units", of_units)
    assert past_ends.past_ends([W, often], user=True) == {
        W.unit: PastEnd(1.0, exited=False),
        often.unit: PastEnd(501.0, exited=False),
    }
