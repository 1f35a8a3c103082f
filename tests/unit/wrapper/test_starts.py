"""starts: the count of failed starts, and Supervisor's rule for what comes next."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable

import pytest

from wctl.wrapper.starts import Counter, automatic, delay, given_up


def test_counts_from_its_beginning(tmp_path: Path) -> None:
    """A start that has begun counts as failed until the worker is READY."""
    counter = Counter(str(tmp_path))
    assert (counter.failed(), counter.restarts()) == (0, None)
    counter.begin(0)
    assert (counter.failed(), counter.restarts()) == (1, None)
    counter.begin(1, restarts=7)
    assert (counter.failed(), counter.restarts()) == (2, 7)
    counter.clear()
    assert (counter.failed(), counter.restarts()) == (0, None)
    counter.clear()  # twice is fine


def test_without_a_directory_every_start_is_the_first() -> None:
    """Outside a unit there is no directory: nothing is counted, and nothing fails."""
    counter = Counter(None)
    counter.begin(5)
    counter.clear()
    assert counter.failed() == 0


@pytest.mark.parametrize(
    "text", [b"", b"x", b"3 x", b"\0\0", b" 4", b"-5", b"-5 1", b"2 -1", b"1" * 39, b"100000"]
)
def test_a_damaged_count_is_none(tmp_path: Path, text: bytes) -> None:
    """A file that holds no count counts as no failed start: the worker starts at once."""
    (tmp_path / "failed-starts").write_bytes(text)
    counter = Counter(str(tmp_path))
    assert (counter.failed(), counter.restarts()) == (0, None)


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _link(path: Path) -> None:
    (path.parent / "other").write_text("7")
    path.symlink_to("other")


def _directory(path: Path) -> None:
    (path / "full").mkdir(parents=True)


def _null(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("put", [_fifo, _link, _directory, _null])
def test_what_the_workers_user_puts_there_is_no_count(
    tmp_path: Path, put: Callable[[Path], None]
) -> None:
    """A FIFO, a link, a directory or a device in place of the count neither counts nor blocks."""
    put(tmp_path / "failed-starts")
    counter = Counter(str(tmp_path))
    assert (counter.failed(), counter.restarts()) == (0, None)
    counter.clear()


@pytest.mark.parametrize("put", [_fifo, _link])
@pytest.mark.parametrize("name", ["failed-starts", "failed-starts.new"])
def test_the_count_is_a_file_of_its_own(
    tmp_path: Path, put: Callable[[Path], None], name: str
) -> None:
    """begin() writes neither through a link nor into a FIFO, and takes its place."""
    put(tmp_path / name)
    counter = Counter(str(tmp_path))
    counter.begin(1)
    assert counter.failed() == 2
    assert not (tmp_path / "other").exists() or (tmp_path / "other").read_text() == "7"


@pytest.mark.parametrize("name", ["failed-starts", "failed-starts.new"])
def test_a_directory_in_its_place_is_an_error(tmp_path: Path, name: str) -> None:
    """A directory cannot be replaced by the count: begin() raises an error."""
    _directory(tmp_path / name)
    with pytest.raises(OSError):
        Counter(str(tmp_path)).begin(1)


def test_a_count_that_cannot_be_kept_is_an_error(tmp_path: Path) -> None:
    """begin() raises OSError if its directory is gone; the caller decides what to do."""
    with pytest.raises(OSError):
        Counter(str(tmp_path / "gone")).begin(0)


def test_the_old_count_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    """If the wrapper is killed between write and rename, the old count stays."""
    counter = Counter(str(tmp_path))
    counter.begin(2)
    (tmp_path / "failed-starts.new").write_bytes(b"")
    assert counter.failed() == 3
    counter.begin(3)
    assert (counter.failed(), sorted(file.name for file in tmp_path.iterdir())) == (
        4,
        ["failed-starts"],
    )


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (None, 0, False),  # the first start after one by hand
        (None, 1, True),
        (3, 4, True),
        (3, 0, False),  # systemctl restart, while it ran or waited in the wrapper
        (3, 3, False),  # systemctl restart while systemd waited out RestartSec=
        (3, 6, True),  # in between, systemd itself had failed to start it
        (3, None, True),  # systemd does not answer
        (None, None, True),
    ],
)
def test_who_asked_for_a_start(before: int | None, now: int | None, expected: bool) -> None:
    """A start is automatic if NRestarts has risen, or if systemd does not answer."""
    assert automatic(before, now) is expected


def test_the_rule_is_supervisors() -> None:
    """With startretries=3 there are four starts, 1, 2 and 3 seconds apart."""
    assert [delay(failed) for failed in (1, 2, 3)] == [1, 2, 3]
    assert [given_up(failed, 3) for failed in (1, 2, 3, 4)] == [False, False, False, True]
    assert given_up(1, 0)
