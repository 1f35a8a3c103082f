"""last_exits: how many instances ended, from one answer of a stand-in for journalctl."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from wctl.operate.details import Details
from wctl.operate.last_exits import last_exits
from wctl.operate.states import Process, State
from wctl.systemd import exits

EXIT = "98e322203f7a4ed290d09fe03c09fe15"
FAILED = "d9b373ed55a64feb8242e02dbe79a49c"
SUCCEEDED = "7ad2d189f7e94e70a38c781354912448"
SCHEDULED = "5eb03494b6584870a536b337290809b3"


class Manager:
    """Stands in for systemd: every worker that is EXITED has ended with exit status 7."""

    user = False

    def properties(
        self, wanted: Iterable[tuple[str, Iterable[str]]], *, stopped: bool = False
    ) -> Mapping[str, Mapping[str, Any]]:
        assert stopped
        known = {"ExecMainCode": 1, "ExecMainStatus": 7, "ExecStart": []}
        return {unit: {name: known[name] for name in names} for unit, names in wanted}


class Journal:
    """Puts a journalctl into PATH that shows these entries, the oldest first."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._directory = directory
        monkeypatch.setenv("PATH", str(directory))

    def has(self, *entries: tuple[str, dict[str, str]]) -> None:
        shown = [
            json.dumps({"UNIT": unit, "__REALTIME_TIMESTAMP": f"{time}000000", **fields})
            for time, (unit, fields) in enumerate(entries, 1)
        ]
        (self._directory / "shown").write_text("".join(f"{line}\n" for line in reversed(shown)))
        self._script(f"exec /bin/cat {self._directory}/shown")

    def fails(self) -> None:
        self._script("exit 1")

    def asked(self) -> int:
        """Returns how often journalctl was called."""
        return (self._directory / "asked").read_text().count("\n")

    def _script(self, text: str) -> None:
        script = self._directory / "journalctl"
        script.write_text(f"#!/bin/sh\necho >>{self._directory}/asked\n{text}\n")
        script.chmod(0o755)


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    return Journal(tmp_path, monkeypatch)


def process(name: str, state: State = State.RUNNING) -> Process:
    program = name.partition("@")[0]
    return Process(program, program, f"{name}.service", state, "")


def found(processes: list[Process], memory_max: int | None = None) -> dict[str, str | None]:
    """Returns the words about each process, by its name."""
    details = {one.unit: Details(None, memory_max, None, None, 0) for one in processes}
    ended = last_exits(Manager(), processes, details)  # type: ignore[arg-type]
    return {
        unit.removesuffix(".service"): None if last is None else last.words
        for unit, last in ended.items()
    }


def exit_of(unit: str, status: int) -> tuple[str, dict[str, str]]:
    fields = {"MESSAGE_ID": EXIT, "EXIT_CODE": "exited", "EXIT_STATUS": str(status)}
    return f"{unit}.service", fields


def of(unit: str, kind: str, result: str = "") -> tuple[str, dict[str, str]]:
    return f"{unit}.service", {"MESSAGE_ID": kind, "UNIT_RESULT": result}


def test_many_instances_cost_one_question(journal: Journal) -> None:
    """Each has its own end, in whatever order they ended; one that never ended has none."""
    many = [process(f"w@{number:02d}") for number in range(40)]
    journal.has(*(exit_of(f"w@{number:02d}", number) for number in reversed(range(39))))
    expected = {f"w@{number:02d}": f"exit status {number}" for number in range(39)}
    assert found(many) == {**expected, "w@39": None}
    assert journal.asked() == 1


def test_ends_with_success(journal: Journal) -> None:
    """A worker that recycles itself has ended, too; of one that is EXITED systemd knows how."""
    journal.has(of("w@00", SUCCEEDED), of("w@00", SCHEDULED), of("w@01", SUCCEEDED))
    over = process("w@01", State.EXITED)
    assert found([process("w@00"), over]) == {"w@00": exits.CLEAN, "w@01": "exit status 7"}


def test_out_of_memory_names_the_limit(journal: Journal) -> None:
    """The limit is known already: nobody has to be asked for it."""
    killed = {"MESSAGE_ID": EXIT, "EXIT_CODE": "killed", "EXIT_STATUS": "9"}
    journal.has(("w@00.service", killed), of("w@00", FAILED, "oom-kill"))
    words = "killed by SIGKILL, out of memory"
    assert found([process("w@00")], 40 << 20) == {"w@00": f"{words} (limit 40M)"}
    assert found([process("w@00")]) == {"w@00": words}


def test_early_ends_cost_one_question_for_a_program(journal: Journal) -> None:
    """Hundreds of instances that end early have one cause."""
    some = [process(f"w@{number:02d}", State.FATAL) for number in range(9)]
    journal.has(*(of(one.name, FAILED, "protocol") for one in some))
    assert found(some) == dict.fromkeys((one.name for one in some), exits.EARLY)
    assert journal.asked() <= 2


def test_a_journal_that_cannot_be_read(journal: Journal) -> None:
    """It is asked once, and the ends are unknown, not none."""
    journal.fails()
    some = [process("w@00"), process("w@01", State.EXITED)]
    assert found(some) == dict.fromkeys(("w@00", "w@01"), exits.UNKNOWN)
    assert journal.asked() == 1
