"""Ansible's module community.general.supervisorctl, with Supervisor's client and with wctl's.

The module is Ansible's own, and the tasks differ in `supervisorctl_path` alone. What Ansible says
and what becomes of the processes is equal, but for the rows of DIFFERENCES.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from e2e.controls import ansible
from e2e.controls.both import CONFIGURATION, REAL, SETTINGS, SOCKET, Controls
from machine.driver import Machine, wait_for

FACE = "/usr/lib/wctl/supervisorctl"
PROGRAMS = """\
[program:a]
command=sleep 1000
startsecs=0
[program:w]
command=sleep 1000
numprocs=2
process_name=%(program_name)s_%(process_num)02d
startsecs=0
[program:x]
command=sleep 1000
startsecs=0
[program:y]
command=sleep 1000
startsecs=0
[group:g]
programs=x,y
"""
NEW = "[program:new]\ncommand=sleep 1000\nstartsecs=0\n"
FAILING = """\
[program:dies]
command=false
autostart=false
startretries=0
[program:gone]
command=/srv/none
autostart=false
"""
CRASHING = "[program:crashes]\ncommand=false\nstartretries=1\n"
STUBBORN = """\
[program:stubborn]
autostart=false
command=python3 -c 'import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(1000)'
stopwaitsecs=1
"""
BROKEN = "[program:broken]\ncommand=sleep 1000\nnumprocs=zero\n"
HTTP = "[inet_http_server]\nport=127.0.0.1:9001\nusername=admin\npassword=sesame\n"
LOGIN = "username=admin password=sesame"

# A row: state, name and options of a task | what Ansible says, a word for each time it runs.
EVERYDAY = f"""\
stopped a                                           | changed ok
started a                                           | changed ok
restarted w:                                        | changed
stopped w:w_00                                      | changed ok
started all                                         | changed ok
signalled g: signal=CONT                            | changed
started w                                           | failed
absent a                                            | failed
absent a stop_before_removing=yes                   | changed ok
present a                                           | changed ok
started a                                           | ok
present unknown                                     | failed
absent unknown                                      | ok
restarted unknown                                   | failed
restarted a config={CONFIGURATION}                  | changed
stopped a server_url=http://localhost:9001 {LOGIN}  | changed ok
"""
CONFIGURED = """\
started new     | failed
present new     | changed ok
present dies    | changed
started dies    | failed
"""
STATES = """\
restarted a                         | changed changed
restarted w:w_01                    | changed
stopped w:w_01                      | changed
started w:                          | changed ok
stopped g:x                         | changed ok
stopped g:                          | changed ok
started g:x                         | changed ok
restarted g:                        | changed
stopped x                           | failed
started a:                          | failed
started w:*                         | failed
stopped all                         | changed ok
signalled w: signal=CONT            | ok
restarted all                       | changed
signalled all signal=SIGCONT        | changed
signalled w:w_00 signal=18          | changed
signalled a signal=NOPE             | failed
signalled a                         | failed
stopped a _ansible_check_mode=yes   | changed
started a _ansible_check_mode=yes   | ok
"""
PRESENCE = """\
present a                               | ok
absent a _ansible_check_mode=yes        | changed
stopped a                               | changed
absent a                                | changed ok
started a                               | failed
present a _ansible_check_mode=yes       | changed
present a                               | changed
absent w: stop_before_removing=yes      | changed ok
present w:                              | changed ok
present w                               | failed
absent w                                | ok
present w:w_00                          | ok
absent w:w_00 stop_before_removing=yes  | failed
stopped g:                              | changed
absent g:                               | changed ok
present g                               | changed failed
present x                               | failed
present all                             | ok
absent all                              | failed
"""
UNKNOWN = """\
started unknown                 | failed
stopped unknown:                | failed
signalled unknown signal=TERM   | failed
absent unknown:                 | ok
present unknown:                | failed
"""
APPLIED = """\
present new     | ok
stopped new     | changed
restarted new   | failed
restarted a     | changed
"""
FAILURES = """\
present crashes | changed ok
stopped crashes | ok
started crashes | failed
restarted dies  | failed
stopped dies    | ok
absent dies     | changed ok
present gone    | ok
started gone    | failed
absent gone     | changed
"""
STOPS = """\
present stubborn                            | changed ok
restarted stubborn                          | changed
stopped stubborn                            | changed ok
started stubborn                            | changed ok
absent stubborn stop_before_removing=yes    | changed
"""
CONNECTIONS = f"""\
stopped a server_url=unix://{SOCKET}                | changed ok
started a server_url=http://127.0.0.1:9001 {LOGIN}  | changed ok
stopped a config={CONFIGURATION} {LOGIN}            | changed ok
absent a config={CONFIGURATION}                     | changed ok
present a config={CONFIGURATION}                    | changed ok
restarted w: config={CONFIGURATION}                 | changed
stopped a config=/srv/none.conf                     | failed
stopped a server_url=http://192.0.2.1:9001          | failed
stopped a server_url=nonsense                       | failed
"""
# A row: a task | what Ansible says with Supervisor, and with wctl | why.
DIFFERENCES = """\
present broken  | failed failed | wctl's message names the file, the line and what is expected
restarted a     | failed failed | the same for "update", which prints Supervisor's exception
started a server_url=http://localhost:9001  | failed ok | polkit decides who may, no password
started a server_url=http://localhost:9 | failed ok | systemd needs no port, and always listens
"""
RECAP = "ok=6    changed=4    unreachable=0    failed=0    skipped=0    rescued=0    ignored=1"
STATUS = re.compile(r"^(\S+) +([A-Z]+)(?: +pid (\d+))?", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """A row of a table."""

    line: str

    @property
    def arguments(self) -> dict[str, str]:
        """The module's arguments, without the path of supervisorctl."""
        state, name, *options = shlex.split(self.line.split("|")[0])
        return {"state": state, "name": name, **dict(word.split("=", 1) for word in options)}

    @property
    def words(self) -> list[str]:
        """What Ansible says."""
        return self.line.split("|")[1].split()


