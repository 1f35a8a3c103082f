"""Limits: systemd has each limit, and an allocation beyond MemoryMax= ends only that worker."""

from __future__ import annotations

import pytest

from e2e.wrapper.fleet import Fleet
from machine.driver import LATE, wait_for

# Option, its value; the property of the running unit, its value.
LIMITS = [
    ("memory_max", "64M", "MemoryMax", str(64 << 20)),
    ("memory_high", "48M", "MemoryHigh", str(48 << 20)),
    ("memory_swap_max", "0", "MemorySwapMax", "0"),
    ("cpu_quota", "150%%", "CPUQuotaPerSecUSec", "1.500000s"),
    ("cpu_weight", "55", "CPUWeight", "55"),
    ("io_weight", "44", "IOWeight", "44"),
    ("tasks_max", "33", "TasksMax", "33"),
    ("nice", "7", "Nice", "7"),
    ("max_runtime", "90min", "RuntimeMaxUSec", "1h 30min"),
    ("max_runtime_jitter", "5min", "RuntimeRandomizedExtraUSec", "5min"),
    ("stopwaitsecs", "77", "TimeoutStopUSec", "1min 17s"),
    ("umask", "027", "UMask", "0027"),
]


@pytest.fixture(scope="module")
def limited(fleet: Fleet) -> Fleet:
    """A worker with every limit, a worker without limits, and workers that exceed their limits."""
    fleet.add("all", "command=/bin/sleep 1000", *(f"{key}={value}" for key, value, *_ in LIMITS))
    soft = fleet.script("soft", "exec sleep 1000")
    fleet.add("derived", f"command={soft} messenger:consume --memory-limit=32M")
    fleet.add("none", "command=/bin/sleep 1000")
    hog = fleet.script(
        "hog", "note $1; [ $runs = 2 ] || { sleep 1.2; exec tail /dev/zero; }; exec sleep 1000"
    )
    fleet.add("hog", f"command={hog} hog", "memory_max=32M", "autorestart=true")
    fleet.add("neighbour", "command=/bin/sleep 1000", "memory_max=32M")
    old = fleet.script(
        "old", "note $1; trap 'note $1.TERM; exit 0' TERM; while :; do sleep 0.1; done"
    )
    fleet.add(
        "old", f"command={old} old", "autorestart=true", "max_runtime=2s", "max_runtime_jitter=1s"
    )
    deaf = fleet.script("deaf", "note $1; trap 'note $1.TERM' TERM; while :; do sleep 0.1; done")
    for mode, extra in (("handed", ()), ("resident", ("log=both",))):
        fleet.add(
            f"deaf-{mode}", f"command={deaf} deaf-{mode}", "max_runtime=1s", "stopwaitsecs=1",
            *extra,
        )  # fmt: skip
    fleet.run()
    return fleet


def ready_for(fleet: Fleet, instance: str, restarts: int) -> float:
    """Waits for an automatic restart; returns for how many seconds the life before was READY.

    These are systemd's own times. A worker that notes its own start can be late.
    """
    wanted = ("NRestarts", "ActiveEnterTimestampMonotonic", "ActiveExitTimestampMonotonic")
    lived = -1.0

    def restarted() -> bool:
        nonlocal lived
        found = fleet.one(instance, *wanted)
        count, enter, leave = (int(found[name]) for name in wanted)
        lived = (leave - enter) / 1e6
        return count >= restarts and lived > 0

    wait_for(restarted, 40, f"restart {restarts} of {instance}")
    return lived


@pytest.mark.parametrize(("option", "given", "name", "value"), LIMITS)
def test_each_limit_arrives(limited: Fleet, option: str, given: str, name: str, value: str) -> None:
    """systemd has the limit as it was configured."""
    assert limited.one("all@00", name) == {name: value}


def test_memory_max_is_above_the_workers_own_limit(limited: Fleet) -> None:
    """MemoryMax= is 256M above --memory-limit=32M; without that there is no MemoryMax=."""
    assert limited.one("derived@00", "MemoryMax") == {"MemoryMax": str(288 << 20)}
    assert limited.one("none@00", "MemoryMax") == {"MemoryMax": "infinity"}


def test_out_of_memory_ends_that_worker_alone(limited: Fleet) -> None:
    """The kernel kills the worker, systemd starts it again, and its neighbour runs on."""
    before = limited.one("neighbour@00", "MainPID")
    wait_for(lambda: len(limited.runs().get("hog", [])) >= 2, 30, "the second start")
    limited.await_states({"hog@00": "RUNNING"})
    assert limited.one("hog@00", "NRestarts") == {"NRestarts": "1"}
    assert limited.one("neighbour@00", "MainPID") == before


def test_status_says_how_it_ended(limited: Fleet) -> None:
    """status says that the worker was killed, and that memory ran out if systemd knows that.

    systemd knows that only with cgroup version 2: tests/vm has this test with its own kernel.
    """
    wait_for(lambda: len(limited.runs().get("hog", [])) >= 2, 30, "the second start")
    limited.await_states({"hog@00": "RUNNING"})
    known = "Failed with result 'oom-kill'" in limited.journal("hog@00")
    status = limited.machine.run(["wctl", "status", "-l", "hog@00"]).out
    expected = "killed by SIGKILL" + (", out of memory (limit 32M)" if known else "")
    assert status.rstrip().endswith(f"  last exit: {expected}")
    assert status.splitlines()[1].split()[4] == "1"  # RESTARTS


def test_old_workers_are_recycled_gracefully(limited: Fleet) -> None:
    """After max_runtime and at most max_runtime_jitter, systemd stops and restarts a worker."""
    for life in (1, 2):
        lived = ready_for(limited, "old@00", life)
        assert 2 <= lived < 3 + LATE
    assert len(limited.runs()["old.TERM"]) >= 2
    assert "Service reached runtime time limit. Stopping." in limited.journal("old@00")
    assert limited.states()["old@00"] in ("RUNNING", "STARTING", "STOPPING")


@pytest.mark.parametrize("mode", ["handed", "resident"])
def test_the_default_autorestart_recycles_too(limited: Fleet, mode: str) -> None:
    """With autorestart=unexpected, systemd starts a worker again after each end by max_runtime.

    This is so even if the worker ignores its stop signal and is killed after stopwaitsecs.
    """
    program = f"deaf-{mode}"
    for life in (1, 2):
        lived = ready_for(limited, f"{program}@00", life)
        assert 1 <= lived < 1 + LATE
    runs = limited.runs()
    for end, again in zip(runs[f"{program}.TERM"], runs[program][1:]):
        assert 0 < again - end < 1 + LATE  # stopwaitsecs: test_wrapper_stops has its exact length
    assert "next try" not in limited.journal(f"{program}@00")
