"""The answers of wctl-cookbook(7): their files are right, and their commands work, in its order."""

from __future__ import annotations

import re
from collections.abc import Iterator

from machine.driver import Machine, wait_for
from machine.package import TREE
from machine.units import states

EXAMPLE = re.compile(r"^\.EX\n(.*?)^\.EE$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"[#;] (/\S+)\n")
FILES = ("/etc/mailer.env", "/etc/sudoers.d/deploy", "/etc/systemd/system/alarm@.service")


def examples() -> Iterator[str]:
    """Yields the examples of the page's source, in which nothing is escaped."""
    for found in EXAMPLE.finditer((TREE / "pkg/man/wctl-cookbook.7.in").read_text()):
        yield found[1]


def test_answers(machine: Machine) -> None:
    """Whoever types them from the first to the last sees no error."""
    machine.run("mkdir -p /etc/sudoers.d")
    ran = []
    try:
        for example in examples():
            file = FILE.match(example)
            if file is not None:
                machine.write(file[1], example)
                continue
            for line in example.splitlines():
                if line.startswith("# "):
                    machine.run(line[2:])
                    ran.append(line)
        assert len(ran) > 30, ran
        checked = machine.run("wctl check --strict && wctl update")
        assert "warning" not in checked.out.replace("0 warnings", "")
        assert states(machine)["mailer@01"] == "RUNNING"

        # What the answers promise: the timer knows its unit, and the alarm rings.
        timers = machine.run("systemctl list-timers --no-pager nightly.timer").out
        assert "nightly@00.service" in timers
        machine.run("systemctl start nightly@00")
        machine.run("mkdir -p /etc/systemd/system/watched@.service.d")
        drop_in = "[Service]\nExecStart=\nExecStart=/bin/false\nRestart=no\n"
        machine.write("/etc/systemd/system/watched@.service.d/x.conf", drop_in)
        machine.run("systemctl daemon-reload; systemctl restart watched@00", check=False)
        alarm = "/run/alarm-watched@00.service"
        wait_for(lambda: machine.exists(alarm) and machine.read(alarm), 30, "the alarm")
        assert machine.read(alarm).startswith("watched@00 ")
    finally:
        machine.run("systemctl disable --now nightly.timer", check=False)
        names = " ".join((*FILES, "/etc/systemd/system/nightly.timer", "/run/alarm-*"))
        machine.run(f"rm -rf {names} /tmp/units; systemctl daemon-reload")
