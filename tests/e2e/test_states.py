"""Every state and sub-state of a systemd service, and the word that wctl status has for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from machine.driver import Machine, wait_for
from machine.units import configure, pids, show, states

UNIT = "gate@00"
GATES = "/run/gates"


@contextmanager
def gates(machine: Machine, *names: str) -> Iterator[None]:
    """Makes FIFOs: a process that reads from a FIFO waits until the test opens it."""
    machine.run(f"mkdir -p {GATES} && cd {GATES} && mkfifo {' '.join(names)}")
    try:
        yield
    finally:
        machine.run(f"rm -rf {GATES}")


def through(name: str) -> str:
    """Returns a command that ends when its gate is opened."""
    return f"/bin/sh -c 'read line <{GATES}/{name}'"


def open_gate(machine: Machine, name: str) -> None:
    machine.run(f"echo >{GATES}/{name}", timeout=60)


def reach(machine: Machine, sub_state: str) -> str:
    """Waits for a sub-state; returns wctl's word for it."""
    wait_for(lambda: show(machine, UNIT, "SubState")["SubState"] == sub_state, 10, sub_state)
    word = states(machine)[UNIT]
    assert show(machine, UNIT, "SubState")["SubState"] == sub_state
    return word


def is_now(machine: Machine, state: str) -> bool:
    return show(machine, UNIT, "ActiveState") == {"ActiveState": state}


def program(command: str, *lines: str) -> str:
    """Returns a configuration whose unit does not start by itself."""
    return "\n".join(["[program:gate]", f"command={command}", "autostart=false", *lines, ""])


def test_states_of_a_start_and_a_reload(machine: Machine) -> None:
    """condition, start-pre, start, start-post are STARTING; running and reload are RUNNING."""
    configure(
        machine,
        program(
            "sleep 1000",
            f"systemd.Service.ExecCondition={through('condition')}",
            f"systemd.Service.ExecStartPre={through('pre')}",
            f"systemd.Service.ExecStartPost={through('post')}",
            f"systemd.Service.ExecReload={through('reload')}",
        ),
    )
    machine.run(["wctl", "update"])
    assert states(machine) == {UNIT: "STOPPED"}
    with gates(machine, "condition", "pre", "post", "reload"):
        machine.run(["systemctl", "start", "--no-block", UNIT])
        assert reach(machine, "condition") == "STARTING"
        open_gate(machine, "condition")
        assert reach(machine, "start-pre") == "STARTING"
        open_gate(machine, "pre")
        assert reach(machine, "start") == "STARTING"
        assert reach(machine, "start-post") == "STARTING"
        open_gate(machine, "post")
        assert reach(machine, "running") == "RUNNING"
        machine.run(["systemctl", "reload", "--no-block", UNIT])
        assert reach(machine, "reload") == "RUNNING"
        assert re.search(r"RUNNING +pid \d+, uptime 0:00:", machine.run(["wctl", "status"]).out)
        open_gate(machine, "reload")
        assert reach(machine, "running") == "RUNNING"


def test_a_worker_that_reloads_itself_is_running(machine: Machine) -> None:
    """A worker that tells systemd RELOADING=1 stays RUNNING, with its PID and its uptime."""
    script = f"""systemd-notify --ready; read line <{GATES}/begin; systemd-notify RELOADING=1;
      read line <{GATES}/end; systemd-notify --ready; exec sleep 1000"""
    configure(machine, program(f"sh -c '{script}'", "ready=notify"))
    machine.run(["wctl", "update"])
    with gates(machine, "begin", "end"):
        machine.run(["wctl", "start", UNIT])
        running = rf"^{UNIT} +RUNNING +pid {pids(machine)[UNIT]}, uptime 0:0\d:\d\d$"
        for gate, state in (("begin", "reloading"), ("end", "active")):
            open_gate(machine, gate)
            wait_for(partial(is_now, machine, state), 10, state)
            assert re.match(running, machine.run(["wctl", "status"]).out)


