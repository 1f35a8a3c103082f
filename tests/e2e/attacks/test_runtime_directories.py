"""The count of failed starts, in a directory of the worker's user: whatever he puts there."""

from __future__ import annotations

import pytest

from machine.driver import Machine, wait_for
from machine.units import configure, show

COUNT = "/run/wctl/w@00.service/failed-starts"


@pytest.mark.parametrize(
    "put",
    ["mkfifo {}", "ln -s /etc/shadow {}", "ln -s /dev/zero {}", "mkdir {}", "echo -5 >{}"],
    ids=["fifo", "link", "device", "directory", "negative"],
)
def test_neither_doctor_nor_the_next_start_falls_for_it(machine: Machine, put: str) -> None:
    """doctor ends, and the next start goes its ordinary way."""
    configure(
        machine,
        "[program:w]\ncommand=sleep 1000\nuser=www-data\nstartsecs=1000\nautostart=false\n",
    )
    machine.run(["wctl", "update"])
    machine.run(["systemctl", "start", "--no-block", "w@00"])
    wait_for(lambda: machine.exists(COUNT), 20, "the count of failed starts")
    machine.run(f"rm {COUNT} && {put.format(COUNT)}", user="www-data")
    assert machine.run(["wctl", "doctor", "w"], check=False, timeout=30).code in (0, 1)
    before = show(machine, "w@00", "MainPID")["MainPID"]
    machine.run(["systemctl", "kill", "--signal=KILL", "w@00"])
    wait_for(lambda: show(machine, "w@00", "MainPID")["MainPID"] not in ("0", before), 20, "a pid")
    wait_for(
        lambda: "sleep" in machine.run("cat /proc/$(systemctl show -P MainPID w@00)/cmdline").out,
        20,
        "the worker's next start",
    )
    assert "Traceback" not in machine.run("journalctl -b -u w@00").out
    machine.run(["systemctl", "stop", "w@00"])
