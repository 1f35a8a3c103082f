"""processes: faults and results of the operations, for every state of a process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from unit.api.workers import Workers
from wctl.api.faults import Code, Fault, Result
from wctl.api.processes import group_of
from wctl.operate import states
from wctl.operate.states import Process, State

COMMAND = "command=/bin/true\n"
TEXT = (
    f"[program:a]\n{COMMAND}[program:w]\n{COMMAND}numprocs=2\n"
    "process_name=%(program_name)s_%(process_num)02d\n[group:g]\nprograms=w\n"
)
A, W0, W1 = "a@00.service", "w@00.service", "w@01.service"
RUNNING = {State.STARTING, State.RUNNING, State.BACKOFF}


def code(operation: Callable[..., object], *arguments: object) -> Code | None:
    """Returns the code of an operation's fault; None if there is no fault."""
    try:
        operation(*arguments)
    except Fault as fault:
        return fault.code
    return None


@pytest.mark.parametrize("state", State)
def test_what_is_done_in_which_state(workers: Workers, state: State) -> None:
    """As supervisor.rpcinterface: start refuses what runs, stop and signal what does not."""
    workers.have(TEXT, a_00=state)
    assert workers.processes.one("a")[1].state is state
    signalled = state in {State.STARTING, State.RUNNING, State.STOPPING}
    assert code(workers.processes.signal, "a", "USR1") is (None if signalled else Code.NOT_RUNNING)
    assert workers.jobs() == [("kill", A, 10)] * signalled
    stopped = state in RUNNING
    assert code(workers.processes.stop, "a") is (None if stopped else Code.NOT_RUNNING)
    assert workers.jobs() == [("stop", A)] * stopped
    workers.systemd.states[A] = state
    workers.processes.refresh()
    assert code(workers.processes.start, "a") is (Code.ALREADY_STARTED if stopped else None)
    verb = "restart" if state is State.EXITED else "start"  # its unit is still active
    assert workers.jobs() == [(verb, A)] * (not stopped)


@pytest.mark.parametrize("state", State)
def test_of_a_group_or_all_only_those_in_the_right_state(workers: Workers, state: State) -> None:
    """What cannot be started or stopped has no result, and the others are in the order of names."""
    workers.have(TEXT, w_00=State.RUNNING, w_01=state)
    more = state in RUNNING
    results = workers.processes.stop_all("g")
    assert results == [Result("g", "w_00"), Result("g", "w_01")][: 1 + more]
    workers.jobs()
    workers.systemd.states.update({W0: State.RUNNING, W1: state})
    assert workers.processes.start_all("g") == [Result("g", "w_01")][more:]
    workers.systemd.states.update({W0: State.STOPPED, W1: state, A: State.FATAL})
    expected = [Result("a", "a"), Result("g", "w_00"), Result("g", "w_01")]
    assert workers.processes.start_all() == expected[: 3 - more]


@pytest.mark.parametrize(
    ("operation", "state", "result", "expected"),
    [
        ("start", State.STOPPED, "done", None),
        ("start", State.STOPPED, "failed", Code.SPAWN_ERROR),
        ("start", State.STOPPED, "timeout", Code.SPAWN_ERROR),
        ("start", State.STOPPED, "canceled", Code.ABNORMAL_TERMINATION),
        ("start", State.EXITED, "failed", Code.SPAWN_ERROR),
        ("stop", State.RUNNING, "done", None),
        ("stop", State.RUNNING, "failed", Code.FAILED),
        ("stop", State.RUNNING, "canceled", Code.FAILED),
    ],
)
def test_how_jobs_end(
    workers: Workers, operation: str, state: State, result: str, expected: Code | None
) -> None:
    """systemd's result of a job is Supervisor's code, of one process and of one among others."""
    workers.have(TEXT, a_00=state, w_00=state, w_01=state)
    workers.systemd.results = {A: result}
    assert code(getattr(workers.processes, operation), "a") is expected
    workers.systemd.results = {W0: result}
    workers.systemd.states.update({W0: state, W1: state})
    results = getattr(workers.processes, f"{operation}_all")("g")
    assert [one.code for one in results] == [expected or Code.SUCCESS, Code.SUCCESS]
    assert [one.text for one in results] == ["" if expected else "OK", "OK"]


def test_why_systemd_refuses_a_start(workers: Workers) -> None:
    """The reason goes with the fault; supervisorctl prints it beside Supervisor's words."""
    workers.have(TEXT, a_00=State.STOPPED)
    workers.systemd.results = {A: "Unit a@00.service is masked."}
    with pytest.raises(Fault) as caught:
        workers.processes.start("a")
    assert (caught.value.code, caught.value.why) == (
        Code.SPAWN_ERROR,
        "Unit a@00.service is masked.",
    )


