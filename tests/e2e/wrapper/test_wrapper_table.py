"""What follows each end of a worker: one table, run by our units and by Supervisor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.wrapper.fleet import NOTES, Fleet
from e2e.wrapper.oracle import Supervisor
from machine.driver import wait_for

# One group: Supervisor's outcomes are the same for all releases.
pytestmark = pytest.mark.xdist_group("test_wrapper_table")

STARTSECS = 2  # with 1, Supervisor may call a worker RUNNING that has just died

Outcome = tuple[str, int]  # the final state, and how often the worker was started
AGAIN: Outcome = ("RUNNING", 2)
DOWN: Outcome = ("EXITED", 1)
GIVEN_UP: Outcome = ("FATAL", 2)  # startretries=1

# How a worker ends: the end of a shell script, and what follows once it was RUNNING with
# autorestart = true, false, unexpected (exitcodes=0,2).
ENDS: dict[str, tuple[str, tuple[Outcome, Outcome, Outcome]]] = {
    "exit-0": ("exit 0", (AGAIN, DOWN, DOWN)),
    "expected-code": ("exit 2", (AGAIN, DOWN, DOWN)),
    "other-code": ("exit 1", (AGAIN, DOWN, AGAIN)),
    "sigterm": ("sh -c 'kill -TERM $PPID'; sleep 9", (AGAIN, DOWN, AGAIN)),
    "sighup": ("kill -HUP $$", (AGAIN, DOWN, AGAIN)),
    "sigkill": ("kill -KILL $$", (AGAIN, DOWN, AGAIN)),
    "sigsegv": ("kill -SEGV $$", (AGAIN, DOWN, AGAIN)),
    # Supervisor has no limits: there the script itself sends the kernel's SIGKILL.
    "oom": (
        # The script sends the kernel's signal where nothing enforces a limit: under Supervisor,
        # and in a machine whose cgroups (version 2) have no controllers.
        "tree=/sys/fs/cgroup/cgroup.controllers\n"
        "if [ -n '%s' ] || { [ -e $tree ] && ! grep -qw memory $tree; }; then kill -KILL $$; fi\n"
        "exec tail /dev/zero",
        (AGAIN, DOWN, AGAIN),
    ),
}
AUTORESTART = ("true", "false", "unexpected")


@dataclass(frozen=True)
class Case:
    """One row. `supervisor` is Supervisor's outcome if it is not ours, and `why` is the reason."""

    autorestart: str
    end: str
    when: str  # before READY, each time or only the first; after READY, only the first time
    outcome: Outcome
    startsecs: int = STARTSECS
    supervisor: Outcome | None = None
    why: str = ""

    @property
    def name(self) -> str:
        zero = "" if self.startsecs else "-startsecs-0"
        return f"{self.end}-{self.when}-{self.autorestart}{zero}"


NEVER_FATAL: Outcome = ("not FATAL", 3)  # or more starts

CASES = [
    *(
        Case(autorestart, end, when, outcome)
        for end, (_, after) in ENDS.items()
        for index, autorestart in enumerate(AUTORESTART)
        for when, outcome in (
            ("before", GIVEN_UP),
            ("before-once", AGAIN),
            ("after-once", after[index]),
        )
    ),
    *(
        Case(
            autorestart,
            "other-code",
            "before",
            GIVEN_UP,
            startsecs=0,
            supervisor=NEVER_FATAL,
            why="a crash within a second of life counts, also where startsecs=0 made it RUNNING",
        )
        for autorestart in ("true", "unexpected")
    ),
    # READY as soon as it runs, however short it runs.
    *(
        Case("false", end, "before", DOWN, startsecs=0)
        for end in ("exit-0", "other-code", "sigkill")
    ),
    Case("unexpected", "exit-0", "before", DOWN, startsecs=0),
    Case("unexpected", "expected-code", "before", DOWN, startsecs=0),
]

SCRIPT = """
name=$1 when=$2
note "$name"
[ "$when" = before ] || [ $runs = 1 ] || exec sleep 1000
[ "$when" != after-once ] || sleep {after}
"""


