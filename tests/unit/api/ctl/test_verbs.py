"""The verbs: the words and exit codes for each result, and wrong command lines.

tests/oracle compares them with Supervisor's own client.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.api.workers import Workers
from wctl.api.faults import Code, Fault, Result
from wctl.operate.states import State

TEXT = (
    "[program:a]\ncommand=true\n[program:w]\ncommand=true\nnumprocs=2\n"
    "process_name=%(program_name)s_%(process_num)02d\n[group:g]\nprograms=w\n"
)
START = {
    Code.SUCCESS: ("started", 0),
    Code.BAD_NAME: ("ERROR (no such process)", 1),
    Code.NO_FILE: ("ERROR (no such file)", 1),
    Code.NOT_EXECUTABLE: ("ERROR (file is not executable)", 1),
    Code.ALREADY_STARTED: ("ERROR (already started)", 0),
    Code.ABNORMAL_TERMINATION: ("ERROR (abnormal termination)", 7),
    Code.SPAWN_ERROR: ("ERROR (spawn error)", 7),
}
STOP = {
    Code.SUCCESS: ("stopped", 0),
    Code.BAD_NAME: ("ERROR (no such process)", 1),
    Code.NOT_RUNNING: ("ERROR (not running)", 0),
    Code.FAILED: ("ERROR (failed)", 1),
}
SIGNAL = {
    Code.SUCCESS: ("signalled", 0),
    Code.BAD_NAME: ("ERROR (no such process)", 1),
    Code.BAD_SIGNAL: ("ERROR (bad signal name)", 1),
    Code.NOT_RUNNING: ("ERROR (not running)", 7),
}
CASES = [
    (verb, code, *expected)
    for verb, table in (("start", START), ("stop", STOP), ("signal USR1", SIGNAL))
    for code, expected in table.items()
]


@pytest.mark.parametrize(("verb", "code", "words", "exit_code"), CASES)
def test_results(
    workers: Workers,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    code: Code,
    words: str,
    exit_code: int,
) -> None:
    """One process, and each of several, has its word; the exit code is of what went wrong."""

    def one(_self: object, *_arguments: str) -> None:
        if code is not Code.SUCCESS:
            raise Fault(code)

    operation = verb.partition(" ")[0]
    results = [Result("g", "w_00", code), Result("g", "w_01"), Result("a", "a", code)]
    monkeypatch.setattr(f"wctl.api.processes.Processes.{operation}", one)
    monkeypatch.setattr(f"wctl.api.processes.Processes.{operation}_all", lambda *_a: results)
    workers.have(TEXT)
    success = {"start": START, "stop": STOP}.get(verb, SIGNAL)[Code.SUCCESS][0]
    assert workers.run(f"{verb} g:w_01") == (exit_code, f"g:w_01: {words}\n")
    assert workers.run(f"{verb} a:a") == (exit_code, f"a: {words}\n")
    expected = f"g:w_00: {words}\ng:w_01: {success}\na: {words}\n"
    for names in ("all", "a all", "g:*"):
        assert workers.run(f"{verb} {names}") == (exit_code, expected)


@pytest.mark.parametrize(
    ("verb", "code"), [("start", 2), ("stop", 1), ("restart", 2), ("signal USR1", 1)]
)
def test_groups_that_there_are_not(workers: Workers, verb: str, code: int) -> None:
    """The others are done all the same, and the exit code stays."""
    workers.have(TEXT, a_00=State.STOPPED if verb == "start" else State.RUNNING)
    exit_code, shown = workers.run(f"{verb} nosuch:* a")
    assert exit_code == code
    assert shown.startswith("nosuch: ERROR (no such group)\na: ")


def test_restart_stops_all_before_it_starts(workers: Workers) -> None:
    """First come the lines of the stops, and then those of the starts; what was down starts."""
    workers.have(TEXT, w_01=State.FATAL)
    stops = "a: stopped\ng:w_00: stopped\n"
    starts = "a: started\ng:w_00: started\ng:w_01: started\n"
    assert workers.run("restart all") == (0, stops + starts)
    verbs = [verb for verb, *_ in workers.jobs()]
    assert verbs == ["stop", "start"]


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("start", 2, "Error: start requires a process name"),
        ("stop", 1, "Error: stop requires a process name"),
        ("restart", 1, "Error: restart requires a process name"),
        ("signal", 1, "Error: signal requires a signal name and a process name"),
        ("signal a", 1, "Error: signal requires a signal name and a process name"),
        ("clear", 1, "Error: clear requires a process name"),
        ("tail", 1, "Error: too few arguments"),
        ("tail -f a stdout x", 1, "Error: too many arguments"),
        ("maintail 1 2", 1, "Error: too many arguments"),
        ("fg", 1, "ERROR: no process name supplied"),
        *(
            (f"{verb} x", 1, f"Error: {verb} accepts no arguments")
            for verb in ("avail", "reload", "reread", "shutdown", "version")
        ),
    ],
)
def test_command_lines_that_lack_something(
    workers: Workers, line: str, code: int, message: str
) -> None:
    """The help of the verb follows, and nothing is done."""
    workers.have(TEXT)
    _, help_text = workers.run(f"help {line.partition(' ')[0]}")
    assert workers.run(line) == (code, f"{message}\n{help_text}")
    assert workers.jobs() == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("tail -5", "Error: tail requires process name"),
        ("tail -x a", "Error: bad argument -x"),
        ("tail a other", "Error: bad channel 'other'"),
        ("tail nosuch", "nosuch: ERROR (no such process name)"),
        ("tail -f nosuch", "==> Press Ctrl-C to exit <==\nnosuch: ERROR (no such process name)"),
        ("maintail x", "Error: bad argument x"),
        ("maintail -x", "Error: bad argument -x"),
        ("fg a g:w_00", "ERROR: too many process names supplied"),
        ("fg nosuch", "ERROR: bad process name supplied"),
        ("fg g:w_00", "ERROR: process not running"),
        ("clear nosuch", "nosuch: ERROR (no such process)"),
        ("pid nosuch", "No such process nosuch"),
        ("open x", "ERROR: url must be http:// or unix://"),
        (
            "open http://[",
            "ERROR: http://[: not the URL of a Supervisor, expected unix:///PATH or"
            " http://HOST:PORT",
        ),
        (
            "open http://192.0.2.1:9001",
            "ERROR: http://192.0.2.1:9001 is another machine, and wctl operates the systemd of"
            " this one",
        ),
    ],
)
def test_errors(workers: Workers, line: str, message: str) -> None:
    """Supervisor's words, and exit code 1."""
    workers.have(TEXT, w_00=State.STOPPED)
    assert workers.run(line) == (1, f"{message}\n")