def test_a_start_that_waits_for_another_unit(machine: Machine) -> None:
    """Until systemd comes to it, the worker is STARTING, and a stop cancels the start."""
    machine.write(
        "/etc/systemd/system/waited.service",
        f"""[Service]
Type=oneshot
ExecStart={through("end")}
""",
    )
    configure(machine, program("sleep 1000", "systemd.Unit.After=waited.service"))
    machine.run(["wctl", "update"])
    with gates(machine, "end"):
        machine.run(["systemctl", "start", "--no-block", "waited", UNIT])
        wait_for(lambda: states(machine)[UNIT] == "STARTING", 10, "STARTING")
        assert is_now(machine, "inactive")
        assert machine.run(["wctl", "stop", UNIT]).out == f"{UNIT}: stopped\n"
        open_gate(machine, "end")
        wait_for(
            lambda: not machine.run("systemctl list-jobs --no-legend waited.service").out, 10, "it"
        )
        assert states(machine) == {UNIT: "STOPPED"}
    machine.run(["rm", "/etc/systemd/system/waited.service"])


def test_states_of_a_stop(machine: Machine) -> None:
    """stop, stop-sigterm and stop-post are STOPPING; afterwards it is STOPPED."""
    configure(
        machine,
        program(
            f"""sh -c 'trap "read line <{GATES}/term; exit 0" TERM; while :; do sleep 0.1; done'""",
            f"systemd.Service.ExecStop={through('stop')}",
            f"systemd.Service.ExecStopPost={through('stop-post')}",
        ),
    )
    machine.run(["wctl", "update"])
    with gates(machine, "stop", "term", "stop-post"):
        machine.run(["wctl", "start", UNIT])
        machine.run(["systemctl", "stop", "--no-block", UNIT])
        assert reach(machine, "stop") == "STOPPING"
        open_gate(machine, "stop")
        assert reach(machine, "stop-sigterm") == "STOPPING"
        open_gate(machine, "term")
        assert reach(machine, "stop-post") == "STOPPING"
        open_gate(machine, "stop-post")
        assert reach(machine, "dead") == "STOPPED"


def test_a_stop_that_had_to_kill_is_stopped(machine: Machine) -> None:
    """A worker that ignores SIGTERM is killed: systemd says failed, wctl says STOPPED."""
    configure(
        machine, program("""sh -c 'trap "" TERM; while :; do sleep 1; done'""", "stopwaitsecs=1")
    )
    machine.run(["wctl", "update"])
    machine.run(["wctl", "start", UNIT])
    machine.run(["wctl", "stop", UNIT])
    assert show(machine, UNIT, "ActiveState", "Result") == {
        "ActiveState": "failed",
        "Result": "timeout",
    }
    assert states(machine) == {UNIT: "STOPPED"}


@pytest.mark.parametrize(
    ("exit_code", "sub_state", "autorestart"),
    [("0", "dead", "unexpected"), ("3", "failed", "false")],
)
def test_an_end_of_its_own_is_exited(
    machine: Machine, exit_code: str, sub_state: str, autorestart: str
) -> None:
    """A worker that ends after RUNNING and is not to be restarted is EXITED, not STOPPED."""
    configure(
        machine,
        program(f"sh -c 'read line <{GATES}/end; exit {exit_code}'", f"autorestart={autorestart}"),
    )
    machine.run(["wctl", "update"])
    with gates(machine, "end"):
        machine.run(["wctl", "start", UNIT])
        open_gate(machine, "end")
        assert reach(machine, sub_state) == "EXITED"