def script(directory: str, end: str, supervisor: bool) -> str:
    """Returns the worker's script, for a directory of notes."""
    text = ENDS[end][0].replace("%s", "supervisor" if supervisor else "")
    note = f'note() {{ echo 1.0 >>{directory}/"$1"; runs=$(wc -l <{directory}/"$1"); }}\n'
    return "#!/bin/sh\n" + note + SCRIPT.format(after=STARTSECS + 1.5) + text + "\n"


def options(case: Case, scripts: str) -> list[str]:
    return [
        f"command={scripts}/{case.end} {case.name} {case.when}",
        f"autorestart={case.autorestart}",
        "exitcodes=0,2",
        f"startsecs={case.startsecs}",
        "startretries=1",
    ]


@pytest.fixture(scope="session")
def supervisors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Outcome]]:
    """The outcome of each case under Supervisor."""
    directory = tmp_path_factory.mktemp("oracle")
    notes = directory / "notes"
    notes.mkdir()
    for end in ENDS:
        (directory / end).write_text(script(str(notes), end, supervisor=True))
        (directory / end).chmod(0o755)
    programs = {
        case.name: "\n".join([f"[program:{case.name}]", *options(case, str(directory))])
        for case in CASES
    }
    supervisor = Supervisor(directory, programs)
    try:
        yield _settled(supervisor, notes)
    finally:
        supervisor.stop()


def _settled(supervisor: Supervisor, notes: Path) -> dict[str, Outcome]:
    """Waits, up to a limit, until each program has its expected outcome; returns the outcomes."""

    def outcomes() -> dict[str, Outcome]:
        return {
            name: (state, len((notes / name).read_text().splitlines()))
            for name, state in supervisor.states().items()
            if (notes / name).exists()
        }

    def as_expected() -> bool:
        found = outcomes()
        return all(_same(case.supervisor or case.outcome, found.get(case.name)) for case in CASES)

    with suppress(TimeoutError):  # the tests say which outcomes differ
        wait_for(as_expected, 25, "Supervisor's outcomes", interval=0.5)
    return outcomes()


def _same(expected: Outcome, found: Outcome | None) -> bool:
    if expected == NEVER_FATAL:
        return found is not None and found[0] != "FATAL" and found[1] >= expected[1]
    return found == expected


@pytest.fixture(scope="module")
def ours(supervisors: dict[str, Outcome], fleet: Fleet) -> dict[str, Outcome]:
    """The outcome of each case under our units."""
    for end in ENDS:
        fleet.machine.write(f"/opt/table/{end}", script(NOTES, end, supervisor=False))
        fleet.machine.run(["chmod", "+x", f"/opt/table/{end}"])
    for case in CASES:
        fleet.add(case.name, "memory_max=32M", *options(case, "/opt/table"))
    fleet.run()
    with suppress(AssertionError):  # the tests say which outcomes differ
        final = {f"{case.name}@00": case.outcome[0] for case in CASES}
        fleet.await_states(final, 40, interval=1)
    runs = fleet.runs()
    states = fleet.states()
    return {case.name: (states[f"{case.name}@00"], len(runs[case.name])) for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_supervisor_agrees_with_the_table(case: Case, supervisors: dict[str, Outcome]) -> None:
    """The table says what Supervisor 4.3 does, and where we do something else on purpose."""
    assert _same(case.supervisor or case.outcome, supervisors[case.name])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_our_units_agree_with_the_table(case: Case, ours: dict[str, Outcome]) -> None:
    """Our unit ends in the same state, after the same number of starts."""
    assert ours[case.name] == case.outcome


def test_failed_starts_were_never_running(ours: dict[str, Outcome], fleet: Fleet) -> None:
    """A worker that always ends before READY was never active, not for a moment."""
    failing = [case.name for case in CASES if case.when == "before" and case.startsecs]
    shown = fleet.show("ActiveEnterTimestampMonotonic", units=[f"{name}@00" for name in failing])
    assert {unit for unit, times in shown.items() if set(times.values()) != {"0"}} == set()