def test_status(workers: Workers) -> None:
    """Sorted, in columns; 3 if a process does not run, and 4 for a name that there is not."""
    workers.have(TEXT)
    one = "a                                RUNNING   pid 100, uptime 0:00:00\n"
    both = (
        "g:w_00                           RUNNING   pid 101, uptime 0:00:00\n"
        "g:w_01                           RUNNING   pid 102, uptime 0:00:00\n"
    )
    unknown = "nosuch: ERROR (no such process)\n"
    assert workers.run("status") == workers.run("status x all") == (0, one + both)
    assert workers.run("status g:* a") == (0, both + one)
    assert workers.run("status a nosuch a@00") == (4, unknown + one + one)
    assert workers.run("status nosuch:*") == (4, "nosuch: ERROR (no such group)\n")
    workers.systemd.states["a@00.service"] = State.FATAL
    assert workers.run("status g:*") == (0, both)
    code, shown = workers.run("status nosuch a")
    assert (code, shown.splitlines()[0]) == (3, unknown.strip())


def test_status_of_a_long_name(workers: Workers) -> None:
    """The column is as wide as the longest name, and three blanks more."""
    workers.have(TEXT.replace(":a]", f":{'a' * 40}]"))
    _, shown = workers.run("status")
    assert {line.index("RUNNING") for line in shown.splitlines()} == {43}


def test_pid(workers: Workers) -> None:
    """systemd is 1; a process that does not run has 0, and the exit code says so."""
    workers.have(TEXT, w_01=State.STOPPED)
    assert workers.run("pid") == (0, "1\n")
    assert workers.run("pid a g:w_00") == (0, "100\n101\n")
    assert workers.run("pid g:w_01 a") == (7, "0\n100\n")
    assert workers.run("pid all") == (0, "100\n101\n0\n")


def test_reread_and_update(workers: Workers) -> None:
    """Groups are told by name; an update tells first what it removes, and last what it adds."""
    workers.have(TEXT)
    assert workers.run("reread") == (0, "No config updates to processes\n")
    assert workers.run("update") == (0, "")
    b = "[program:b]\ncommand=true\n"
    workers.write(TEXT.partition("[program:w]")[2].join(["[program:w]", b]).replace("=2", "=3"))
    assert workers.run("reread") == (0, "a: disappeared\nb: available\ng: changed\n")
    assert workers.run("update b nosuch") == (
        1,
        "ERROR: no such group: nosuch\nb: added process group\n",
    )
    shown = "a: stopped\na: removed process group\ng: updated process group\n"
    assert workers.run("update all x") == (0, shown)
    assert workers.run("update nosuch") == (1, "ERROR: no such group: nosuch\n")