@pytest.mark.parametrize("more", ["", "systemd.Unit.OnFailure=noted@x.service"])
@pytest.mark.parametrize(("ready", "word"), [("startsecs=0", "STARTING"), ("", "BACKOFF")])
def test_a_restart_that_is_due(machine: Machine, ready: str, word: str, more: str) -> None:
    """auto-restart, systemd's own wait before the next start, is BACKOFF only after a failed start.

    After RUNNING it is STARTING. A stop ends both, and the worker has not EXITED then.
    """
    command = f"sh -c 'read line <{GATES}/end; exit 0'"
    lines = ("autorestart=true", "startsecs=1000", ready, more, "systemd.Service.RestartSec=1h")
    configure(machine, program(command, *lines))
    machine.run(["wctl", "update"])
    with gates(machine, "end"):
        machine.run(["wctl", "start", "--no-wait", UNIT])
        open_gate(machine, "end")
        assert reach(machine, "auto-restart") == word
        machine.run(["wctl", "stop", UNIT])
        assert states(machine) == {UNIT: "STOPPED"}


POLL = """
import json, sys, time
from wctl.install.installed import Instance
from wctl.operate.states import processes
from wctl.systemd.manager import Manager

manager = Manager()
units = [f"{name}@00.service" for name in sys.argv[1:]]
instances = [Instance(unit.partition("@")[0], "g", unit) for unit in units]
seen = {unit: set() for unit in units}
polls, done, end = 0, False, time.monotonic() + 300
while not done and time.monotonic() < end:
    for process in processes(manager, instances):
        words = "Exited too quickly" * process.description.startswith("Exited too quickly")
        seen[process.unit].add((process.state.value, words, bool(process.pid)))
    polls += 1
    restarts = manager.properties([(unit, ("NRestarts",)) for unit in units])
    done = all(
        found["NRestarts"] >= 6 or any(word == "FATAL" for word, _, _ in seen[unit])
        for unit, found in restarts.items()
    )
print(json.dumps([polls, {unit.partition("@")[0]: sorted(seen[unit]) for unit in units}]))
"""


def test_states_that_a_poll_can_see(machine: Machine) -> None:
    """Between two runs of a healthy worker, nobody ever sees it down, stopping, or in back-off.

    For a worker whose starts fail, nobody sees anything but STARTING and BACKOFF before FATAL; the
    wrapper, which waits, is no worker with a PID.
    """
    until = "until systemctl is-active -q {}@00; do sleep 0.1; done; exit 3"
    ends = {
        "recycled": ("sleep 0.2", "startsecs=0", "autorestart=true"),
        "crashed": (until.format("crashed"), "autorestart=true"),
        "unexpected": (until.format("unexpected"),),
        "aged": ("exec sleep 1000", "max_runtime=1s"),
        "old": ("exec sleep 1000", "max_runtime=1s", "startsecs=0"),
        "behind": ("sleep 1000 & sleep 0.2", "startsecs=0", "autorestart=true"),
        "failing": ("sleep 0.1; exit 3", "startretries=2"),
        "early": ("true", "startretries=2", "autorestart=true"),
    }
    text = "".join(
        f"[program:{name}]\ncommand=sh -c '{script}'\nautostart=false\n" + "\n".join((*lines, "\n"))
        for name, (script, *lines) in ends.items()
    )
    configure(machine, text)
    machine.run(["wctl", "update"])
    machine.run(["systemctl", "start", "--no-block", *(f"{name}@00" for name in ends)])
    polls, seen = json.loads(machine.run(["python3", "-c", POLL, *ends], timeout=400).out)
    for name in ends:
        words = {(word, why) for word, why, _ in seen[name]}
        without_pid = {word for word, _, pid in seen[name] if not pid}
        if name in ("failing", "early"):
            why = "Exited too quickly"
            assert words == {("STARTING", ""), ("BACKOFF", why), ("FATAL", why)}, polls
            assert {"BACKOFF", "FATAL"} <= without_pid
        else:
            stopping = {("STOPPING", "")} if name in ("aged", "old") else set()
            assert words - stopping == {("STARTING", ""), ("RUNNING", "")}, polls
            assert "RUNNING" not in without_pid
        with_pid = {word for word, _, pid in seen[name] if pid}
        assert with_pid <= {"STARTING", "RUNNING", "STOPPING"}


HANDLER = """[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo %i >>/run/on-failure'
"""


