"""Verbs tell the truth about names, about states, and about what they have not done."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from machine.driver import Machine, wait_for
from machine.units import configure, pids, states
from wctl.cli.verbs import VERBS

PROGRAMS = """\
[program:up]
command=sleep 1000
startsecs=0
numprocs=2
process_name=%(program_name)s_%(process_num)02d
[program:zero]
command=sleep 1000
[program:ga]
command=sleep 1000
startsecs=0
[program:gb]
command=sleep 1000
startsecs=0
autostart=false
[group:g]
programs=ga,gb
"""
NEW = """\
[program:new+x]
command=sleep 1000
startsecs=0
[group:ng]
programs=new+x
"""
OTHER, NEW_FILE = "/srv/b/other.conf", "/etc/wctl/conf.d/new.conf"


Row = tuple[str, int, str, str]
"""A command line after "wctl", its exit code, and what it prints to stdout and stderr."""


def ran(machine: Machine, command: str) -> Row:
    """Runs a command, and holds it to the table of verbs in the manual."""
    result = machine.run(f"wctl {command}", check=False)
    name = next(word for word in command.split() if word in VERBS)
    assert result.code in (0, 1, *VERBS[name].exits), command
    lines = [pattern(line) for line in VERBS[name].prints]
    if name not in ("logs", "render"):
        told = result.out.splitlines()
        assert [line for line in told if not any(map(line_of(line), lines))] == [], command
    return command, result.code, masked(result.out), masked(result.err)


def pattern(line: str) -> str:
    """Returns the regular expression of a line in the table: capitals vary, and | means "or"."""
    text = re.escape(line).replace(r"\ \|\ ", "|")
    text = re.sub(r"\\\((.*\|.*)\\\)", r"\\((\1)\\)", text)
    return re.sub(r"(\\ )+", " +", re.sub(r"\b(?!ERROR)[A-Z]+\b", ".+", text))


def line_of(text: str) -> Callable[[str], object]:
    return lambda expression: re.fullmatch(expression, text)


def masked(text: str) -> str:
    """Returns a text without numbers that vary, and without the columns of status."""
    text = re.sub(r"pid \d+, uptime \S+", "pid N", re.sub(r"^\d+$", "N", text, flags=re.MULTILINE))
    return re.sub(r"@?\b {5,}", "  ", text).strip()


@pytest.fixture
def prepared(machine: Machine) -> Machine:
    """Running, stopped and scaled-down programs of two configurations, and others not installed."""
    configure(machine, PROGRAMS)
    machine.run("wctl update && wctl scale zero 0")
    machine.write(OTHER, "[program:other]\ncommand=sleep 1000\nstartsecs=0\n")
    machine.run(f"wctl -c {OTHER} update")
    machine.write(NEW_FILE, NEW)
    return machine


UP = "up@00  RUNNING   pid N\nup@01  RUNNING   pid N"
ZERO = "zero  STOPPED   scaled to 0"
NO_SUCH = "wctl: nosuch: no such process"
TWO_UNKNOWN = f"{NO_SUCH}\nwctl: upp: no such process, did you mean up?"
NOT_INSTALLED = f"configured in {NEW_FILE}, but not installed\n      run 'wctl update"
NEW_ABSENT = f"wctl: new+x: {NOT_INSTALLED} new+x' to install it"
BEYOND = "wctl: up@02: no such process, up is scaled to 2\n      run 'wctl scale up 3'"
NOT_OTHERS = f"wctl: up: comes from /etc/wctl/conf.d/test.conf, not from {OTHER}"
UNREADABLE = (
    "/nonesuch: cannot read this configuration file: No such file or directory [unreadable]\n"
    "wctl: 1 error in the configuration"
)
KEPT = (
    f"other: kept; it comes from {OTHER}, which was not read (remove it with 'wctl remove other')"
)
SHIPPED = (
    "its units are a package's, and nothing configures it; copy"
    " /usr/share/doc/wctl/examples/messenger-worker.conf to /etc/wctl/conf.d to change it"
)
LEFT, ADDED = "not running, left as it is", "added process group"
RUNS = "process/group still running"
NEW_NAME = "new+x"
NEW_ONE = [f"{NEW_NAME}: {ADDED}", f"{NEW_NAME}@00: started"]
SCALED = "      run 'wctl scale zero N'".strip()


def test_names_that_name_nothing_and_what_is_so_already(prepared: Machine) -> None:
    """Nothing that is refused is done; the first word of each message is the name as typed."""
    before = pids(prepared)
    rows = [
        ("status up", 0, UP, ""),
        ("status gb ga", 3, "gb@00  STOPPED   Not started\nga@00  RUNNING   pid N", ""),
        ("status zero", 3, ZERO, ""),
        ("status nosuch up zero upp", 4, f"{UP}\n{ZERO}", TWO_UNKNOWN),
        ("status new+x", 4, "", NEW_ABSENT),
        ("status ng:*", 4, "", f"wctl: ng:*: {NOT_INSTALLED} ng' to install it"),
        ("status up@02", 4, "", BEYOND),
        ("start up:up_02", 4, "", BEYOND),
        ("stop up@{01..03}", 4, "", BEYOND),
        ("start newx", 4, "", "wctl: newx: no such process, did you mean new+x?"),
        ("start up gb nosuch new+x", 4, "", f"{NO_SUCH}\n{NEW_ABSENT}"),
        ("start up", 0, "up@00: ERROR (already started)\nup@01: ERROR (already started)", ""),
        ("start up:*", 0, "nothing to do: all of them run", ""),
        ("start zero:*", 0, "nothing to do: there is no instance", ""),
        ("start zero", 7, "zero: ERROR (scaled to 0)", SCALED),
        ("restart zero", 7, "zero: ERROR (scaled to 0)", SCALED),
        ("stop zero", 0, "zero: ERROR (scaled to 0)", ""),
        ("stop gb", 0, "gb@00: ERROR (not running)", ""),
        ("stop gb:*", 0, "nothing to do: none of them runs", ""),
        ("-q stop gb:*", 0, "", ""),
        ("signal WINCH gb", 7, "gb@00: ERROR (not running)", ""),
        ("signal WINCH gb ga", 7, "gb@00: ERROR (not running)\nga@00: signalled", ""),
        ("signal WINCH g:*", 0, "ga@00: signalled", ""),
        ("signal WINCH zero", 7, "zero: ERROR (scaled to 0)", ""),
        ("restart --rolling gb", 7, "gb@00: ERROR (not running)", ""),
        ("restart --rolling gb:*", 0, "nothing to do: none of them runs", ""),
        ("pid gb", 7, "", ""),
        ("pid zero", 7, "", ""),
        ("pid up@01 nosuch", 4, "N", NO_SUCH),
        ("scale g 2", 4, "", "wctl: g: this is a group; name its programs instead: ga, gb"),
        ("scale nosuch=1 up=1 upp=2", 4, "", TWO_UNKNOWN),
        ("scale new+x 2", 4, "", NEW_ABSENT),
        ("logs up@02", 0, "", ""),
        ("clear zero", 0, "zero@00: nothing to clear, it has no log file", ""),
        ("remove up nosuch", 4, "", NO_SUCH),
        ("update up nosuch", 1, "", "wctl: nosuch: neither configured nor installed"),
        ("update upp", 1, "", "wctl: upp: neither configured nor installed, did you mean up?"),
        ("update all nosuch", 1, "", "wctl: nosuch: neither configured nor installed"),
        ("add up@00", 1, "", "wctl: up@00: neither configured nor installed, did you mean up?"),
        ("add messenger-worker", 1, "", f"wctl: messenger-worker: {SHIPPED}"),
        ("stop ''", 4, "", "wctl: '': no such process"),
        ("add up", 0, "No config updates to processes", ""),
        (f"-c {OTHER} status", 0, "other@00  RUNNING   pid N", ""),
        (f"-c {OTHER} restart other up", 4, "", NOT_OTHERS),
        (f"-c {OTHER} scale up 1", 4, "", NOT_OTHERS),
        (f"-c {OTHER} remove up", 4, "", NOT_OTHERS),
        ("-c /nonesuch status", 1, "", UNREADABLE),
        ("-c /nonesuch stop up", 1, "", UNREADABLE),
    ]  # fmt: skip
    assert [ran(prepared, command) for command, *_ in rows] == rows
    assert pids(prepared) == before


def test_pids_come_in_the_order_of_the_names(prepared: Machine) -> None:
    """As often as a name is given: a script tells bare numbers apart by their order alone."""
    running = pids(prepared)
    asked = ["up@01", "ga@00", "up@01", "up@00"]
    shown = prepared.run(["wctl", "pid", *asked]).out.split()
    assert shown == [str(running[name]) for name in asked]


def test_what_verbs_do_to_sets(prepared: Machine) -> None:
    """ "all", groups and NAME:* mean what is there to do; -c FILE means the programs of FILE."""
    rows = [
        (f"-c {OTHER} stop all", 0, ["other@00: stopped"], ""),
        ("start all", 0, ["gb@00: started", "other@00: started"], ""),
        ("stop gb", 0, ["gb@00: stopped"], ""),
        ("restart --rolling ga gb", 0, ["ga@00: restarted", f"gb@00: {LEFT}"], ""),
        ("update ng:*", 0, [*NEW_ONE, "ng: added group"], ""),
        ("stop new+x", 0, [f"{NEW_NAME}@00: stopped"], ""),
        ("remove g:*", 1, [f"ga: ERROR ({RUNS})", "gb: removed process group"], ""),
        ("update all", 0, [f"gb: {ADDED}"], KEPT),
    ]  # fmt: skip
    for row in rows:  # jobs end in any order
        command, code, out, err = ran(prepared, row[0])
        assert (command, code, sorted(out.splitlines()), err) == row
    assert {name: state for name, state in states(prepared).items() if state != "RUNNING"} == {
        "gb@00": "STOPPED",
        f"{NEW_NAME}@00": "STOPPED",
        "zero": "STOPPED",
    }


def test_without_a_verb_nothing_succeeds(machine: Machine) -> None:
    """A script that feeds commands to supervisorctl hears that nothing was done."""
    shown = machine.run("printf 'reread\\nupdate\\n' | wctl", check=False)
    assert (shown.code, shown.out) == (2, "")
    assert shown.err.startswith("Usage: wctl ")
    assert shown.err.endswith("wctl: missing command ('wctl supervisorctl' reads stdin)\n")


STUBBORN = """\
[program:stubborn]
command=python3 -c 'import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(1000)'
startsecs=0
stopwaitsecs=1
"""


def is_deaf(machine: Machine) -> None:
    """Waits until the worker ignores SIGTERM."""
    pid = machine.run("wctl pid stubborn").out.strip()
    ignored = ["awk", "/^SigIgn/ { print $2 }", f"/proc/{pid}/status"]
    wait_for(lambda: int(machine.run(ignored).out, 16) >> 14 & 1, 10, "a deaf worker")


def test_stops_that_had_to_kill_say_so(machine: Machine) -> None:
    """stop, restart, scale and update: what the worker was doing is lost."""
    configure(machine, STUBBORN)
    machine.run("wctl update")

    def ends(command: str) -> str:
        is_deaf(machine)
        return machine.run(f"wctl {command}").out

    killed = "(killed: it did not end within 1 s)"
    assert ends("restart stubborn") == f"stubborn@00: restarted {killed}\n"
    assert ends("-q stop stubborn") == f"stubborn@00: stopped {killed}\n"
    machine.run("wctl start stubborn")
    assert ends("scale 0") == f"stubborn@00: stopped {killed}\nstubborn: scaled to 0\n"


def test_signals_end_a_stop_that_hangs(machine: Machine) -> None:
    """While an instance stops, a signal still reaches it, and a second stop waits for the first."""
    configure(machine, STUBBORN.replace("stopwaitsecs=1", "stopwaitsecs=100"))
    machine.run("wctl update")
    is_deaf(machine)
    machine.run("wctl stop --no-wait stubborn")
    assert states(machine) == {"stubborn@00": "STOPPING"}
    assert len(pids(machine)) == 1
    calls = "/tmp/calls"
    machine.write(calls, "")
    watch = machine.popen(f"exec busctl monitor org.freedesktop.systemd1 >{calls} 2>&1")
    wait_for(lambda: "Monitoring" in machine.read(calls), 30, "the bus to be watched")
    waiting = machine.popen(["wctl", "stop", "stubborn"])
    wait_for(lambda: "Member=StopUnit" in machine.read(calls), 30, "the second stop")
    assert machine.run("wctl signal KILL stubborn").out == "stubborn@00: signalled\n"
    assert waiting.communicate(timeout=60)[0] == "stubborn@00: stopped\n"
    machine.stop(watch)
    assert states(machine) == {"stubborn@00": "STOPPED"}