def test_an_update_that_cannot_start_a_worker(workers: Workers) -> None:
    """As in Supervisor, that is no error of the update: the worker's state tells."""
    workers.have(TEXT)
    workers.write(TEXT + "[program:b]\ncommand=true\n")
    workers.systemd.results = {"b@00.service": "failed"}
    assert workers.run("update") == (0, "b: added process group\n")


def test_add_and_remove(workers: Workers) -> None:
    """Each group has its line; one that is there is no error to add."""
    workers.have(TEXT, w_00=State.STOPPED, w_01=State.STOPPED)
    workers.write(TEXT + "[program:b]\ncommand=true\n")
    assert workers.run("add a b nosuch") == (
        1,
        "ERROR: process group already active\nb: added process group\n"
        "ERROR: no such process/group: nosuch\n",
    )
    assert workers.run("add a") == (0, "ERROR: process group already active\n")
    assert workers.run("remove a g nosuch") == (
        1,
        "ERROR: process/group still running: a\ng: removed process group\n"
        "ERROR: no such process/group: nosuch\n",
    )
    assert workers.run("add") == workers.run("remove") == (0, "")


def test_avail(workers: Workers) -> None:
    """One line for each configured process."""
    workers.have(TEXT)
    workers.write(TEXT + "[program:b]\ncommand=true\nautostart=false\npriority=5\n")
    rows = [
        "a                                in use    auto      999:999",
        "b                                avail     manual    5:5",
        "g:w_00                           in use    auto      999:999",
        "g:w_01                           in use    auto      999:999",
    ]
    assert workers.run("avail") == (0, "".join(f"{row}\n" for row in rows))


def test_errors_of_the_configuration(workers: Workers) -> None:
    """reread has all of them, with their places."""
    workers.have(TEXT)
    workers.write(TEXT.replace("numprocs=2", "numprocs=x").replace("[program:a]", "[program:a]\nx"))
    code, shown = workers.run("reread")
    place = f"{workers.layout.configuration}/conf.d/a.conf"
    first, *others = shown.splitlines()
    assert (code, first.startswith(f"ERROR: CANT_REREAD: {place}:2: ")) == (1, True)
    assert any(line.startswith(f"{place}:6: [program:w] numprocs") for line in others)


def test_logs(workers: Workers, tmp_path: Path) -> None:
    """tail ends with a line's end of its own; clear empties the file."""
    (tmp_path / "out").write_text("one\ntwo\n")
    workers.have(TEXT.replace("true", f"true\nstdout_logfile={tmp_path}/out", 1))
    assert workers.run("tail a") == workers.run("tail a STDOUT") == (0, "one\ntwo\n\n")
    assert workers.run("tail -5 a") == (0, "\ntwo\n\n")
    assert workers.run("clear a") == (0, "a: cleared\n")
    assert workers.run("tail a") == (0, "\n")
    (tmp_path / "out").write_text("one\n")
    assert workers.run("clear all") == (0, "a: cleared\ng:w_00: cleared\ng:w_01: cleared\n")
    assert (tmp_path / "out").read_text() == ""


@pytest.mark.parametrize(("verb", "end"), [("tail -f a", ""), ("fg a", "Exiting foreground")])
def test_ctrl_c_ends_what_is_followed(
    workers: Workers, monkeypatch: pytest.MonkeyPatch, verb: str, end: str
) -> None:
    """What has come is shown; to end it so is no error."""

    def follow(*_arguments: object) -> object:
        yield b"line\n"
        raise KeyboardInterrupt

    monkeypatch.setattr("wctl.api.logs.Logs.follow", follow)
    workers.have(TEXT)
    code, shown = workers.run(verb)
    assert (code, shown.endswith(f"==> Press Ctrl-C to exit <==\nline\n{end}\n")) == (0, True)


def test_reload_and_shutdown(workers: Workers) -> None:
    """Without a prompt, nobody is asked."""
    workers.have(TEXT)
    assert workers.run("reload") == (0, "Restarted supervisord\n")
    assert [verb for verb, *_ in workers.jobs()] == ["stop", "start"]
    assert workers.run("shutdown") == (0, "Shut down\n")
    assert [verb for verb, *_ in workers.jobs()] == ["stop"]


def test_version_and_open(workers: Workers) -> None:
    """The version is that of the supervisorctl whose words these are; open shows the status."""
    workers.have(TEXT, a_00=State.STOPPED)
    assert workers.run("version") == (0, "4.3.0\n")
    code, shown = workers.run("open unix:///run/supervisor.sock")
    assert (code, shown) == (0, workers.run("status")[1])
