"""groups: what an update changes of them, and which of them are added and removed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from unit.api.workers import Workers
from wctl.api.faults import Code, Fault
from wctl.api.groups import Changes, Configured
from wctl.errors import WctlError
from wctl.operate.states import State

A, B, C = (f"[program:{name}]\ncommand=true\n" for name in "abc")
G = "[group:g]\nprograms=a,b\n"
BAD = "autostart=maybe\n"


def code(operation: Callable[..., object], *arguments: object) -> Code | None:
    """Returns the code of an operation's fault; None if there is no fault."""
    try:
        operation(*arguments)
    except Fault as fault:
        return fault.code
    return None


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (A, A, Changes()),
        ("", A + B, Changes(added=("a", "b"))),
        (A + B, A + B + G, Changes(added=("g",), removed=("a", "b"))),
        (A + B + G, A + B, Changes(added=("a", "b"), removed=("g",))),
        # a program of a group is added, changes, moves, and is removed
        (A + B + "[group:g]\nprograms=a\n", A + B + G, Changes(changed=("g",), removed=("b",))),
        (
            A + B + G,
            A + "autostart=false\n" + B + G,
            Changes(changed=("g",), kept=frozenset("g")),
        ),
        (A + B + G, A + "stopsignal=USR1\n" + B + G, Changes(changed=("g",))),
        (A + B + G, A + B + "[group:g]\nprograms=b\n", Changes(added=("a",), changed=("g",))),
        (
            A + B + C + G + "[group:h]\nprograms=c\n",
            A + B + C + "[group:g]\nprograms=b\n[group:h]\nprograms=a,c\n",
            Changes(changed=("g", "h")),
        ),
        (A + B + G, A + "[group:g]\nprograms=a\n", Changes(changed=("g",))),
        (A + B + C, B, Changes(removed=("a", "c"))),
        (A + B + C + G, C, Changes(removed=("g",))),
        # what needs no restart is an update without one, unless something else changes
        (
            A + B + C,
            A + "numprocs=2\nprocess_name=%(process_num)d\n" + B + C + "stopsignal=USR1\n",
            Changes(changed=("a", "c")),
        ),
        (
            A + "numprocs=2\nprocess_name=%(process_num)d\n",
            A + "numprocs=3\nprocess_name=%(process_num)d\n",
            Changes(changed=("a",), kept=frozenset("a")),
        ),
        (A + G.replace(",b", ""), A + G.replace(",b", "") + "priority=1\n", Changes()),
    ],
)
def test_changes_are_those_of_groups(
    workers: Workers, before: str, after: str, expected: Changes
) -> None:
    """reread tells what update will do; update does it, and afterwards there is nothing to do."""
    workers.have(before)
    workers.write(after)
    assert workers.groups.reread() == expected
    assert workers.groups.update() == expected
    assert workers.groups.reread() == Changes()
    assert workers.groups.known() == {name.partition(":")[0] for name in workers.names()}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["a"], Changes(changed=("a",))),
        (["b", "c"], Changes(added=("c",), removed=("b",))),
        (["d"], Changes()),
        (["nosuch"], Changes()),
        (["a", "d", "nosuch"], Changes(changed=("a",))),
    ],
)
def test_an_update_of_some_groups_leaves_the_others(
    workers: Workers, words: Sequence[str], expected: Changes
) -> None:
    """Of the groups that the user names, those change that are to change."""
    d = A.replace(":a", ":d")
    workers.have(A + B + d)
    workers.write(A + "stopsignal=USR1\n" + C + d)
    assert workers.groups.update(words) == expected
    whole = Changes(added=("c",), changed=("a",), removed=("b",))
    left = set(whole.all) - set(expected.all)
    assert workers.groups.reread() == whole.only(left)


def test_programs_of_other_files_are_kept(workers: Workers, tmp_path: Path) -> None:
    """A program that was installed from a file elsewhere is a group, and no update removes it."""
    workers.have(B)
    elsewhere = tmp_path / "elsewhere.conf"
    elsewhere.write_text(A)
    with_file = Workers()
    with_file.session.files = [elsewhere]
    assert with_file.groups.update() == Changes(added=("a",))
    assert workers.groups.reread() == Changes()
    assert workers.names() == ["a", "b"]
    elsewhere.write_text("")
    assert with_file.groups.reread() == Changes(removed=("a",))
    assert workers.groups.reread() == Changes()


ERRORS = [
    (A + B + BAD, ["[program:b] autostart"]),
    (A + BAD + B + BAD, ["[program:a] autostart", "[program:b] autostart"]),
    (A + "[group:g]\nprograms=nosuch\n", ["[group:g] programs", "nosuch"]),
    ("what\n", ["a.conf:1"]),
    ("[supervisord]\numask=9\n" + A, ["[supervisord] umask"]),
]


