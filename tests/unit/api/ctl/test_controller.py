"""controller: lines and their verbs, the prompt, and completion."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from unit.api.workers import Shown, Workers
from wctl.api.ctl.controller import Controller
from wctl.api.ctl.face import Face
from wctl.errors import WctlError
from wctl.operate.states import State

TEXT = (
    "[program:a]\ncommand=true\n[program:w]\ncommand=true\nnumprocs=2\n"
    "process_name=%(program_name)s_%(process_num)02d\n[group:g]\nprograms=w\n"
)
A = "a                                RUNNING   pid 100, uptime 0:00:00\n"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("status a", A),
        ("  status   a  ", A),
        ("status a:a", A),
        ("status\ta", A),
        ("pid a", "100\n"),
        ("", ""),
        ("   ", ""),
        ("help nosuch", "*** No help on nosuch\n"),
        ("?nosuch", "*** No help on nosuch\n"),
        ("? nosuch", "*** No help on nosuch\n"),
        ("exit", "\n"),
        ("quit now", "\n"),
        ("EOF", "\n"),
        ("status:", ": ERROR (no such group)\n"),
        ("status-x", "-x: ERROR (no such process)\n"),
        ("status=a", "=a: ERROR (no such process)\n"),
        ("status_x a", "*** Unknown syntax: status_x a\n"),
        ("Status", "*** Unknown syntax: Status\n"),
        ("stat", "*** Unknown syntax: stat\n"),
        ("nosuch  a ", "*** Unknown syntax: nosuch  a\n"),
        ("!status", "*** Unknown syntax: !status\n"),
        (":", "*** Unknown syntax: :\n"),
        ("@a", "*** Unknown syntax: @a\n"),
        ("tür", "*** Unknown syntax: tür\n"),
        ("shell ls", "*** Unknown syntax: shell ls\n"),
    ],
)
def test_lines(workers: Workers, line: str, shown: str) -> None:
    """A verb ends where its letters end; what is none is an error, but for an empty line."""
    workers.have(TEXT)
    code = 1 if shown.startswith("***") and "help" not in line and "?" not in line else 0
    code = 4 if "no such" in shown else code
    assert workers.run(line) == (code, shown)


@pytest.mark.parametrize(("line", "last"), [("exit", True), ("EOF", True), ("version", False)])
def test_lines_that_end_the_prompt(workers: Workers, line: str, last: bool) -> None:
    """exit, quit and the end of the input do; no other verb, and no error."""
    shown = Shown()
    controller = Controller(Face(workers.session, shown, interactive=True))
    assert controller.onecmd(line) is last
    assert controller.onecmd("nosuch") is False


def test_errors_are_printed(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of wctl, with its hint, or a fault that a verb does not expect, is a line."""

    def fail(*_arguments: object) -> None:
        raise WctlError("it fails", hint="do this")

    workers.have(TEXT)
    workers.write("[program:a]\n")
    code, shown = workers.run("update")
    assert code == 1
    assert shown.startswith(f"error: CANT_REREAD: {workers.layout.configuration}/conf.d/a.conf:1: ")
    monkeypatch.setattr(workers.session.manager, "stop", fail)
    assert workers.run("stop a") == (1, "error: it fails (do this)\n")


def test_a_configuration_that_cannot_be_used(workers: Workers) -> None:
    """Every error has its line."""
    workers.write("[supervisord]\numask=9\n[program:a]\ncommand=true\nnumprocs=x\n")
    code, shown = workers.run("update")
    assert code == 1
    assert "[supervisord] umask: " in shown and "[program:a] numprocs: " in shown


