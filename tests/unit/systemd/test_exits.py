"""exits: how a worker ended, in words; the tests have their own journalctl and systemctl."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from wctl.systemd import exits
from wctl.systemd.entries import Entry

EXIT = {"MESSAGE_ID": "98e322203f7a4ed290d09fe03c09fe15"}
FAILED = {"MESSAGE_ID": "d9b373ed55a64feb8242e02dbe79a49c"}
KILLED = {**EXIT, "EXIT_CODE": "killed", "EXIT_STATUS": "9"}
OOM = {**FAILED, "UNIT_RESULT": "oom-kill"}
GAVE_UP = {**EXIT, "EXIT_CODE": "killed", "EXIT_STATUS": "63"}


def stand_in(
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    entries: list[dict[str, str]],
    limit: str = "",
) -> None:
    """Puts a journalctl with these entries, and a systemctl with this MemoryMax=, into PATH."""
    timed = [{"__REALTIME_TIMESTAMP": f"{i}000000", **e} for i, e in enumerate(entries, 1)]
    shown = "".join(json.dumps(entry) + "\n" for entry in reversed(timed))  # --reverse
    for name, text in (("journalctl", shown), ("systemctl", limit + "\n")):
        (directory / f"{name}.out").write_text(text)
        (directory / name).write_text(f"#!/bin/sh\nexec /bin/cat {directory}/{name}.out\n")
        (directory / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(directory))


def last_exit(
    directory: Path, monkeypatch: pytest.MonkeyPatch, entries: list[dict[str, str]], limit: str
) -> str | None:
    """Returns the last exit, for these journal entries, the oldest first, and this MemoryMax=."""
    stand_in(directory, monkeypatch, entries, limit)
    return exits.last_exit("w@00.service", user=False)


@pytest.mark.parametrize(
    ("limit", "said"), [("268435456", " (limit 256M)"), ("100000", " (limit 97.7K)"),
                        ("infinity", ""), ("", "")],
)  # fmt: skip
def test_out_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, said: str
) -> None:
    """A worker that ran out of memory is named as such, with the limit if the unit has one."""
    found = last_exit(tmp_path, monkeypatch, [KILLED, OOM], limit)
    assert found == f"killed by SIGKILL, out of memory{said}"


def test_the_last_end_alone_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An earlier out-of-memory kill does not count, and neither does the wrapper's own end."""
    later = {**EXIT, "EXIT_CODE": "exited", "EXIT_STATUS": "3"}
    entries = [KILLED, OOM, later, GAVE_UP]
    assert last_exit(tmp_path, monkeypatch, entries, "1") == "exit status 3"
    assert last_exit(tmp_path, monkeypatch, [], "1") is None


def test_clean_end_before_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd logs no clean exit, only that the unit failed; that is not the end before it."""
    early = {**FAILED, "UNIT_RESULT": "protocol"}
    clean = "exit status 0, before it was ready"
    signalled = {**FAILED, "UNIT_RESULT": "signal"}
    assert last_exit(tmp_path, monkeypatch, [early], "1") == clean
    assert last_exit(tmp_path, monkeypatch, [early, early, GAVE_UP, signalled], "1") == clean
    failed = {**EXIT, "EXIT_CODE": "exited", "EXIT_STATUS": "3"}
    result = {**FAILED, "UNIT_RESULT": "exit-code"}
    assert last_exit(tmp_path, monkeypatch, [failed, result, early], "1") == clean
    assert last_exit(tmp_path, monkeypatch, [early, failed, result], "1") == "exit status 3"


RUN = {"INVOCATION_ID": "1"}
LEFT = "the worker ended and left a (b) c behind, which gets the stop signal"
BEGUN = {**RUN, "MESSAGE_ID": "7d4958e842da4a758f6c1cdc7b36dcc5", "MESSAGE": "Starting w@00"}
ENDED = {**FAILED, **RUN, "UNIT_RESULT": "protocol"}


def killed(name: str) -> dict[str, str]:
    """Returns the entry about a process that is left when the first one ends."""
    return {**RUN, "MESSAGE": f"w@00.service: Killing process 7 ({name}) with signal SIGKILL."}


def waits(text: str, identifier: str = "wctl") -> dict[str, str]:
    """Returns an entry of the wrapper."""
    return {"SYSLOG_IDENTIFIER": identifier, "MESSAGE": f"w@00.service: {text}"}


@pytest.mark.parametrize(
    ("found", "seconds", "left"),
    [
        ([BEGUN, ENDED], 1.0, ""),
        ([BEGUN, killed("python3"), ENDED], 2.0, ""),
        ([BEGUN, killed("sleep"), ENDED], 2.0, "sleep"),
        ([BEGUN, killed("python3.11"), killed("python3"), ENDED], 3.0, "python3"),
        ([BEGUN, killed("a (b) c"), killed("python3"), ENDED], 3.0, "a (b) c"),
        ([BEGUN, waits("failed start 2 of 4, next try in 1 s"), ENDED, ENDED], 1.0, ""),
        ([BEGUN, waits("failed start 2 of 4, next try in 9 s"), ENDED], 0.0, ""),
        ([BEGUN, waits("next try in 9 s", "w@00"), ENDED], 2.0, ""),
        ([BEGUN, waits(killed("sleep")["MESSAGE"]), ENDED], 2.0, ""),
        ([BEGUN, waits(LEFT), ENDED], 2.0, "a (b) c"),
        ([BEGUN, waits(LEFT, "w@00"), ENDED], 2.0, ""),
        ([ENDED], None, ""),
        ([BEGUN, {**FAILED, **RUN, "UNIT_RESULT": "exit-code"}], None, ""),
        ([BEGUN, {**FAILED, "UNIT_RESULT": "protocol"}], None, ""),
        ([], None, ""),
    ],
)
def test_early_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    found: list[dict[str, str]],
    seconds: float | None,
    left: str,
) -> None:
    """The wait before a try is no part of the worker's life, and the notifier is no part of it."""
    timed = [{**e, "__REALTIME_TIMESTAMP": f"{i}000000"} for i, e in enumerate(found, start=1)]
    stand_in(tmp_path, monkeypatch, timed)
    assert exits.early_run("w@00.service", user=False) == exits.EarlyRun(seconds, left)


