"""wctl history, and the events in wctl logs, on a real journal."""

from __future__ import annotations

import json
import re

import pytest

from machine.driver import Machine, wait_for
from machine.screen import screen
from machine.units import configure, pids, states

GATED = """\
[program:w]
command=sh -c 'echo begun; read code <>/run/gate; echo ended; exit $code'
startsecs=0
autorestart=true
"""
TIME = r"[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d  "


def events(machine: Machine, options: str = "") -> list[str]:
    """Returns the texts of the events since the test began, with the names before them."""
    lines = machine.run(f"wctl history {options}").out.splitlines()
    assert all(re.match(TIME, line) for line in lines), lines
    return [re.sub(" +", " ", re.sub(TIME, "", line)) for line in lines]


def has(machine: Machine, pattern: str) -> list[str]:
    """Waits for an event, which journald may write late; returns all events."""
    expression = re.compile(pattern)

    def found() -> list[str] | None:
        happened = events(machine)
        return happened if any(map(expression.fullmatch, happened)) else None

    return wait_for(found, 20, f"an event {pattern!r}")


@pytest.fixture
def gated(machine: Machine) -> Machine:
    """A worker that ends with the exit status that somebody writes into a FIFO."""
    machine.run("rm -f /run/gate; mkfifo /run/gate")
    configure(machine, GATED)
    machine.run("wctl update")
    return machine


def end(machine: Machine, status: int) -> None:
    """Lets the worker end, and waits for the next one."""
    before = wait_for(lambda: pids(machine).get("w@00"), 20, "a process")
    machine.run(f"echo {status} >/run/gate")
    wait_for(lambda: pids(machine).get("w@00", before) != before, 20, "another process")


def test_why_did_it_restart(gated: Machine) -> None:
    """One line for each end and start, with the reason; the newest is the last."""
    end(gated, 0)
    end(gated, 3)
    before = wait_for(lambda: pids(gated).get("w@00"), 20, "a process")
    gated.run(["kill", "-KILL", str(before)])
    wait_for(lambda: pids(gated).get("w@00", before) != before, 20, "another process")
    has(gated, r"w@00 killed by SIGKILL.*")
    happened = has(gated, r"w@00 ready.*")
    again = "; systemd starts it again"
    ends = [line for line in happened if again in line]
    assert [re.sub(", before.*?;", ";", line) for line in ends][-3:] == [
        f"w@00 ended with success{again}",
        f"w@00 exit status 3{again}",
        f"w@00 killed by SIGKILL{again}",
    ], happened
    assert events(gated, "-2 w") == has(gated, "w@00 ready.*")[-2:]
    since = gated.run("date +%s").out.strip()
    assert gated.run(f"wctl history --since @{int(since) + 3600}").out == ""


def test_who_has_asked(gated: Machine) -> None:
    """What wctl was asked for is noted, with the user who logged in; systemd does not know it."""
    gated.run("env SUDO_UID=1 wctl stop w")
    has(gated, r"w stop of 00, asked for by daemon as root")
    has(gated, r"w@00 stopped after \d\.\d s")
    gated.run("wctl scale w 2")
    has(gated, r"w scaling to 2, asked for by root")
    has(gated, r"w start of 00, 01, asked for by root")
    found = json.loads(gated.run("wctl history --json w").out)
    assert [event["name"] for event in found if event["kind"] == "request"][-2:] == ["w", "w"]
    assert found[-1]["time"] > 1.7e9


def test_failed_starts_have_their_reason(machine: Machine) -> None:
    """The wrapper's count is there, between the ends of the workers."""
    configure(machine, "[program:w]\ncommand=sh -c 'exit 7'\nstartretries=1\n")
    machine.run("wctl update", check=False)
    wait_for(lambda: states(machine) == {"w@00": "FATAL"}, 20, "FATAL")
    happened = has(machine, r"w@00 gave up after 2 failed starts in a row")
    failed = [line for line in happened if "exit status 7, before it was ready" in line]
    assert len(failed) >= 2
    assert "w@00 failed start 1 of 2, next try in 1 s" in happened
    machine.run("wctl scale w 0")
    assert "gave up" in machine.run("wctl history w").out  # also of a program without an instance


def test_a_user_sees_what_the_journal_shows(gated: Machine) -> None:
    """Who may not read the journal is told so, and there is no traceback."""
    refused = gated.run("wctl history", user="nobody", check=False)
    assert (refused.code, refused.out) == (1, "")
    assert "only root and the groups adm and systemd-journal" in refused.err


def test_logs_have_events_on_terminals(gated: Machine) -> None:
    """Between the lines of workers there is what happened to them; on a pipe only if asked for."""
    end(gated, 3)
    crash = "w@00 systemd: w@00.service: Main process exited, code=exited, status=3"
    order = re.compile(rf"w@00: ended\n.*{re.escape(crash)}.*w@00: begun\n", re.DOTALL)
    wait_for(lambda: order.search(gated.run("wctl logs --events").out), 20, "the events in order")
    assert "systemd" not in gated.run("wctl logs").out
    with screen(gated, 160, 50) as terminal:
        assert crash in "\n".join(terminal.after("wctl logs"))
        assert crash not in "\n".join(terminal.after("wctl logs --no-events"))
        assert crash not in "\n".join(terminal.after("wctl logs -o cat"))


def test_maintail_selects_as_logs_does(gated: Machine) -> None:
    """maintail has the options of logs: by time, text, priority, and as JSON."""
    end(gated, 5)
    wait_for(lambda: "status=5" in gated.run("wctl maintail -100").out, 20, "the entry")
    found = gated.run("wctl maintail --since -1h --grep 'status=[5]' -o json").out.splitlines()
    assert found and all("status=5" in json.loads(line)["message"] for line in found)
    assert gated.run("wctl maintail --since +1h").out == ""
    assert gated.run("wctl maintail --until -1h -p emerg", check=False).out == ""


def test_all_programs_without_a_name(machine: Machine) -> None:
    """logs and tail without a name show every program, as docker compose and kubectl do."""
    program = "[program:{0}]\ncommand=sh -c 'echo {0}; sleep 1000'\n"
    configure(machine, program.format("a") + program.format("b"))
    machine.run("wctl update")

    def shown(verb: str) -> bool:
        lines = machine.run(f"wctl {verb}").out.splitlines()
        return {"a@00: a", "b@00: b"} <= {line[-7:] for line in lines}

    wait_for(lambda: shown("logs -n 100"), 20, "lines of both")
    assert shown("tail -100")
    refused = machine.run("wctl restart", check=False)
    assert (refused.code, refused.err) == (2, "wctl: name one of the programs: a, b\n")
    machine.run("wctl stop b: && wctl remove b")
    assert machine.run("wctl restart").out == "a@00: restarted\n"
