"""The machines themselves: the properties on which the end-to-end tests rely."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from machine.driver import LATE, CommandError, Machine, MachineError, unique_name, wait_for
from machine.image import BED

HOSTILE = "'\"%$\\ \t\n é\n"


@pytest.fixture(scope="module")
def bare() -> Iterator[Machine]:
    """A machine without wctl."""
    with Machine.boot(unique_name("bare")) as machine:
        yield machine


def test_a_command_s_exit_code_and_output_come_through(bare: Machine) -> None:
    """run() and service_run() return exit code and output; run() also runs as another user."""
    result = bare.run("cat; echo err >&2; exit 3", input="in", check=False)
    assert (result.code, result.out, result.err) == (3, "in", "err\n")
    service = bare.service_run("cat; exit 4", input="in", check=False)
    assert (service.code, service.out) == (4, "in")
    assert bare.run("id -un; pwd", user="www-data", cwd="/srv").out == "www-data\n/srv\n"


def test_a_failure_tells_what_was_run_and_what_it_said(bare: Machine) -> None:
    """A CommandError shows the command, its exit code or timeout, and its output.

    Once the machine is gone, this message is all that a developer has.
    """
    with pytest.raises(
        CommandError, match=r"(?s)echo out.*exit code 1.*stdout:\nout.*stderr:\nerr"
    ):
        bare.run("echo out; echo err >&2; false")
    with pytest.raises(CommandError, match=r"(?s)sleep.*did not end within 0\.2 s.*stdout:\nout"):
        bare.run("echo out; sleep 60", timeout=0.2)


def test_files_survive_the_way_in_and_out(bare: Machine) -> None:
    """A file that is written and read back has the same bytes, its mode and its owner."""
    bare.write("/srv/a b/c", HOSTILE, 0o640, "www-data:adm")
    assert bare.read("/srv/a b/c") == HOSTILE
    assert bare.run(["stat", "-c", "%U:%G %a", "/srv/a b/c"]).out == "www-data:adm 640\n"


def test_a_background_process_can_be_stopped(bare: Machine) -> None:
    """stop() ends the process in the machine and leaves nothing of it there."""
    process = bare.popen("exec sleep 60")
    wait_for(lambda: bare.run(["pgrep", "-x", "sleep"], check=False).out, 5, "sleep to start")
    assert bare.stop(process, signal.SIGTERM).code != 0
    assert bare.run(["pgrep", "-x", "sleep"], check=False).out == ""


@pytest.mark.parametrize(
    ("setting", "command"),
    [
        ("MemoryMax=30M", "python3 -c 'bytearray(200_000_000)'"),
        ("TasksMax=2", "sleep 0.1 & sleep 0.1 & sleep 0.1 & wait"),
    ],
)
def test_limits_are_enforced(bare: Machine, setting: str, command: str) -> None:
    """A service that exceeds MemoryMax= or TasksMax= fails.

    Under systemd-nspawn, limits would silently do nothing on a host with cgroup version 1.
    """
    assert bare.service_run(command).code == 0
    limits = [setting, "MemorySwapMax=0"]
    assert bare.service_run(command, properties=limits, check=False).code != 0


@pytest.mark.parametrize("how", ["reboot", "power_cut"])
def test_it_boots_again_with_the_same_files(bare: Machine, how: str) -> None:
    """After a reboot or a power cut, files are there, /run is new, the journal has both boots."""
    before = bare.boot_id()
    bare.run("echo kept >/srv/kept; echo gone >/run/gone; sync")
    getattr(bare, how)()
    assert bare.boot_id() != before
    assert (bare.read("/srv/kept"), bare.exists("/run/gone")) == ("kept\n", False)
    assert before.replace("-", "") in bare.run("journalctl --list-boots --no-pager").out


def bed_processes(name: str) -> list[str]:
    command = ["pgrep", "-f", f"bed _.* {name}"]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout.split()


def leftovers(name: str) -> list[str]:
    """Returns the mounts, cgroups and processes of a machine, as the host sees them."""
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if name in line]
    # Not rglob(): it fails if another machine's cgroup disappears meanwhile.
    cgroups = [
        f"{directory}/{found}"
        for directory, folders, _ in os.walk("/sys/fs/cgroup")
        for found in folders
        if name in found
    ]
    return mounts + cgroups + bed_processes(name)


@pytest.mark.parametrize("how", ["down", "kill"])
def test_nothing_is_left_of_a_machine(how: str) -> None:
    """After down() or kill(), the host has no mount, cgroup or process of the machine."""
    machine = Machine.boot(unique_name(f"gone-{how}"))
    assert leftovers(machine.name) != []
    getattr(machine, how)()
    assert leftovers(machine.name) == []


def test_a_crashed_machine_does_not_stand_in_the_way_of_the_next() -> None:
    """If the processes of `bed` are killed, another machine of the same name boots."""
    machine = Machine.boot(unique_name("crash"))
    for pid in bed_processes(machine.name):
        subprocess.run(["kill", "-KILL", pid], check=False)
    again = wait_for(lambda: _boots(machine.name), 5, "the name to be free")
    again.down()
    assert leftovers(machine.name) == []


def _boots(name: str) -> Machine | None:
    try:
        return Machine.boot(name)
    except MachineError:  # the kernel has not yet removed everything that was killed
        return None


def test_the_machines_of_a_test_run_that_is_gone_are_reaped() -> None:
    """`bed reap` kills a machine when the process that owns it is gone, and not before.

    A test run that was killed could not end its machines itself.
    """
    owner = subprocess.Popen(["true"])
    machine = Machine.boot(f"orphan-{owner.pid}")  # a zombie still counts as there
    subprocess.run([str(BED), "reap"], check=True)
    assert leftovers(machine.name) != []
    owner.wait()
    subprocess.run([str(BED), "reap"], check=True)
    assert leftovers(machine.name) == []


def test_booting_takes_seconds_at_most() -> None:
    """A machine boots within LATE: a test can afford a new machine."""
    start = time.monotonic()
    with Machine.boot(unique_name("quick")):
        assert time.monotonic() - start < LATE
