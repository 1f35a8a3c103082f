"""Supervisor's own supervisorctl and ours say the same about the same workers, word for word.

Supervisor's client asks a stand-in for supervisord, which carries out its calls on wctl's workers.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xmlrpc import client

import pytest
from supervisor import supervisorctl  # type: ignore[import-untyped] # not for mypy's environment
from supervisor.rpcinterface import API_VERSION  # type: ignore[import-untyped] # as above
from supervisor.states import ProcessStates  # type: ignore[import-untyped] # as above

from unit.api.workers import Workers, new
from wctl.api.faults import Fault, Result
from wctl.api.names import Member
from wctl.operate.states import Process, State


class Supervisord:
    """The calls of supervisor.rpcinterface that the client makes, on wctl's workers."""

    def __init__(self, workers: Workers) -> None:
        self.supervisor = self
        self._workers = workers
        processes, logs = workers.processes, workers.logs
        calls: dict[str, Callable[..., Any]] = {
            "getVersion": lambda: API_VERSION,
            "getSupervisorVersion": lambda: "4.3.0",
            "getPID": workers.systemd.pid,
            "getAllProcessInfo": lambda: list(map(_info, processes.all())),
            "getProcessInfo": lambda name: _info(processes.one(name)),
            "getAllConfigInfo": self._configured,
            "startProcess": processes.start,
            "startProcessGroup": lambda group: _results(processes.start_all(group)),
            "startAllProcesses": lambda: _results(processes.start_all()),
            "stopProcess": processes.stop,
            "stopProcessGroup": lambda group: _results(processes.stop_all(group)),
            "stopAllProcesses": lambda: _results(processes.stop_all()),
            "signalProcess": processes.signal,
            "signalProcessGroup": lambda group, name: _results(processes.signal_all(name, group)),
            "signalAllProcesses": lambda name: _results(processes.signal_all(name)),
            "readProcessStdoutLog": lambda name, *part: _joined(logs.read(name, "stdout", *part)),
            "readProcessStderrLog": lambda name, *part: _joined(logs.read(name, "stderr", *part)),
            "clearProcessLogs": logs.clear,
            "clearAllProcessLogs": lambda: _results(logs.clear_all()),
            "shutdown": processes.stop_all,
            "restart": lambda: None,
        }
        for name, call in calls.items():
            setattr(self, name, _with_faults(call))

    def _configured(self) -> list[dict[str, Any]]:
        return [
            {
                "group": one.name.partition(":")[0],
                "name": one.name.rpartition(":")[2],
                "inuse": one.in_use,
                "autostart": one.autostart,
                "group_prio": one.group_priority,
                "process_prio": one.priority,
            }
            for one in self._workers.groups.configured()
        ]


class Updating(Supervisord):
    """A supervisord that only says what an update changes."""

    def __init__(self, workers: Workers) -> None:
        super().__init__(workers)
        changes = workers.groups.reread()
        self.reloadConfig = lambda: [[changes.added, changes.changed, changes.removed]]
        self.stopProcessGroup: Callable[[str], object] = lambda _group: []
        self.addProcessGroup = self.removeProcessGroup = lambda _group: True


def _info(row: tuple[Member, Process]) -> dict[str, Any]:
    member, process = row
    return {
        "group": member.group,
        "name": member.name,
        "state": getattr(ProcessStates, process.state),
        "statename": str(process.state),
        "description": process.description,
        "pid": process.pid,
    }


def _joined(pieces: Iterable[bytes]) -> str:
    return b"".join(pieces).decode()


def _results(results: Sequence[Result]) -> list[dict[str, Any]]:
    return [
        {"group": one.group, "name": one.name, "status": one.code, "description": one.text}
        for one in results
    ]


def _with_faults(call: Callable[..., Any]) -> Callable[..., Any]:
    def carried_out(*arguments: object) -> object:
        try:
            return call(*arguments)
        except Fault as fault:
            raise client.Fault(fault.code, str(fault)) from None

    return carried_out


def theirs(supervisord: Supervisord, line: str) -> tuple[int, str]:
    """Returns the exit code and the output of Supervisor's client."""
    factory: tuple[Any, ...] = ("default", supervisorctl.DefaultControllerPlugin, {})
    options = SimpleNamespace(
        prompt="supervisor",
        plugin_factories=[factory],
        interactive=False,
        getServerProxy=lambda: supervisord,
    )
    out = io.StringIO()
    controller = supervisorctl.Controller(options, stdout=out)
    controller.onecmd(line)
    return controller.exitstatus, out.getvalue()


def without_help(shown: tuple[int, str]) -> tuple[int, str]:
    """Leaves out the help that follows some errors: it has words of our own."""
    code, text = shown
    first = text.partition("\n")[0]
    alone = first.startswith("Error: ") or first == "ERROR: no process name supplied"
    return code, first if alone else text


