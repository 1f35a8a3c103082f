"""Resident mode: to systemd it is as if the wrapper were not there."""

from __future__ import annotations

import time

import pytest

from e2e.wrapper.fleet import Fleet
from machine.driver import Machine, wait_for

# How a worker ends, after it was READY.
ENDS = {
    "exit0": "exit 0",
    "exit1": "exit 1",
    "exit77": "exit 77",
    "exit255": "exit 255",
    **{
        name: f"kill -{name} $$"
        for name in ("HUP", "INT", "TERM", "KILL", "SEGV", "PIPE", "USR1", "ALRM", "QUIT")
    },
    "RTMIN5": "kill -39 $$",
    "ABRTcore": "ulimit -c unlimited; kill -ABRT $$",
}
SAME = ("Result", "ExecMainCode", "ExecMainStatus", "ActiveState", "SubState")


@pytest.fixture(scope="module")
def ended(fleet: Fleet) -> Fleet:
    """A worker for each end, under the resident wrapper, and the same worker in a bare unit."""
    for end, text in ENDS.items():
        script = fleet.script(end, f"cd /tmp\nsleep 1.5\n{text}\n")
        program = f"end-{end}"
        fleet.add(
            program,
            f"command={script}",
            "autorestart=false",
            "log=both",
            "systemd.Service.LimitCORE=infinity",
        )
        fleet.machine.write(
            f"/run/systemd/system/bare-{end}@.service",
            f"[Service]\nType=exec\nLimitCORE=infinity\nExecStart={script}\n",
        )
    fleet.run()
    # systemd forgets a unit that exited with success, unless another unit refers to it.
    bare = [f"bare-{end}@00.service" for end in ENDS]
    fleet.machine.write("/run/systemd/system/bare.target", "[Unit]\nWants=" + " ".join(bare) + "\n")
    fleet.systemctl("daemon-reload")
    fleet.systemctl("start", "bare.target")
    both = [f"{kind}-{end}@00" for kind in ("bare", "end") for end in ENDS]
    wait_for(
        lambda: (
            {
                properties["ActiveState"]
                for properties in fleet.show("ActiveState", units=both).values()
            }
            <= {"inactive", "failed"}
        ),
        30,
        "all workers to have ended",
    )
    return fleet


@pytest.mark.parametrize("end", ENDS)
def test_the_end_is_the_workers(ended: Fleet, end: str) -> None:
    """Result, exit code, signal and core dump are what systemd shows of a bare unit."""
    assert ended.one(f"end-{end}@00", *SAME) == ended.one(f"bare-{end}@00", *SAME)


@pytest.fixture(scope="module")
def running(fleet: Fleet) -> Fleet:
    """Resident workers of every kind."""
    log = "autorestart=true"
    fleet.add("pumped", "command=/bin/cat", "log=both", log)
    fleet.add("retried", "command=/bin/sleep 1000", "autorestart=false")
    fleet.add("awaited", "command=/bin/sh -c 'echo is up; exec sleep 1000'", "ready=log:up$", log)
    write = "while :; do head -c 300000 /dev/zero | tr '\\0' a | fold -w 4000; sleep 0.3; done"
    for log_to in ("file", "both"):
        fleet.add(f"busy-{log_to}", f'command=/bin/sh -c "{write}"', f"log={log_to}", log)
    silent = fleet.script("silent", "exec >&- 2>&-\nnote $1\nexec sleep 1000")
    fleet.add("silent", f"command={silent} silent", "log=both", log)
    fleet.install()
    names = ("pumped", "retried", "awaited", "silent", "busy-file", "busy-both")
    fleet.start([f"{name}@00" for name in names])
    fleet.await_states({f"{name}@00": "RUNNING" for name in names})
    return fleet


def child(machine: Machine, pid: str) -> str:
    return machine.read(f"/proc/{pid}/task/{pid}/children").strip()


@pytest.mark.parametrize(
    "unit", ["pumped@00", "retried@00", "awaited@00", "busy-file@00", "busy-both@00"]
)
def test_memory_is_at_most_10_mib(running: Fleet, unit: str) -> None:
    """The wrapper has at most 10 MiB in memory, including the interpreter's shared pages.

    This is its peak, both when idle and after megabytes of output have passed through it.
    """
    pid = running.one(unit, "MainPID")["MainPID"]
    if unit.startswith("busy"):
        # rchar of proc(5): the bytes that the wrapper has read, including its imports.
        wait_for(
            lambda: int(running.machine.read(f"/proc/{pid}/io").split()[1]) > 2_000_000, 30, "2 MB"
        )
    status = running.machine.read(f"/proc/{pid}/status")
    kib = next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line)
    assert kib <= 10 * 1024


@pytest.mark.parametrize("unit", ["pumped@00", "awaited@00"])
def test_a_killed_wrapper_takes_the_worker_with_it(running: Fleet, unit: str) -> None:
    """After SIGKILL of the wrapper, the worker ends, and systemd starts both again."""
    wrapper = running.one(unit, "MainPID")["MainPID"]
    worker = child(running.machine, wrapper)
    running.machine.run(["kill", "-KILL", wrapper])
    wait_for(lambda: running.one(unit, "MainPID")["MainPID"] not in ("0", wrapper), 20, "a new one")
    # systemd may have killed it, and not have waited: see stop() in test_wrapper_stops.
    wait_for(lambda: not running.machine.exists(f"/proc/{worker}"), 20, "the end of the worker")
    running.await_states({unit: "RUNNING"})


def test_a_worker_may_close_its_output(running: Fleet) -> None:
    """If a worker closes its output, the wrapper neither ends nor spins, and notices its end."""
    unit = "silent@00"
    running.await_states({unit: "RUNNING"})
    pid = running.one(unit, "MainPID")["MainPID"]

    def ticks() -> int:
        """Returns the CPU time that the wrapper has used, in hundredths of a second."""
        values = running.machine.read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        return int(values[11]) + int(values[12])

    before = ticks()
    time.sleep(2)
    assert ticks() - before < 20
    running.machine.run(["kill", "-SEGV", child(running.machine, pid)])
    wait_for(lambda: running.one(unit, "MainPID")["MainPID"] not in ("0", pid), 20, "a new one")


def test_signals_are_passed_on(running: Fleet) -> None:
    """The wrapper passes a signal on to the worker, and the unit's end is that of the worker."""
    unit = "retried@00"
    running.machine.run(["wctl", "signal", "USR2", unit])
    running.await_property(unit, "ActiveState", "failed")
    shown = running.one(unit, "ExecMainCode", "ExecMainStatus")
    assert shown == {"ExecMainCode": "2", "ExecMainStatus": "12"}