def test_on_failure_is_for_those_that_are_given_up(machine: Machine) -> None:
    """OnFailure= starts its unit once for FATAL, and once for an end that nothing restarts.

    It does not for a crash that systemd restarts, nor for each failed start (RestartMode=direct).
    """
    until = "sh -c 'until systemctl is-active -q {}@00; do sleep 0.1; done; exit 3'"
    lines = {
        "fatal": ("sh -c 'echo fatal >>/run/runs; sleep 0.1; exit 3'", "startretries=1"),
        "once": (until.format("once"), "autorestart=false"),
        "crash": (until.format("crash"), "autorestart=true"),
        "recycle": ("sleep 0.2", "autorestart=true", "startsecs=0"),
    }
    machine.write("/etc/systemd/system/noted@.service", HANDLER)
    machine.run(["rm", "-f", "/run/on-failure", "/run/runs"])
    text = "".join(
        f"[program:{name}]\ncommand={command}\nautostart=false\n"
        "systemd.Unit.OnFailure=noted@%p.service\n" + "\n".join((*options, "\n"))
        for name, (command, *options) in lines.items()
    )
    configure(machine, text)
    machine.run(["wctl", "update"])
    machine.run(["wctl", "start", "--no-wait", *lines])
    ends = {"fatal@00": "FATAL", "once@00": "EXITED"}
    wait_for(lambda: ends.items() <= states(machine).items(), 30, "ends")

    def restarted() -> bool:
        shown = [show(machine, f"{name}@00", "NRestarts") for name in ("crash", "recycle")]
        return min(int(found["NRestarts"]) for found in shown) >= 3

    wait_for(restarted, 30, "three restarts of each")
    wait_for(lambda: not machine.run("systemctl list-jobs --no-legend 'noted@*'").out, 20, "jobs")
    assert sorted(machine.read("/run/on-failure").split()) == ["fatal", "once"]
    assert machine.read("/run/runs").split() == ["fatal"] * 2
    # More than a second after it went down, so that nothing but a start by hand explains that.
    down = int(show(machine, "fatal@00", key := "InactiveEnterTimestampMonotonic")[key]) / 1e6
    wait_for(lambda: float(machine.read("/proc/uptime").split()[0]) > down + 1.2, 20, "a second")
    assert machine.run(["wctl", "start", "fatal"], check=False).code == 7
    wait_for(lambda: states(machine)["fatal@00"] == "FATAL", 30, "FATAL")
    wait_for(lambda: machine.read("/run/on-failure").split().count("fatal") == 2, 20, "its handler")
    assert machine.read("/run/runs").split() == ["fatal"] * 4
    crashing = "wctl doctor crash | grep -F [crashing]"
    wait_for(lambda: machine.run(crashing, check=False).out, 30, "doctor's finding")
    found = machine.run("wctl doctor fatal", check=False).out
    assert "last exit: exit status 3" in found and "[crashing]" not in found, found
    machine.run(["rm", "/etc/systemd/system/noted@.service", "/run/on-failure", "/run/runs"])