def test_a_journal_that_fails_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With many instances, only the first question waits for a journalctl that hangs."""
    (tmp_path / "journalctl").write_text(f"#!/bin/sh\necho asked >>{tmp_path}/asked\nexit 1\n")
    (tmp_path / "journalctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    last_exits = exits.LastExits(user=False)
    assert [last_exits.of(unit, 0.0) for unit in ("a", "b", "c")] == ["unknown"] * 3
    assert (tmp_path / "asked").read_text() == "asked\n"


STARTING = {"MESSAGE_ID": "7d4958e842da4a758f6c1cdc7b36dcc5"}
START_FAILED = {"MESSAGE_ID": "be02cf6855d2428ba40df7e9d022f03d"}
SCHEDULED = {"MESSAGE_ID": "5eb03494b6584870a536b337290809b3"}


@pytest.mark.parametrize(
    ("found", "first"),
    [
        ([STARTING], 1.0),
        ([STARTING, SCHEDULED, STARTING, SCHEDULED, STARTING], 1.0),
        # systemd may keep NRestarts over the second start by hand.
        ([STARTING, SCHEDULED, STARTING, STARTING, SCHEDULED, STARTING], 4.0),
        ([STARTING, STARTING, STARTING], 3.0),
        # systemd has given up after the first restart.
        ([STARTING, START_FAILED, SCHEDULED, START_FAILED, STARTING, START_FAILED], 5.0),
        # The rest of more restarts than we look at.
        ([SCHEDULED, STARTING, SCHEDULED, STARTING], 1.0),
        ([], 0.0),
    ],
)
def test_first_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: list[dict[str, str]], first: float
) -> None:
    """A start that systemd has not scheduled after an exit is one by hand; the newest counts."""
    timed = [{**e, "__REALTIME_TIMESTAMP": f"{i}000000"} for i, e in enumerate(found, start=1)]
    stand_in(tmp_path, monkeypatch, timed)
    assert exits.first_start("w@00.service", user=False) == first


def entry(kind: dict[str, str], run: str, **fields: str) -> dict[str, str]:
    """Returns an entry of systemd about a run."""
    return {**kind, "INVOCATION_ID": run, **fields}


def run_of(run: str, code: str = "3", result: str = "exit-code") -> list[dict[str, str]]:
    """Returns the entries about a run that fails."""
    ended = [entry(EXIT, run, EXIT_CODE="exited", EXIT_STATUS=code)] if code != "0" else []
    return [entry(STARTING, run), *ended, entry(FAILED, run, UNIT_RESULT=result)]


GIVING_UP = [entry(STARTING, "z"), entry(GAVE_UP, "z"), entry(FAILED, "z", UNIT_RESULT="signal")]


@pytest.mark.parametrize(
    ("found", "failed", "run"),
    [
        ([], True, None),
        (run_of("a"), True, exits.Run("a", 1.0, None)),
        # the next run has begun
        ([*run_of("a"), entry(STARTING, "b")], True, exits.Run("a", 1.0, 4.0)),
        ([*run_of("a"), entry(STARTING, "b")], False, exits.Run("b", 4.0, None)),
        ([entry(STARTING, "b")], True, None),
        # an exit with 0 before it was ready
        ([*run_of("a"), *run_of("b", "0", "protocol")], True, exits.Run("b", 4.0, None)),
        # then the wrapper gave up
        ([*run_of("a"), *run_of("b"), *GIVING_UP], True, exits.Run("b", 4.0, 7.0)),
        ([*run_of("a"), *GIVING_UP], False, exits.Run("a", 1.0, 4.0)),
        # a resident wrapper tries again in the same run
        (GIVING_UP, True, exits.Run("z", 1.0, None)),
        # its beginning is older than the time that we look back to
        (run_of("a")[1:], True, exits.Run("a", 0.5, None)),
    ],
)
def test_last_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    found: list[dict[str, str]],
    failed: bool,
    run: exits.Run | None,
) -> None:
    """The last failed run of a worker is neither the one after it nor the one that gives up."""
    timed = [{**e, "__REALTIME_TIMESTAMP": f"{i}000000"} for i, e in enumerate(found, start=1)]
    stand_in(tmp_path, monkeypatch, timed)
    assert exits.last_run("w@00.service", user=False, since=0.5, failed=failed) == run


def test_journald_may_read_of_a_failure_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """wctl waits for the entry of a start that has just failed, and gives up after two seconds."""
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", lambda span: clock.append(clock.pop() + span))
    answers = iter([None, None, "exit status 3"])
    monkeypatch.setattr(exits, "last_exit", lambda *_names, **_more: next(answers, None))
    last_exits = exits.LastExits(user=False)
    assert last_exits.of_failed("w@00.service", 0.0) == "exit status 3"
    assert last_exits.of_failed("w@00.service", 0.0) is None
    assert 2.0 <= clock[0] < 2.2


@pytest.mark.parametrize(
    ("code", "status", "how"),
    [
        (1, 0, "exit status 0"),
        (1, 3, "exit status 3"),
        (2, 15, "killed by SIGTERM"),
        (3, 11, "killed by SIGSEGV, core dumped"),
        (0, 0, exits.CLEAN),
    ],
)
def test_the_exit_that_systemd_remembers(code: int, status: int, how: str) -> None:
    """systemd logs no clean exit, and it forgets units after clean exits only."""
    assert exits.main_exit({"ExecMainCode": code, "ExecMainStatus": status}).words == how


SUCCEEDED = {"MESSAGE_ID": "7ad2d189f7e94e70a38c781354912448"}
STOPPING = {"MESSAGE_ID": "de5b426a63be47a7b6ac3eaac82e2f6f"}
THREE = {**EXIT, "EXIT_CODE": "exited", "EXIT_STATUS": "3"}
FAILED_START = {**FAILED, "UNIT_RESULT": "resources"}


@pytest.mark.parametrize(
    ("found", "words", "moment"),
    [
        ([], None, None),
        # A worker that ended by itself, with success: on systemd 254 and newer, and on older ones.
        ([SCHEDULED], exits.CLEAN, 1),
        ([SUCCEEDED, SCHEDULED], exits.CLEAN, 2),
        ([THREE, FAILED, SCHEDULED, SCHEDULED], exits.CLEAN, 4),
        # One that failed, and that systemd has started again.
        ([SCHEDULED, THREE, FAILED, SCHEDULED], "exit status 3", 2),
        ([KILLED, OOM, SCHEDULED], "killed by SIGKILL, out of memory", 1),
        # Somebody has stopped it, and it ended in time.
        ([THREE, FAILED, SCHEDULED, STOPPING, SUCCEEDED], exits.STOPPED, 5),
        # The start after that failed in systemd itself, which is no end of a worker.
        ([STOPPING, SUCCEEDED, FAILED_START, SCHEDULED], exits.STOPPED, 2),
        ([{**FAILED, "UNIT_RESULT": "protocol"}, SCHEDULED], exits.EARLY, 1),
        # It is about to stop, and has not ended.
        ([THREE, FAILED, SCHEDULED, STOPPING], "exit status 3", 1),
    ],
)
def test_the_newest_end(found: list[dict[str, str]], words: str | None, moment: int | None) -> None:
    """Of many ends the last one counts, whether it was one with success or not."""
    entries = [Entry({**e, "__REALTIME_TIMESTAMP": f"{i}000000"}) for i, e in enumerate(found, 1)]
    last = exits.newest(reversed(entries))
    assert (last and last.words, last and last.time) == (words, moment)


def test_an_answer_that_was_cut() -> None:
    """The failure before the oldest entry that we have is unknown, and so is its kind."""
    entry = Entry({**SCHEDULED, "__REALTIME_TIMESTAMP": "1000000"})
    assert exits.newest([entry], whole=False) is None
