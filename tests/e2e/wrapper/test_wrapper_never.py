"""Two hundred starts (--full: two thousand): no failed start was RUNNING, not for a moment.

systemd keeps the time at which a unit was last active. So the tests need not watch the starts: they
see afterwards which units were RUNNING.
"""

from __future__ import annotations

from e2e.wrapper.fleet import Fleet
from machine.driver import FULL, wait_for

INSTANCES = 100
ROUNDS_OF_FALSE = 10 if FULL else 1
# Each instance has its own length of life: 41 steps from -20 to +20 ms.
ROUNDS_NEAR = 10 if FULL else 1
# One start each, so that no back-off takes time. Nothing else in the unit changes.
ONCE = ("systemd.Service.Restart=no", "systemd.Unit.StartLimitIntervalSec=0")


def run_all(fleet: Fleet, units: list[str]) -> None:
    """Starts units that are down, and waits until each of them is down again."""
    # systemctl returns when each unit was READY, or has failed.
    fleet.machine.run(["systemctl", "start", *units], check=False)

    def ended() -> bool:
        shown = fleet.show("ActiveState", units=units).values()
        return {properties["ActiveState"] for properties in shown} <= {"failed", "inactive"}

    wait_for(ended, 60, "all to have ended", interval=0.2)


def test_bin_false_is_never_running(fleet: Fleet) -> None:
    """/bin/false, started a hundred times at once, is never active; --full has ten rounds."""
    fleet.add("false", "command=/bin/false", *ONCE)
    fleet.install()
    units = [f"false@{number:02d}" for number in range(INSTANCES)]
    for _ in range(ROUNDS_OF_FALSE):
        # Each start by hand begins at zero, and ends at its first failure.
        run_all(fleet, units)
        shown = fleet.show("ActiveEnterTimestampMonotonic", "ExecMainStatus", units=units)
        assert len(shown) == INSTANCES
        for unit, values in shown.items():
            assert values == {"ActiveEnterTimestampMonotonic": "0", "ExecMainStatus": "1"}, unit


def test_who_dies_around_startsecs_is_running_only_after_it(fleet: Fleet) -> None:
    """Of commands that end at startsecs ± 20 ms, only those that reach startsecs become active.

    By systemd's clock, no command is active before startsecs, and no command is ever active that
    lived for less than startsecs, including the start of the wrapper. A hundred commands run at
    once, with --full in ten rounds.
    """
    for step in range(INSTANCES):
        life = 0.98 + (step % 41) / 1000
        fleet.add(f"near{step}", f"command=/bin/sleep {life:.3f}", "startsecs=1", *ONCE)
    fleet.install()
    units = [f"near{step}@00" for step in range(INSTANCES)]
    active = 0
    for _ in range(ROUNDS_NEAR):
        run_all(fleet, units)
        names = [
            f"{event}TimestampMonotonic"
            for event in ("ActiveEnter", "ExecMainStart", "ExecMainExit")
        ]
        for unit, times in fleet.show(*names, units=units).items():
            entered, began, ended = (int(times[name]) / 1e6 for name in names)
            ready = entered > began  # otherwise ActiveEnter is from an earlier round
            active += ready
            assert not ready or entered - began >= 1.0, (unit, entered - began)
            assert not ready or ended - began >= 1.0, (unit, ended - began)
    assert 0 < active < INSTANCES * ROUNDS_NEAR  # both sides of the line were met