def test_stopped_and_exited_keep_their_time(machine: Machine) -> None:
    """systemd forgets the instances of a program with autostart=false; the journal does not.

    With autostart=true, multi-user.target refers to the program's target, and that to them.
    """
    once = "sh -c 'until systemctl is-active -q once@00; do sleep 0.1; done'"
    names = {"boot": ("sleep 1000", ""), "hand": ("sleep 1000", "autostart=false"),
             "two": ("sleep 1000", "autostart=false\nnumprocs=2\nprocess_name=%(process_num)d"),
             "once": (once, "autostart=false\nautorestart=false"),
             "never": ("sleep 1000", "autostart=false")}  # fmt: skip
    text = "".join(f"[program:{n}]\ncommand={c}\n{more}\n\n" for n, (c, more) in names.items())
    configure(machine, text)
    machine.run(["wctl", "update"])
    machine.run(["wctl", "start", "hand", "two", "once"])
    wait_for(lambda: states(machine)["once@00"] == "EXITED", 20, "EXITED")
    machine.run(["wctl", "stop", "all"])
    loaded = machine.run("systemctl list-units --all --no-legend --plain '*@00.service'").out
    assert "boot@00.service" in loaded and "hand@00.service" not in loaded
    for change in (":", "systemctl daemon-reload"):
        machine.run(change)
        shown = machine.run(["wctl", "status"], check=False).out
        for unit in ("boot@00", "hand@00", "two@00", "two@01"):
            assert re.search(
                rf"^{unit} +STOPPED +[A-Z][a-z]{{2}} \d\d \d\d:\d\d [AP]M$", shown, re.M
            )
        assert re.search(r"^once@00 +EXITED +[A-Z]", shown, re.M), shown
        assert re.search(r"^never@00 +STOPPED +Not started$", shown, re.M), shown
    assert "EXITED" not in machine.run("wctl doctor once", check=False).out
    shown = machine.run(["wctl", "status", "-l", "once"], check=False).out
    assert "last exit: exit status 0" in shown, shown
    # Its sibling's start makes systemd load it again.
    machine.run(["wctl", "start", "two@01"])
    shown = machine.run(["wctl", "status", "two@00"], check=False).out
    assert "STOPPED" in shown and "Not started" not in shown
    # A new program of the same name was never started.
    machine.run(["wctl", "remove", "hand"])
    configure(machine, "[program:hand]\ncommand=sleep 1000\nautostart=false\n")
    machine.run(["wctl", "update", "hand"])
    shown = machine.run(["wctl", "status", "hand"], check=False).out
    assert re.search(r"^hand@00 +STOPPED +Not started$", shown, re.M), shown


def test_active_without_a_process_is_exited(machine: Machine) -> None:
    """With RemainAfterExit= a unit stays active when its worker has ended: EXITED."""
    configure(
        machine,
        program(
            f"sh -c 'read line <{GATES}/end; exit 3'",
            "systemd.Service.SuccessExitStatus=3",  # but not what exitcodes expects
            "systemd.Service.RemainAfterExit=yes",
        ),
    )
    machine.run(["wctl", "update"])
    with gates(machine, "end"):
        machine.run(["wctl", "start", UNIT])
        open_gate(machine, "end")
        assert reach(machine, "exited") == "EXITED"
    shown = machine.run(["wctl", "status", "-l"], check=False).out
    assert "Not started" not in shown and "last exit: exit status 3" in shown, shown
    found = machine.run(["wctl", "doctor"], check=False)
    assert "not fully examined" not in found.err
    assert "last exit: exit status 3" in found.out
    # systemd would find that a start has nothing to do.
    assert f"$ wctl restart {UNIT}\n" in found.out
    with gates(machine, "end"):
        assert machine.run(["wctl", "start", UNIT]).out == f"{UNIT}: restarted\n"
        assert states(machine) == {UNIT: "RUNNING"}


def test_a_unit_that_systemd_cannot_run_is_fatal(machine: Machine) -> None:
    """A start that fails before the wrapper runs ends as FATAL; a restart brings the unit back."""
    configure(machine, program("sleep 1000", "user=www-data"))
    machine.run(["wctl", "update"])
    machine.run(
        "cd /etc/systemd/system && mkdir gate@.service.d && printf '[Service]\\nUser=gone\\n'"
        " >gate@.service.d/user.conf && systemctl daemon-reload"
    )
    machine.run(["systemctl", "start", UNIT], check=False)
    wait_for(lambda: states(machine) == {UNIT: "FATAL"}, 60, "FATAL")
    status = machine.run(["wctl", "status"], check=False).out
    assert "systemd cannot run it: its user is missing" in status
    machine.run("rm -r /etc/systemd/system/gate@.service.d && systemctl daemon-reload")
    assert machine.run(["wctl", "restart", UNIT]).out == f"{UNIT}: restarted\n"
    assert states(machine) == {UNIT: "RUNNING"}
