"""Every state and sub-state of a systemd service, and the word that wctl status has for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from machine.driver import Machine, wait_for
from machine.units import configure, show, states

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
        open_gate(machine, "reload")
        assert reach(machine, "running") == "RUNNING"


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


def test_a_restart_that_is_due_is_backoff(machine: Machine) -> None:
    """auto-restart, systemd's own wait before the next start, is BACKOFF; a stop ends it."""
    configure(
        machine,
        program(f"sh -c 'read line <{GATES}/end; exit 1'", "systemd.Service.RestartSec=1h"),
    )
    machine.run(["wctl", "update"])
    with gates(machine, "end"):
        machine.run(["wctl", "start", UNIT])
        open_gate(machine, "end")
        assert reach(machine, "auto-restart") == "BACKOFF"
        machine.run(["wctl", "stop", UNIT])
        assert states(machine) == {UNIT: "STOPPED"}


def test_active_without_a_process_is_exited(machine: Machine) -> None:
    """With RemainAfterExit= a unit stays active when its worker has ended: EXITED."""
    configure(
        machine,
        program(f"sh -c 'read line <{GATES}/end'", "systemd.Service.RemainAfterExit=yes"),
    )
    machine.run(["wctl", "update"])
    with gates(machine, "end"):
        machine.run(["wctl", "start", UNIT])
        open_gate(machine, "end")
        assert reach(machine, "exited") == "EXITED"
    found = machine.run(["wctl", "doctor"], check=False)
    assert "not fully examined" not in found.err
    assert "last exit: exit status 0" in found.out
    # systemd would find that a start has nothing to do.
    assert f"$ wctl restart {UNIT}\n" in found.out


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