@dataclass(frozen=True)
class Outcome:
    """What a task's runs returned, and what became of the processes.

    renewed  the processes that have another process ID than before
    """

    results: list[dict[str, Any]]
    states: dict[str, str]
    renewed: set[str]

    @property
    def words(self) -> list[str]:
        """What Ansible says."""
        return [
            "failed" if result.get("failed") else "changed" if result["changed"] else "ok"
            for result in self.results
        ]


class Both:
    """Runs tasks with Supervisor's supervisorctl and with wctl's, at the same time."""

    def __init__(self, machine: Machine, controls: Controls) -> None:
        self.machine = machine
        self._controls = controls

    def change(self, programs: str) -> None:
        """Writes the configuration that both read."""
        self._controls.change({"test.conf": programs})

    def run(self, rows: list[Row], times: int | None = None) -> Iterator[tuple[Outcome, Outcome]]:
        """Runs each task so many times, by default once for each word; returns all outcomes."""
        tasks = [[row.arguments] * (times or len(row.words)) for row in rows]
        with ThreadPoolExecutor() as pool:
            real, face = pool.map(lambda path: outcomes(self.machine, path, tasks), (REAL, FACE))
        return zip(real, face)

    def check(self, table: str) -> None:
        """Asserts that Ansible says a table's words, and the same of both in all details."""
        rows = [Row(line) for line in table.splitlines()]
        unequal = []
        for row, (real, face) in zip(rows, self.run(rows)):
            assert (row.line, real.words) == (row.line, row.words)
            unequal += [(row.line, real, face)] if real != face else []
        assert unequal == []


def outcomes(machine: Machine, path: str, tasks: list[list[dict[str, str]]]) -> list[Outcome]:
    """Runs tasks with one supervisorctl."""
    own = [[{**arguments, "supervisorctl_path": path} for arguments in task] for task in tasks]
    before, *answers = ansible.run_tasks(machine, path, [[], *own])
    found = []
    for answer in answers:
        results = [plain(json.loads(result), path) for result in answer["results"]]
        states = {match[1]: match[2] for match in STATUS.finditer(answer["status"])}
        found.append(Outcome(results, states, renewed(before["status"], answer["status"])))
        before = answer
    return found


def plain(result: dict[str, Any], path: str) -> dict[str, Any]:
    """Returns a result without what names the supervisorctl that ran."""
    command = str(result.get("cmd", "")).replace(path, "supervisorctl")
    kept = {key: result[key] for key in result if key not in ("invocation", "exception")}
    return {**kept, "cmd": command}