def test_a_job_that_systemd_refuses(workers: Workers) -> None:
    """systemd makes no job, for example of a masked unit: the start has failed."""
    workers.have(TEXT, a_00=State.STOPPED)
    workers.systemd.refuses = {A: "Unit a@00.service is masked."}
    assert code(workers.processes.start, "a") is Code.SPAWN_ERROR
    assert Result("a", "a", Code.SPAWN_ERROR, "Unit a@00.service is masked.") in (
        workers.processes.start_all()
    )


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("/nonesuch/command", Code.NO_FILE),
        ("/etc/passwd", Code.NOT_EXECUTABLE),
        ("/bin/true", None),
    ],
)
@pytest.mark.parametrize("state", [State.STOPPED, State.RUNNING])
def test_a_command_that_cannot_run_is_not_tried(
    workers: Workers, command: str, expected: Code | None, state: State
) -> None:
    """As in Supervisor, the process stays as it is, and the others of the group start."""
    workers.have(TEXT.replace("/bin/true", command, 1), a_00=state, w_00=State.STOPPED)
    running = Code.ALREADY_STARTED if state is State.RUNNING else None
    assert code(workers.processes.start, "a") is (expected or running)
    workers.systemd.states[A] = state
    found = {result.full: result.code for result in workers.processes.start_all()}
    own = {} if state is State.RUNNING else {"a": expected or Code.SUCCESS}
    assert found == {**own, "g:w_00": Code.SUCCESS}
    started = {unit for verb, *units in workers.jobs() for unit in units}
    assert (A in started) is (expected is None and state is State.STOPPED)


@pytest.mark.parametrize("name", ["nosuch", "g", "w", "g:nosuch", "g:*", "a:", ""])
def test_names_that_are_no_process(workers: Workers, name: str) -> None:
    """Every operation on one process refuses them; a group is no process."""
    workers.have(TEXT)
    processes = workers.processes
    for operation in (processes.start, processes.stop, processes.one, processes.member):
        assert code(operation, name) is Code.BAD_NAME
    assert code(processes.signal, name, "TERM") is Code.BAD_NAME
    assert workers.jobs() == []


@pytest.mark.parametrize("name", ["nosuch", "w", "g:w_00", ""])
def test_names_that_are_no_group(workers: Workers, name: str) -> None:
    """Every operation on a group refuses them."""
    workers.have(TEXT)
    assert code(workers.processes.start_all, name) is Code.BAD_NAME
    assert code(workers.processes.stop_all, name) is Code.BAD_NAME
    assert code(workers.processes.signal_all, "TERM", name) is Code.BAD_NAME
    assert workers.jobs() == []


@pytest.mark.parametrize(
    ("signal", "number"),
    [("USR1", 10), ("SIGUSR1", 10), ("10", 10), ("hup", 1), ("nosuch", None), ("999", None)],
)
def test_signals(workers: Workers, signal: str, number: int | None) -> None:
    """A signal has a name, with or without SIG, or a number; a wrong one is sent to nobody."""
    workers.have(TEXT, w_01=State.STOPPED)
    assert code(workers.processes.signal, "a", signal) is (None if number else Code.BAD_SIGNAL)
    results = workers.processes.signal_all(signal)
    assert [result.full for result in results] == ["a", "g:w_00"]
    assert {result.code for result in results} == {Code.SUCCESS if number else Code.BAD_SIGNAL}
    sent = [("kill", A, number), ("kill", A, number), ("kill", W0, number)]
    assert workers.jobs() == (sent if number else [])


def test_a_signal_to_a_process_that_has_just_ended(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its state was RUNNING when wctl looked, and there is no process any more."""
    monkeypatch.setattr("wctl.operate.verbs.signal", lambda *_arguments: False)
    workers.have(TEXT)
    assert code(workers.processes.signal, "a", "USR1") is Code.NOT_RUNNING
    assert {one.code for one in workers.processes.signal_all("USR1")} == {Code.NOT_RUNNING}


def test_all_processes(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every process has its own state, whatever order systemd lists units in."""
    workers.have(TEXT, a_00=State.BACKOFF, w_01=State.FATAL, w_00=State.RUNNING)
    found = [(member.full, process.state) for member, process in workers.processes.all()]
    assert found == [
        ("a", State.BACKOFF),
        ("g:w_00", State.RUNNING),
        ("g:w_01", State.FATAL),
    ]

    def backwards(_manager: object, instances: list[Process], **_options: object) -> list[Process]:
        assert [instance.unit for instance in instances] == [A, W0, W1]
        return []

    monkeypatch.setattr(states, "processes", backwards)
    assert workers.processes.all() == []


@pytest.mark.parametrize(
    ("name", "group"), [("g:*", "g"), ("g:", "g"), ("g:w", None), ("g", None), (":", "")]
)
def test_a_name_of_all_processes_of_a_group(name: str, group: str | None) -> None:
    """GROUP:* and GROUP: mean all, and other names one process."""
    assert group_of(name) == group


@pytest.mark.parametrize(
    ("fault", "text"),
    [(Fault(Code.BAD_NAME, "x"), "BAD_NAME: x"), (Fault(Code.NO_FILE), "NO_FILE")],
)
def test_a_fault_has_supervisors_text(fault: Fault, text: str) -> None:
    """The name of the code, and what it is about."""
    assert str(fault) == text
