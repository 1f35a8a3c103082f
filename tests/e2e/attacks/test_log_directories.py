"""Log directories of another user, in which root's worker logs: nothing happens anywhere else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from machine.driver import Machine, wait_for
from machine.units import configure, states

SHOP = "/srv/shop"  # www-data's
VICTIM = "/srv/victim"  # root's

# Puts a link to the victim in the place of the log directory, for some microseconds, so that the
# wrapper's own looks seldom find it; again and again, for a number of seconds.
FLIP = f"""
import ctypes, os, random, sys, time
libc = ctypes.CDLL(None, use_errno=True)
os.symlink("{VICTIM}", "{SHOP}/link")
end = time.monotonic() + float(sys.argv[1])
count = 0
while time.monotonic() < end:
    for _ in range(2):
        # AT_FDCWD, RENAME_EXCHANGE
        if libc.renameat2(-100, b"{SHOP}/log", -100, b"{SHOP}/link", 2):
            raise OSError(ctypes.get_errno(), "renameat2")
    for _ in range(random.randrange(2000)):
        pass
    count += 1
print(count)
"""
WRITE = "exec yes '* * * * * root id >/tmp/owned'"


@pytest.fixture
def shop(machine: Machine, _independent: None) -> Iterator[str]:
    """A directory of www-data with a directory for logs, and an empty directory of root."""
    machine.run(f"install -d -o www-data -g www-data {SHOP} {SHOP}/log; install -d {VICTIM}")
    machine.write("/srv/write.sh", WRITE)
    machine.write("/srv/flip.py", FLIP)
    yield SHOP
    machine.run("wctl stop all", check=False)
    machine.run(f"rm -rf {SHOP} {VICTIM} /srv/write.sh /srv/flip.py")


def update(machine: Machine) -> None:
    """Starts root's worker, whose log file is rotated all the time."""
    configure(
        machine,
        "[program:job]\ncommand=sh /srv/write.sh\nlog=file\nredirect_stderr=true\n"
        f"stdout_logfile={SHOP}/log/job\nstdout_logfile_maxbytes=64KB\nstdout_logfile_backups=3\n",
    )
    machine.run(["wctl", "update"])


def changed(machine: Machine) -> str:
    """Returns what has changed outside the attacker's directory since the stamp was made."""
    return machine.run(f"find /etc /home /root /srv -cnewer /run/stamp -not -path '{SHOP}*'").out


@pytest.mark.parametrize("seconds", [2, pytest.param(10, marks=pytest.mark.full)])
def test_a_directory_that_becomes_a_link_leads_nowhere(
    machine: Machine, shop: str, seconds: int
) -> None:
    """While www-data exchanges the log directory, root's worker writes and renames nothing else."""
    update(machine)
    wait_for(lambda: machine.exists(f"{shop}/log/job.3"), 20, "rotated files")
    machine.run("touch /run/stamp")
    flips = machine.run(["python3", "/srv/flip.py", str(seconds)], user="www-data").out
    assert int(flips) > 100
    assert states(machine) == {"job@00": "RUNNING"}
    assert machine.run(["ls", "-A", VICTIM]).out == ""
    assert changed(machine) == ""


def test_a_link_of_another_user_is_refused_from_the_start(machine: Machine, shop: str) -> None:
    """A link that is there before the worker starts leads nowhere either; the journal says so."""
    machine.run(f"rmdir {shop}/log && ln -s {VICTIM} {shop}/log", user="www-data")
    update(machine)
    said = "wctl maintail -100 job"
    refused = f"{shop}/log/job: user 33 decides where log leads: lines are dropped"
    wait_for(lambda: refused in machine.run(said).out, 20, refused)
    assert states(machine) == {"job@00": "RUNNING"}
    assert machine.run(["ls", "-A", VICTIM]).out == ""
    machine.run(f"rm {shop}/log && mkdir {shop}/log", user="www-data")
    wait_for(lambda: machine.exists(f"{shop}/log/job"), 20, "lines in the right directory")
    refused = f"{shop}/log/job: user 33 decides where job leads: lines are dropped"

    def linked() -> bool:
        # A rotation that has just begun renames the link, which then is an old file.
        machine.run(f"ln -sf {VICTIM}/job {shop}/log/job", user="www-data")
        return refused in machine.run(said).out

    wait_for(linked, 20, refused)
    assert machine.run(["ls", "-A", VICTIM]).out == ""


def test_a_link_of_root_leads_where_root_says(machine: Machine, shop: str) -> None:
    """An admin's link to another disk keeps working, and so does a directory of another user."""
    machine.run(f"ln -s {shop} /srv/disk")
    try:
        configure(
            machine,
            "[program:job]\ncommand=sh -c 'echo line; exec sleep 1000'\nlog=file\n"
            "stdout_logfile=/srv/disk/log/job\n",
        )
        machine.run(["wctl", "update"])
        wait_for(lambda: machine.read(f"{shop}/log/job") == "line\n", 10, "the line")
    finally:
        machine.run("rm /srv/disk")


def test_a_directory_in_the_way_of_a_rotation_loses_no_line(machine: Machine, shop: str) -> None:
    """If www-data blocks the rotation, the file grows, and the journal says once what blocks it."""
    path = f"{shop}/log/blocked"
    machine.run(f"mkdir {path}.1", user="www-data")
    configure(
        machine,
        "[program:job]\ncommand=sh -c 'seq 30000; exec sleep 1000'\nlog=file\n"
        f"stdout_logfile={path}\nstdout_logfile_maxbytes=64KB\nstdout_logfile_backups=1\n",
    )
    machine.run(["wctl", "update"])
    everything = "".join(f"{number}\n" for number in range(1, 30001))
    wait_for(lambda: machine.read(path) == everything, 20, "all lines in one file")
    said = machine.run("wctl maintail -100 job").out
    assert said.count(f"{path} cannot be rotated and grows: blocked.1: Is a directory") == 1
    assert f"{path}: " not in said  # which would tell of dropped lines