def renewed(before: str, after: str) -> set[str]:
    """Returns the processes whose process ID is another one than before."""
    old, new = (
        {(match[1], match[3]) for match in STATUS.finditer(status) if match[3]}
        for status in (before, after)
    )
    return {name for name, _ in new - old}


@pytest.fixture(scope="module")
def controls(machine: Machine) -> Iterator[Controls]:
    """Both supervisorctls of the machine, and Ansible."""
    ansible.install(machine)
    with Controls(machine) as both:
        machine.write(CONFIGURATION, SETTINGS + HTTP)
        yield both


@pytest.fixture
def both(machine: Machine, controls: Controls) -> Both:
    """Ansible with either supervisorctl; both run the programs."""
    controls.start({"test.conf": PROGRAMS})
    controls.run(["update"])
    return Both(machine, controls)


def test_everyday_tasks(both: Both) -> None:
    """Tasks change what they say, once, for programs, groups, single processes and "all"."""
    both.check(EVERYDAY)


@pytest.mark.full
def test_configured_programs(both: Both) -> None:
    """A program that is only configured cannot be started until it is made present."""
    both.change(PROGRAMS + NEW + FAILING)
    both.check(CONFIGURED)


@pytest.mark.full
def test_differences(both: Both) -> None:
    """wctl answers otherwise where it knows more than Supervisor, or needs less."""
    both.change(PROGRAMS + BROKEN)
    rows = [Row(line) for line in DIFFERENCES.splitlines()]
    for row, (real, face) in zip(rows, both.run(rows, times=1)):
        assert (row.line, [*real.words, *face.words]) == (row.line, row.words)
        assert (row.line, real.results) != (row.line, face.results)
        assert (row.line, real.states, real.renewed) == (row.line, face.states, face.renewed)
        if "broken" in row.line:
            assert "/etc/wctl/conf.d/test.conf:19: [program:broken]" in face.results[0]["stdout"]


@pytest.mark.full
@pytest.mark.parametrize(
    "table",
    [STATES, PRESENCE, UNKNOWN, CONNECTIONS],
    ids=["states", "presence", "unknown", "connections"],
)
def test_every_name_and_state(both: Both, table: str) -> None:
    """Names that Supervisor takes for groups or processes mean the same to wctl, in all states."""
    both.check(table)


@pytest.mark.full
def test_changed_programs(both: Both) -> None:
    """A program that is no longer configured stays until a task restarts something."""
    both.change(PROGRAMS + NEW)
    both.check("present new | changed\n")
    both.change(PROGRAMS.replace("sleep 1000", "sleep 1001", 1))
    both.check(APPLIED)


@pytest.mark.full
def test_failing_programs(both: Both) -> None:
    """A task fails if its program ends at once or does not exist."""
    both.change(PROGRAMS + FAILING + CRASHING)
    both.check(FAILURES)


@pytest.mark.full
def test_stubborn_program(both: Both) -> None:
    """A program that ignores SIGTERM is stopped, restarted and removed all the same."""
    both.change(PROGRAMS + STUBBORN)
    both.check(STOPS)


@pytest.mark.full
def test_signal_arrives(machine: Machine, both: Both) -> None:
    """A signal reaches each process of a group: after SIGKILL, others take their places."""

    def status(path: str) -> str:
        return machine.run([path, "status"], check=False).out

    before = {path: status(path) for path in (REAL, FACE)}
    (outcome,) = both.run([Row("signalled g: signal=KILL | changed")])
    assert [side.words for side in outcome] == [["changed"], ["changed"]]

    def replaced() -> bool:
        return all(renewed(before[path], status(path)) == {"g:x", "g:y"} for path in before)

    wait_for(replaced, 20, "processes in the places of the killed ones")


@pytest.mark.full
def test_playbook(machine: Machine, both: Both) -> None:
    """ansible-playbook prints the same about a deployment."""
    printed = []
    for path in (REAL, FACE):
        both.change(PROGRAMS)
        done = ansible.play(machine, supervisorctl=path, programs=PROGRAMS + NEW)
        assert (done.code, done.err) == (0, "")
        assert RECAP in done.out
        printed.append(done.out)
    assert printed[0] == printed[1]
