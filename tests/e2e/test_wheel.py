"""wctl from its wheel, installed by pip: without the Debian package, with and without its extra."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from machine import provision
from machine.driver import Machine, unique_name, wait_for
from machine.package import TREE
from machine.units import configure, show

pytestmark = pytest.mark.full  # its machine takes long to make

SOURCES = ["pyproject.toml", "README.md", "LICENSE", "pkg"]
# Each reads the journal in its own way: "plain" runs journalctl, "full" uses systemd-python.
PLAIN, FULL = "/opt/plain/bin", "/opt/full/bin"
TALKS = 'seq -f "line %%g" 300; echo trouble >&2; printf "\\\\377 no text\\\\n"; exec sleep 1000'
TALKER = f"[program:talker]\ncommand = sh -c '{TALKS}'\nstartsecs = 1\n"


@pytest.fixture(scope="module")
def wheels(suite: str) -> Iterator[Machine]:
    """A machine without wctl's package: two virtual environments, both from the wheel.

    It has the host's network, and pip's settings are the host's.
    """
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    with Machine.boot(unique_name(f"wheel-{suite}"), f"{suite}/wheel", net=True) as machine:
        for path in map(Path, ("/etc/pip.conf", "/root/.config/pip/pip.conf", *pip.values())):
            if path.is_absolute() and path.is_file():
                machine.write(str(path), path.read_text())
        machine.copy_in(TREE, "/root/wctl", SOURCES)
        machine.run(
            """
            set -e
            python3 -m venv /opt/plain
            /opt/plain/bin/pip wheel --quiet --no-deps --wheel-dir /root /root/wctl
            /opt/plain/bin/pip install --quiet /root/wctl-*.whl
            python3 -m venv /opt/full
            /opt/full/bin/pip install --quiet "$(ls /root/wctl-*.whl)[journal]"
            """,
            env=pip,
            timeout=300,
        )
        yield machine


def test_wheel_runs_workers(wheels: Machine) -> None:
    """wctl from the wheel runs workers with the Python and the wrapper of its own environment."""
    configure(wheels, TALKER)
    wheels.run(f"{PLAIN}/wctl update")
    wheels.run(f"{PLAIN}/wctl scale 2")
    status = wheels.run(f"{PLAIN}/wctl status").out
    assert re.fullmatch(r"(talker@0[01] +RUNNING +pid \d+, uptime 0:00:0\d\n){2}", status)
    assert "/opt/plain/bin/python" in show(wheels, "talker@00", "ExecStart")["ExecStart"]
    assert wheels.run(f"{PLAIN}/wctl doctor").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        "tail talker@00",
        "tail -150 talker@01 stdout",
        "tail talker@00 stderr",
        "logs -n 500 -o cat talker",
        "logs -o json -n 20",
        "logs --grep 'line 2[0-9]*7$' talker@00",
        "logs --since '1 hour ago' --until '1 min ago'",
        "logs --priority notice",
        "maintail -50 talker@00",
    ],
)
def test_both_readers_show_the_same(wheels: Machine, arguments: str) -> None:
    """Without systemd-python, wctl runs journalctl and prints the same bytes."""
    probe = "-c 'import systemd'"
    assert wheels.run(f"{PLAIN}/python {probe}", check=False).code == 1
    wheels.run(f"{FULL}/python {probe}")
    configure(wheels, TALKER)
    wheels.run(f"{PLAIN}/wctl update; {PLAIN}/wctl scale 2; journalctl --sync")
    plain = wheels.run(f"{PLAIN}/wctl {arguments}", check=False)
    full = wheels.run(f"{FULL}/wctl {arguments}", check=False)
    assert plain == full
    assert (plain.code, plain.err) == (0, "")


@pytest.mark.parametrize("directory", [PLAIN, FULL])
def test_both_readers_follow(wheels: Machine, directory: str) -> None:
    """tail -f shows the last lines, then new lines, also after a restart of the worker."""
    configure(wheels, TALKER)
    wheels.run(f"{PLAIN}/wctl update; {PLAIN}/wctl scale 1; journalctl --sync; >/tmp/followed")
    follow = wheels.popen(f"exec {directory}/wctl tail -f -3 talker@00 stdout >/tmp/followed")
    wait_for(lambda: wheels.read("/tmp/followed").count("\n") == 3, 10, "the last lines")
    wheels.run(f"{PLAIN}/wctl restart talker@00")
    wait_for(lambda: wheels.read("/tmp/followed").count("\n") == 304, 10, "the new ones")
    wheels.stop(follow)


def test_wheel_for_a_user(wheels: Machine) -> None:
    """wctl --user works from a virtual environment, for a user who is not root."""
    environment = provision.lingering(wheels, "ann")
    wheels.write("/home/ann/.config/wctl/wctl.conf", TALKER.replace("talker", "mine"))
    wheels.run("chown -R ann: /home/ann")

    def wctl(arguments: str) -> str:
        command = f"{PLAIN}/wctl --user {arguments}"
        return wheels.run(command, user="ann", env=environment).out

    assert wctl("update") == "mine: added process group\nmine@00: started\n"
    assert wctl("scale 2").endswith("mine: scaled to 2\n")
    assert wctl("status").count(" RUNNING ") == 2
    wait_for(lambda: "line 300" in wctl("tail mine@01"), 10, "the journal to have the line")
    wctl("stop all")


def test_manual_of_the_wheel(wheels: Machine) -> None:
    """man finds the pages beside the command, and "wctl help" wherever they are."""
    for name, title in (
        ("wctl", "WCTL(1)"),
        ("wctl.conf", "WCTL.CONF(5)"),
        ("wctl-cookbook", "WCTL-COOKBOOK(7)"),
        ("wctl.news", "WCTL.NEWS(7)"),
    ):
        for command in (f"PATH={PLAIN}:$PATH man {name}", f"{PLAIN}/wctl help {name}"):
            assert wheels.run(command).out.startswith(title), command


def test_pypi_takes_them(wheels: Machine) -> None:
    """Wheel and source archive have what PyPI asks for; the wheel is that of the archive."""
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    shown = wheels.run(
        """
        set -e
        python3 -m venv /opt/publish
        /opt/publish/bin/pip install --quiet build twine
        cd /root/wctl && /opt/publish/bin/python -m build --outdir /root/dist >/dev/null
        /opt/publish/bin/twine check --strict /root/dist/*
        """,
        env=pip,
        timeout=300,
    ).out
    assert len(re.findall(r"Checking .*: (?:\x1b\[\d+m)?PASSED", shown)) == 2
