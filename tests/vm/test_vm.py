"""Tests that need their own kernel: limits of cgroup version 2, booting, and power cuts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from machine.driver import wait_for
from machine.vm import VM

pytestmark = pytest.mark.full  # the processor is emulated

SLOW = 300  # seconds

# Waits for a line in its FIFO, and then eats all memory that it gets.
HOG = """\
[program:hog]
command = sh -c 'read -r word </run/eat-%(process_num)02d; tail /dev/zero'
process_name = %(program_name)s_%(process_num)02d
numprocs = 2
memory_max = 40M
"""

SHIPPED = Path(__file__).parents[2] / "units/messenger-worker.conf"


def sleepers(name: str, command: str = "sleep 1000") -> str:
    return (
        f"[program:{name}]\ncommand={command}\n"
        "process_name=%(program_name)s_%(process_num)02d\nstartsecs=1\n"
    )


def configure(vm: VM, name: str, text: str) -> None:
    vm.write(f"/etc/wctl/conf.d/{name}.conf", text)


def states(vm: VM, program: str) -> list[str]:
    """Returns the states of a program's instances, in their order."""
    shown = vm.run(["wctl", "status", "--json", program], check=False).out
    return [instance["state"] for instance in json.loads(shown)]


def all_run(vm: VM, program: str, count: int) -> None:
    """Waits until exactly `count` instances are there and RUNNING."""
    wait_for(
        lambda: states(vm, program) == ["RUNNING"] * count,
        SLOW,
        f"{count} instances of {program}",
        interval=0.5,
    )


def show(vm: VM, unit: str, name: str) -> str:
    return vm.run(["systemctl", "show", "--value", f"--property={name}", unit]).out.strip()


def in_background(vm: VM, *command: str) -> None:
    vm.run(["systemd-run", "--no-block", "--collect", "--", *command])


def wait_in(vm: VM, condition: str) -> None:
    """Waits inside the machine, which sees sooner than we do that the condition is true."""
    vm.run(f"until {condition}; do sleep 0.2; done", timeout=SLOW)


def test_memory_limit_kills_that_worker_alone(vm: VM) -> None:
    """The kernel's OOM killer ends one worker; systemd restarts it, and no other worker.

    status names the reason. doctor has a finding until its remedy has raised the limit.
    """
    configure(vm, "hog", HOG)
    vm.run("mkfifo /run/eat-00 /run/eat-01; wctl update")
    assert states(vm, "hog") == ["RUNNING"] * 2
    other = show(vm, "hog@01", "MainPID")
    vm.run("echo >/run/eat-00")
    active = "systemctl is-active -q hog@00"
    wait_in(vm, f"[ $(systemctl show --value -p NRestarts hog@00) = 1 ] && {active}")
    said = vm.run("journalctl -b -u hog@00 -o cat").out
    assert "hog@00.service: Failed with result 'oom-kill'." in said
    assert show(vm, "hog@01", "MainPID") == other
    status = vm.run(["wctl", "status", "-l", "hog"]).out
    assert "last exit: killed by SIGKILL, out of memory (limit 40M)" in status
    (row,) = (line.split() for line in status.splitlines() if line.startswith("hog@00 "))
    assert (row[4], row[5].partition("/")[2]) == ("1", "40M"), status
    assert status.count(" RUNNING ") == 2

    doctor = ["wctl", "doctor", "--json", "hog"]
    (finding,) = json.loads(vm.run(doctor, check=False, timeout=SLOW).out)
    assert (finding["code"], finding["subject"]) == ("out-of-memory", "hog@00")
    assert "memory_max" in finding["what"]
    assert "MemoryMax=40M" in finding["evidence"]
    # The user follows the remedy and raises the limit.
    vm.write("/root/edit", 'sed -i "${1#+}s/40M/80M/" "$2"\n')
    vm.run(f"EDITOR='sh /root/edit'; {finding['remedy']}", timeout=SLOW)
    assert json.loads(vm.run(doctor, timeout=SLOW).out) == []


