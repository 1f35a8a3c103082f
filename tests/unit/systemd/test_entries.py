"""entries: what journalctl is asked for; the tests have their own journalctl."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from wctl.systemd import entries, journal_rights
from wctl.systemd.entries import Span, UnreadableError


def stand_in(directory: Path, monkeypatch: pytest.MonkeyPatch, shown: str) -> Path:
    """Puts a journalctl into PATH that prints ``shown``; returns the file with its arguments."""
    (directory / "shown").write_text(shown)
    script = f'#!/bin/sh\nprintf "%s\\n" "$@" >{directory}/asked\nexec /bin/cat {directory}/shown\n'
    (directory / "journalctl").write_text(script)
    (directory / "journalctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(directory))
    return directory / "asked"


def test_every_alternative_has_trusted_fields(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each group of matches names fields that journald itself adds, for who may write it."""
    asked = stand_in(tmp_path, monkeypatch, "")
    kinds = (entries.PROCESS_EXIT, entries.DROPPED)
    assert list(entries.read(kinds, 3, user=False, unit="w@00.service")) == []
    words = asked.read_text().split()
    assert words.pop(2).startswith("--output-fields=MESSAGE_ID,")
    assert words == [
        "--quiet", "--output=json", "--reverse", "--lines=3", "--since=@0.000000",
        f"MESSAGE_ID={entries.PROCESS_EXIT}", "UNIT=w@00.service", "_PID=1", "_UID=0",
        "+", f"MESSAGE_ID={entries.DROPPED}", "UNIT=w@00.service", "_TRANSPORT=driver",
    ]  # fmt: skip
    list(entries.read((entries.PROCESS_EXIT,), 9, user=True))
    assert f"_UID={os.getuid()}" in asked.read_text().split()


def test_fields_are_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A field that is binary, given twice or missing is no text; journalctl has other JSON then."""
    shown = {"__REALTIME_TIMESTAMP": "1500000", "UNIT": ["a", "b"], "MESSAGE": [1, 2], "X": "y"}
    stand_in(tmp_path, monkeypatch, json.dumps(shown) + "\n")
    (entry,) = entries.read((entries.PROCESS_EXIT,), 9, user=False)
    assert (entry.time, entry["X"]) == (1.5, "y")
    assert (entry["UNIT"], entry["MESSAGE"], entry["NONE"]) == ("", "", "")
    assert entry.message == "\x01\x02"


def test_an_entry_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """journalctl prints U+2028 and U+0085 as they are; they end no line of its JSON."""
    shown = json.dumps({"MESSAGE": "a\u2028b\u0085c\x0bd"}, ensure_ascii=False)
    stand_in(tmp_path, monkeypatch, f"{shown}\n" * 2)
    found = list(entries.read((entries.DROPPED,), 9, user=False))
    assert [entry["MESSAGE"] for entry in found] == ["a\u2028b\u0085c\x0bd"] * 2


def test_the_newest_entries_come_oldest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --since, systemd 252 shows the oldest lines unless it is asked for them in reverse.

    A time before the epoch, which journalctl refuses, is the epoch.
    """
    asked = stand_in(tmp_path, monkeypatch, '{"MESSAGE": "new"}\n{"MESSAGE": "old"}\n')
    found = list(entries.read((entries.DROPPED,), 9, user=False, since=-5.0))
    assert [entry["MESSAGE"] for entry in found] == ["old", "new"]
    assert {"--reverse", "--since=@0.000000"} <= set(asked.read_text().split())


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo '{}'; echo 'Failed to open: I/O error' >&2; exit 1",
         "journalctl: Failed to open: I/O error"),
        ("exit 3", "journalctl: exit code 3"),
        ("echo '{}'; exec /bin/sleep 1000",
         "journalctl has not ended after 0.5 seconds"),
        (None, "journalctl: No such file or directory"),
    ],
)  # fmt: skip
def test_a_failure_is_not_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, why: str
) -> None:
    """A journalctl that fails, hangs or is missing is told from one that finds nothing."""
    if script is not None:
        (tmp_path / "journalctl").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "journalctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(entries, "_TIMEOUT", 0.5)
    with pytest.raises(entries.UnreadableError) as raised:
        entries.read((entries.PROCESS_EXIT,), 9, user=False)
    assert str(raised.value) == why


def test_users_without_the_right_see_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To them, journalctl shows only their own entries: that there are none says nothing."""
    monkeypatch.setattr(journal_rights, "may_read", lambda: False)
    stand_in(tmp_path, monkeypatch, "")
    with pytest.raises(entries.UnreadableError, match="only root and the groups adm"):
        entries.read((entries.PROCESS_EXIT,), 9, user=False)
    assert list(entries.read((entries.PROCESS_EXIT,), 9, user=True)) == []
    stand_in(tmp_path, monkeypatch, "{}\n")  # an access control list may give the right
    assert len(list(entries.read((entries.PROCESS_EXIT,), 9, user=False))) == 1


def test_a_history_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker's user can fill the journal with notes, but not the memory of root's wctl."""
    monkeypatch.setattr(entries, "_MOST_OF_ALL", 2)
    asked = stand_in(tmp_path, monkeypatch, "{}\n" * 2)
    for lines, limit in ((None, 3), (1, 1), (1_000_000_000_000, 3)):
        span = Span(since=1_500_000, lines=lines)
        assert len(list(entries.history(["w@00.service"], ["w"], span, user=False))) == 2
        assert {f"--lines={limit}", "--since=@1.500000"} <= set(asked.read_text().split())
    stand_in(tmp_path, monkeypatch, "{}\n" * 3)
    with pytest.raises(UnreadableError, match="more than 2 entries about this; name instances"):
        entries.history(["w@00.service"], ["w"], Span(), user=False)