@pytest.mark.parametrize(("text", "expected"), ERRORS)
@pytest.mark.parametrize("operation", ["reread", "update", "reload"])
def test_a_wrong_configuration_changes_nothing(
    workers: Workers, operation: str, text: str, expected: Sequence[str]
) -> None:
    """The fault has every error with its place, and no worker is touched."""
    workers.have(C)
    workers.write(text)
    with pytest.raises(Fault) as caught:
        getattr(workers.groups, operation)()
    assert caught.value.code is Code.CANT_REREAD
    first, *_ = lines = str(caught.value).splitlines()
    assert first.startswith(f"CANT_REREAD: {workers.layout.configuration}/conf.d/a.conf:")
    assert all(word in str(caught.value) for word in expected)
    assert sum("autostart" in line for line in lines) == text.count(BAD)
    assert (workers.jobs(), workers.names()) == ([], ["c"])


def test_a_held_program_is_an_error_of_the_update(workers: Workers) -> None:
    """An installed program whose configuration is wrong stays, and the fault says so."""
    workers.have(A + B)
    workers.write(A + BAD + B)
    with pytest.raises(
        Fault, match=r"\[program:a\] autostart: .*\na: left as it is, with its installed"
    ):
        workers.groups.reread()
    assert workers.names() == ["a", "b"]


def test_a_configuration_that_has_been_emptied_removes_nothing(workers: Workers) -> None:
    """The files may be missing by mistake: the workers go on until the user names their groups."""
    workers.have(A + B)
    workers.write("")
    with pytest.raises(WctlError, match="the configuration has no program") as caught:
        workers.groups.update()
    assert "--prune" in caught.value.hint
    assert workers.names() == ["a", "b"]
    assert workers.groups.update(["a"]) == Changes(removed=("a",))
    assert workers.names() == ["b"]


def test_add(workers: Workers) -> None:
    """A configured group is installed and started; errors of others do not matter."""
    workers.have(A)
    workers.write(A + B + BAD + C)
    assert code(workers.groups.add, "c") is None
    assert workers.jobs() == [("start", "c@00.service")]
    assert code(workers.groups.add, "a") is Code.ALREADY_ADDED
    assert code(workers.groups.add, "b") is Code.CANT_REREAD
    assert code(workers.groups.add, "nosuch") is Code.CANT_REREAD
    workers.write(A + B + C + G)
    assert code(workers.groups.add, "nosuch") is Code.BAD_NAME
    assert code(workers.groups.add, "b") is Code.BAD_NAME
    assert workers.names() == ["a", "c"]


@pytest.mark.parametrize("state", State)
def test_remove(workers: Workers, state: State) -> None:
    """A group can be removed when none of its processes runs, and no process is stopped for it."""
    workers.have(A + B + C + G, a_00=State.STOPPED, b_00=state)
    assert code(workers.groups.remove, "a") is Code.BAD_NAME
    assert code(workers.groups.remove, "nosuch") is Code.BAD_NAME
    gone = state in (State.STOPPED, State.FATAL)
    assert code(workers.groups.remove, "g") is (None if gone else Code.STILL_RUNNING)
    assert workers.names() == (["c"] if gone else ["c", "g:a", "g:b"])
    assert workers.jobs() == []
    assert workers.groups.reread() == (Changes(added=("g",)) if gone else Changes())


def test_configured_processes(workers: Workers) -> None:
    """avail shows what is configured, sorted by the names of processes, whether it runs or not."""
    workers.have(A)
    workers.write(
        f"{A}priority=7\nprocess_name=z\n{B}autostart=false\nnumprocs=2\n"
        f"process_name=%(process_num)d\n{C}[group:g]\nprograms=b\npriority=5\n"
    )
    assert list(workers.groups.configured()) == [
        Configured("g:0", False, False, 5, 999),
        Configured("g:1", False, False, 5, 999),
        Configured("c", False, True, 999, 999),
        Configured("a:z", True, True, 7, 7),
    ]


def test_reload_starts_what_autostarts(workers: Workers) -> None:
    """What runs is stopped first; then wctl updates, and starts every process with autostart."""
    workers.have(A + B + "autostart=false\n" + C, b_00=State.RUNNING, c_00=State.FATAL)
    workers.write(A + B + "autostart=false\n")
    workers.groups.reload()
    verbs = [(verb, set(units)) for verb, *units in workers.jobs()]
    assert verbs == [("stop", {"a@00.service", "b@00.service"}), ("start", {"a@00.service"})]
    assert workers.names() == ["a", "b"]


def test_a_reload_that_is_refused_stops_nothing(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where update does nothing, or another user's lock is in the way, all workers go on."""
    workers.have(A + B)
    workers.write("")
    with pytest.raises(WctlError, match="the configuration has no program"):
        workers.groups.reload()
    workers.write(A + B)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/proc")  # nobody can make a directory there
    with pytest.raises(WctlError, match="/proc/wctl/lock"):
        workers.groups.reload()
    assert workers.jobs() == []


def test_a_reload_whose_update_fails_starts_what_it_has_stopped(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new configuration cannot be written, so the workers run with the old one."""
    workers.have(A + B)
    workers.write(A + B + "stopsignal=USR1\n" + C)

    def fail(_plan: object) -> None:
        raise WctlError("no space left")

    monkeypatch.setattr("wctl.operate.apply.write", fail)
    with pytest.raises(WctlError, match="no space left"):
        workers.groups.reload()
    units = {"a@00.service", "b@00.service"}
    assert [(verb, set(units)) for verb, *units in workers.jobs()] == [
        ("stop", units),
        ("start", units),
    ]
