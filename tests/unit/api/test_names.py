"""names: which process a name of Supervisor's means, and what a process is called."""

from __future__ import annotations

import pytest

from unit.api.workers import Workers
from wctl.api import names

W = "[program:w]\ncommand=true\n"
WITH_TWO = f"{W}numprocs=2\nprocess_name=%(program_name)s_%(process_num)02d\n"
OTHERS = "[program:b]\ncommand=true\n[program:a]\ncommand=true\nprocess_name=x\n"


@pytest.mark.parametrize(
    ("name", "group", "process"),
    [
        ("w", "w", "w"),
        ("g:w", "g", "w"),
        ("w:w", "w", "w"),
        ("g:*", "g", None),
        ("g:", "g", None),
        (":", "", None),
        (":w", "", "w"),
        ("g:a:b", "g", "a:b"),
        ("", "", ""),
    ],
)
def test_a_name_has_a_group_and_a_process(name: str, group: str, process: str | None) -> None:
    """Supervisor's rule: a name without a colon is that of a group and of its only process."""
    assert names.split(name) == (group, process)
    if process is not None:
        assert names.joined(group, process) == ("w" if name == "w:w" else name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (W, ["w"]),
        (WITH_TWO, ["w:w_00", "w:w_01"]),
        (WITH_TWO.replace("=2", "=2\nnumprocs_start=7"), ["w:w_07", "w:w_08"]),
        (W + "process_name=x\n", ["w:x"]),
        (WITH_TWO.replace("_%(process_num)02d", "-%(process_num)d"), ["w:w-0", "w:w-1"]),
        (W + "[group:g]\nprograms=w\n", ["g:w"]),
        (W + "[group:w-group]\nprograms=w\n", ["w-group:w"]),
        (W + OTHERS + "[group:g]\nprograms=w,b\n", ["a:x", "g:b", "g:w"]),
        (W.replace(":w", ":wörker") + "[group:tür]\nprograms=wörker\n", ["tür:wörker"]),
        (W.replace(":w", ":a.b_c-d") + "process_name=e@1\n", ["a.b_c-d:e@1"]),
    ],
)
def test_processes_are_called_as_in_supervisor(
    workers: Workers, text: str, expected: list[str]
) -> None:
    """Each process has the name that the configuration gives it, and is found by this name."""
    workers.have(text)
    assert workers.names() == expected
    for name in expected:
        member = workers.processes.names().find(name)
        assert member is not None and member.full == name


def test_processes_are_sorted_by_group_and_name(workers: Workers) -> None:
    """As in Supervisor's status: capitals come first, and numbers are text."""
    programs = "".join(f"[program:{name}]\ncommand=true\n" for name in ("b", "a", "B", "z"))
    text = f"{programs}numprocs=11\nprocess_name=%(process_num)d\n[group:a2]\nprograms=b\n"
    workers.have(text)
    numbers = sorted(map(str, range(11)))
    assert workers.names() == ["B", "a", "a2:b", *(f"z:{number}" for number in numbers)]


def test_one_process_that_is_scaled_keeps_its_name(workers: Workers) -> None:
    """A program of one process may be scaled: its first process stays, and the others get more."""
    workers.have(W)
    workers.scale("w", 0, 1, 2)
    assert workers.names() == ["w", "w:w_01", "w:w_02"]
    workers.scale("w")
    workers.systemd.states.clear()
    assert workers.names() == []


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("w@01", "g:w_01"),
        ("g:w_01", "g:w_01"),
        ("w@02", None),
        ("w@1", None),
        ("w", None),
        ("w:w_01", None),
        ("g", None),
        ("g:*", None),
        ("g:w@01", None),
        ("", None),
    ],
)
def test_wctls_own_names_are_names_too(workers: Workers, name: str, found: str | None) -> None:
    """w@01 is a process; a program of several processes, or a group, is none."""
    workers.have(f"{WITH_TWO}[group:g]\nprograms=w\n")
    member = workers.processes.names().find(name)
    assert (member.full if member else None) == found


def test_supervisors_name_comes_first(workers: Workers) -> None:
    """A process that is called as another program's instance is that process."""
    workers.have(f"{W}[program:x]\ncommand=true\nprocess_name=w@00\n[group:w@00]\nprograms=x\n")
    member = workers.processes.names().find("w@00")
    assert member is not None and member.program.name == "x"


def test_a_group_has_the_processes_of_all_its_programs(workers: Workers) -> None:
    """Programs without a [group:x] are groups of their own."""
    workers.have(f"{WITH_TWO}{OTHERS}[group:g]\nprograms=w,b\n")
    found = {
        title: [member.name for member in workers.processes.names().group(title)]
        for title in ("g", "a", "b", "w", "")
    }
    assert found == {"g": ["b", "w_00", "w_01"], "a": ["x"], "b": [], "w": [], "": []}