TEXT = """
[program:a]
command=true
[program:b]
command=true
process_name=x
autostart=false
[program:w]
command=true
numprocs=3
process_name=%(program_name)s_%(process_num)02d
[program:tür]
command=true
[group:g]
programs=w,tür
priority=5
"""
UNITS = ("a@00", "b@00", "w@00", "w@01", "w@02", r"t\xc3\xbcr@00")
NAMES = (
    "a", "a:a", "a:*", "a:", "b", "b:x", "x", "g", "g:*", "g:", "g:w_01", "g:tür", "w:w_01", "w_01",
    "nosuch", "nosuch:*", "nosuch:x", "all", ":", ":*", "*", "a a", "a nosuch b:x", "g:* a",
    "nosuch:* g:w_00", "all nosuch", "nosuch all", "a g", "",
)  # fmt: skip
OF_NAMES = ("status", "pid", "start", "stop", "restart", "signal USR1", "signal nosuch", "clear")
OTHERS = (
    "signal", "signal 10 a", "signal -1 a", "signal SIGHUP all", "signal 0x1 a",
    "tail", "tail a", "tail a stderr", "tail a STDOUT", "tail a other", "tail -5 a", "tail -0 a",
    "tail - a", "tail -x a", "tail -5", "tail -f", "tail a b c", "tail -5 a b c", "tail nosuch",
    "tail g:*", "tail b:x", "maintail x", "maintail -x", "maintail 5 6", "maintail -",
    "fg", "fg nosuch", "fg a b", "fg g:*", "version", "version x", "avail", "avail x", "reread x",
    "reload", "reload x", "shutdown", "shutdown x", "open", "open x", "open https://localhost",
    "open unix:///run/x.sock", "open http://localhost:9001", "help nosuch", "?nosuch", "help EOF",
    "", " ", "EOF", "exit", "quit", "quit x", "!ls", "shell ls", "nosuch", "Status", "status:",
    "status:a", "status-a", " status  a ", "status\ta", "tür", "a:b", "@", "start:all", "sta", "?",
)  # fmt: skip
MIXED = (
    State.FATAL, State.EXITED, State.BACKOFF, State.STARTING, State.STOPPING, State.UNKNOWN
)  # fmt: skip
OUR_HELP = ("help", "?")


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workers:
    """Programs with and without a group; a's output is in a file."""
    made = new(tmp_path, monkeypatch)
    (tmp_path / "out").write_text("one\ntwo\nthree\n")
    log = f"stdout_logfile={tmp_path}/out\nredirect_stderr=true\n"
    made.have(TEXT.replace("command=true\n", f"command=true\n{log}", 1))
    return made


@pytest.mark.parametrize("verb", [*OF_NAMES, ""])
@pytest.mark.parametrize(
    ("states", "results"),
    [
        ([State.RUNNING] * 6, {}),
        ([State.STOPPED] * 6, {}),
        (MIXED, {}),
        ([State.STOPPED] * 6, {"a@00": "failed", "w@01": "canceled"}),
    ],
    ids=["running", "stopped", "mixed", "failing"],
)  # fmt: skip
def test_the_same_words(
    workers: Workers, verb: str, states: Sequence[State], results: dict[str, str]
) -> None:
    """Whatever is asked for: exit code and output are those of supervisorctl."""

    def begin() -> None:
        workers.systemd.states = {f"{unit}.service": state for unit, state in zip(UNITS, states)}
        workers.systemd.results = {f"{unit}.service": result for unit, result in results.items()}

    lines = [f"{verb} {name}" for name in NAMES] if verb else list(OTHERS)
    wrong = {}
    for line in lines:
        begin()
        expected = without_help(theirs(Supervisord(workers), line))
        begin()
        found = without_help(workers.run(line))
        if found != expected and line not in OUR_HELP:
            wrong[line] = (expected, found)
    assert wrong == {}


@pytest.mark.parametrize(
    "line", ["reread", "update", "update all", "update a c", "update d nosuch"]
)
def test_the_same_words_about_an_update(workers: Workers, line: str) -> None:
    """Groups that are added, changed and removed have Supervisor's words, in its order."""
    others = "".join(f"[program:{name}]\ncommand=true\n" for name in "cd")
    text = TEXT.replace("command=true", "command=true\nstopsignal=USR1", 1) + others
    workers.write(text.replace("[program:b]", "[program:e]"))
    expected = theirs(Updating(workers), line)
    assert workers.run(line) == expected
    if line == "update":
        assert theirs(Updating(workers), "reread") == workers.run("reread")
        assert theirs(Updating(workers), line) == workers.run(line)