def test_boot_starts_exactly_what_was_scaled(vm: VM) -> None:
    """After `systemctl reboot` the scaled instances run, no more and no fewer."""
    configure(
        vm, "boot", sleepers("boot") + sleepers("none") + sleepers("byhand") + "autostart=false\n"
    )
    vm.run(["wctl", "update"])
    vm.run(["wctl", "scale", "boot=3", "none=0"])
    vm.reboot()
    all_run(vm, "boot", 3)
    assert (states(vm, "none"), states(vm, "byhand")) == (["STOPPED"], ["STOPPED"])
    assert "scaled to 0" in vm.run(["wctl", "status", "none"], check=False).out
    assert vm.run("systemctl list-units --all --plain --no-legend 'none@*'").out == ""


def test_power_cut_in_the_middle_of_scale(vm: VM) -> None:
    """The power is cut while systemd starts five instances: the next boot starts all five.

    tests/e2e/test_main_job.py has this without the loss of what was not yet on the disk.
    """
    configure(vm, "grow", sleepers("grow"))
    vm.run(["wctl", "update"])
    vm.run(["sync"])
    in_background(vm, "wctl", "scale", "grow=5")
    wait_in(vm, "systemctl is-active grow@04 | grep -qxE 'activating|active'")
    vm.power_cut()
    vm.start()
    all_run(vm, "grow", 5)
    assert vm.run(["wctl", "update"]).out == "No config updates to processes\n"
    assert len(states(vm, "grow")) == 5


@pytest.mark.parametrize("moment", ["intent", "file", "restart"])
def test_power_cut_in_the_middle_of_update(vm: VM, moment: str) -> None:
    """At whatever step of an update the power is cut, another `wctl update` completes it."""
    kept, new = f"kept-{moment}", f"new-{moment}"
    configure(vm, moment, sleepers(kept))
    vm.run(["wctl", "update"])
    vm.run(["wctl", "scale", f"{kept}=2"])
    vm.run(["sync"])
    configure(vm, moment, sleepers(kept, "sleep 2000") + sleepers(new))
    vm.run(["sync"])
    in_background(vm, "wctl", "update")
    units = "/etc/systemd/system"
    wait_in(
        vm,
        {
            "intent": f"[ -e {units}/.wctl-update ]",
            "file": f"[ -e {units}/{new}@.service ]",
            "restart": f"systemctl is-active {new}@00 | grep -qxE 'activating|active'",
        }[moment],
    )
    vm.power_cut()
    vm.start()
    vm.run(["wctl", "update"])
    all_run(vm, kept, 2)
    all_run(vm, new, 1)
    for instance in (f"{kept}@00", f"{kept}@01"):
        command = vm.run(f"tr '\\0' ' ' </proc/{show(vm, instance, 'MainPID')}/cmdline").out
        assert command == "sleep 2000 "
    assert vm.run(["wctl", "update"]).out == "No config updates to processes\n"
    assert not vm.run(f"find {units} -name '.*' -type f").out


@pytest.mark.parametrize("level", ["basic", "strict"])
def test_power_cut_under_load(vm: VM, level: str) -> None:
    """After the boot, hardened Symfony workers run again and consume the remaining messages."""
    console = "php bin/console"
    text = SHIPPED.read_text().replace("autostart = false", "autostart = true")
    text = text.replace("[program:messenger-worker]", f"[program:load-{level}]")
    text += f"hardening = {level}\nsystemd.Service.ReadWritePaths = /srv/app/var\n"
    configure(vm, level, text)
    vm.run(["wctl", "update"])
    vm.run(["wctl", "scale", f"load-{level}=3"], timeout=SLOW)
    vm.run(f"{console} app:dispatch ok:200", user="www-data", cwd="/srv/app")
    vm.run(["sync"])
    wait_in(vm, f"journalctl -b -u 'load-{level}@*' -o cat | grep -q 'handled successfully'")
    vm.power_cut()
    vm.start()
    all_run(vm, f"load-{level}", 3)

    def waiting() -> str:
        stats = f"{console} app:stats async --format=json"
        return vm.run(stats, user="www-data", cwd="/srv/app").out

    # This does not count messages that a worker had taken: Messenger redelivers them in an hour.
    wait_for(lambda: waiting() == '{"async":0}\n', SLOW, "an empty queue", interval=1)
    assert states(vm, f"load-{level}") == ["RUNNING"] * 3
    vm.run(["wctl", "scale", f"load-{level}=0"], timeout=SLOW)