def test_without_systemd(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verbs that look first say so; status has an exit code of its own."""

    def fail(*_arguments: object) -> None:
        raise WctlError("systemd does not run here", hint="so what")

    workers.have(TEXT)
    monkeypatch.setattr(workers.systemd, "units", fail)
    for verb in (
        "status",
        "pid",
        "start a",
        "stop a",
        "signal USR1 a",
        "tail a",
        "clear a",
        "fg a",
    ):
        assert workers.run(verb) == (4, "systemd does not run here (so what)\n"), verb
    for verb in ("maintail", "version", "restart a"):
        assert workers.run(verb) == (4, "systemd does not run here (so what)\n"), verb
    assert workers.run("shutdown") == (1, "systemd does not run here (so what)\n")


@pytest.mark.parametrize("line", ["status", "pid", "update"])
def test_the_next_line_has_a_new_connection(
    workers: Workers, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    """The bus may have been restarted since the line before."""

    def fail(*_arguments: object) -> None:
        raise WctlError("the connection to systemd was lost")

    workers.have(TEXT)
    with monkeypatch.context() as lost:
        lost.setattr(workers.systemd, "units", fail)
        again: list[str] = []
        vars(workers.session).update(reconnect=lambda: again.append(line))
        assert "the connection to systemd was lost" in workers.run(line)[1]
    assert again == [line]


# ---- the prompt ----------------------------------------------------------------------------------


def talk(
    workers: Workers,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *lines: str,
    history: Path | None = None,
) -> tuple[str, str]:
    """Returns what the client prints, and its prompts and questions, when lines come from stdin."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    shown = Shown()
    Controller(Face(workers.session, shown, interactive=True)).talk(history)
    return shown.text, capsys.readouterr().out


def test_lines_of_stdin(
    workers: Workers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first command is status; then each line has a prompt, and the end is an empty line."""
    workers.have(TEXT, w_01=State.STOPPED)
    status = A + (
        "g:w_00                           RUNNING   pid 101, uptime 0:00:00\n"
        "g:w_01                           STOPPED   Jan 01 12:00 PM\n"
    )
    shown, prompts = talk(workers, monkeypatch, capsys, "pid a", "", "nosuch", "pid a")
    assert shown == f"{status}100\n*** Unknown syntax: nosuch\n100\n\n"
    assert prompts == "supervisor> " * 5
    shown, prompts = talk(workers, monkeypatch, capsys, "exit", "pid a")
    assert (shown, prompts) == (f"{status}\n", "supervisor> ")


@pytest.mark.parametrize(("answer", "yes"), [("y", True), ("Yes", True), ("n", False), ("", False)])
def test_questions(
    workers: Workers,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    yes: bool,
) -> None:
    """At the prompt, what stops all workers needs a y."""
    workers.have(TEXT)
    shown, prompts = talk(workers, monkeypatch, capsys, "shutdown", answer, "reload", answer)
    assert [one[0] for one in workers.jobs()] == (["stop", "start"] if yes else [])
    assert ("Shut down\n" in shown, "Restarted supervisord\n" in shown) == (yes, yes)
    assert "supervisor> Really stop all processes y/N? supervisor> Really restart all" in prompts


@pytest.mark.parametrize("verb", ["shutdown", "reload"])
def test_the_end_of_stdin_is_no_answer(
    workers: Workers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    """A script that gives no answer stops nothing, and its lines before have been carried out."""
    workers.have(TEXT)
    shown, _ = talk(workers, monkeypatch, capsys, "pid a", verb)
    assert shown.endswith("100\n\n\n")
    assert workers.jobs() == []


def test_ctrl_c_ends_the_prompt(
    workers: Workers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in Supervisor: an empty line, and no error."""

    def interrupt(_prompt: str) -> str:
        raise KeyboardInterrupt

    workers.have(TEXT)
    monkeypatch.setattr("builtins.input", interrupt)
    shown, _ = talk(workers, monkeypatch, capsys)
    assert shown.endswith("uptime 0:00:00\n\n")


# ---- completion ----------------------------------------------------------------------------------


def test_an_installed_group_can_be_named_at_once(workers: Workers) -> None:
    """At the prompt, a line may be about what the line before has installed."""
    workers.have(TEXT)
    workers.write(TEXT + "[program:b]\ncommand=true\n")
    assert workers.run("add b") == (0, "b: added process group\n")
    assert completions(workers, "remove b") == ["b"]
    assert completions(workers, "stop b") == ["b", "b:*"]
    assert workers.run("update b") == (0, "")


def completions(workers: Workers, line: str) -> list[str]:
    """Returns how the last word of a line can go on."""
    controller = Controller(Face(workers.session, Shown(), interactive=True))
    found = controller._completions(line, line.rpartition(" ")[2])
    assert all(word.endswith(" ") for word in found)
    return [word[:-1] for word in found]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sta", ["start", "status"]),
        ("he", ["help"]),
        ("e", ["exit"]),
        ("nosuch", []),
        ("help sh", ["shutdown"]),
        ("start ", ["a", "g:w_00", "g:w_01", "a:*", "g:*"]),
        ("start g", ["g:w_00", "g:w_01", "g:*"]),
        ("start g:", ["g:w_00", "g:w_01", "g:*"]),
        ("start g:w_01", ["g:w_01"]),
        ("stop a g:*", ["g:*"]),
        ("signal USR1 a", ["a", "a:*"]),
        ("update ", ["a", "g"]),
        ("remove g", ["g"]),
        ("version ", []),
        ("nosuch a", []),
        ("reread a", []),
    ],
)
def test_completion(workers: Workers, line: str, expected: list[str]) -> None:
    """First comes a verb, and then what the verb takes: processes, groups, or nothing."""
    workers.have(TEXT)
    assert completions(workers, line) == expected


def test_an_empty_line_completes_to_all_verbs(workers: Workers) -> None:
    """EOF is no verb to type."""
    found = completions(workers, "")
    assert {"status", "help", "exit", "quit"} <= set(found)
    assert "EOF" not in found
    assert completions(workers, "help ") == found


def test_processes_without_a_group(workers: Workers) -> None:
    """While all processes stand for themselves, GROUP:* is offered after a colon alone."""
    workers.have("[program:a]\ncommand=true\n[program:b]\ncommand=true\n")
    assert completions(workers, "start ") == ["a", "b"]
    assert completions(workers, "start a:") == ["a:*"]


def test_completion_for_readline(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """readline asks for one word after the other, and gets None after the last."""
    workers.have(TEXT)
    controller = Controller(Face(workers.session, Shown(), interactive=True))
    monkeypatch.setattr("readline.get_line_buffer", lambda: "sta")
    found = [controller.complete("sta", number) for number in range(3)]
    assert found == ["start ", "status ", None]
