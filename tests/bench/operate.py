"""wctl beside supervisorctl: the same workers, the same machine, in turn, as ratios.

    PYTHONPATH=tests python3 tests/bench/operate.py [--workers 100] [--rounds 5]

Boots a throw-away machine with wctl's package and Supervisor 4.3 from PyPI, and times: status of
all workers, 0 to all of them (less startsecs), and one worker more. Medians; the raw figures go
to standard error as JSON.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import time
from collections.abc import Callable

from machine import package, provision
from machine.driver import Machine, unique_name, wait_for

STARTSECS = 1
PROGRAM = """[program:w]
command=sleep 100000
numprocs={count}
process_name=%(program_name)s_%(process_num)03d
startsecs={startsecs}
"""
SUPERVISORD = """[supervisord]
nodaemon=true
[unix_http_server]
file=/run/s.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix:///run/s.sock
"""
CTL = "/opt/supervisor/bin/supervisorctl -c /opt/s.conf"
Timed = Callable[[], float]


class Wctl:
    """Workers under systemd."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def configure(self, count: int) -> None:
        text = PROGRAM.format(count=count, startsecs=STARTSECS)
        self._machine.write("/etc/wctl/conf.d/w.conf", text)

    def status(self) -> float:
        return _time(self._machine, "wctl status")

    def from_zero(self, count: int) -> float:
        self._machine.run("wctl scale w 0", timeout=300)
        return _time(self._machine, f"wctl scale w {count}") - STARTSECS

    def one_more(self, count: int) -> float:
        self._machine.run(f"wctl scale w {count}", timeout=300)
        return _time(self._machine, f"wctl scale w {count + 1}")


class Supervisor:
    """The same workers under supervisord."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def configure(self, count: int) -> None:
        text = SUPERVISORD + PROGRAM.format(count=count, startsecs=STARTSECS)
        self._machine.write("/opt/s.conf", text)

    def status(self) -> float:
        return _time(self._machine, f"{CTL} status")

    def from_zero(self, count: int) -> float:
        self._machine.run(f"{CTL} stop w:*", timeout=300)
        return _time(self._machine, f"{CTL} start w:*") - STARTSECS

    def one_more(self, count: int) -> float:
        self.configure(count)
        self._machine.run(f"{CTL} update", timeout=300)
        self._until_running(count)
        self.configure(count + 1)
        begun = time.monotonic()
        self._machine.run(f"{CTL} update", timeout=300)
        self._until_running(count + 1)
        return time.monotonic() - begun

    def _until_running(self, count: int) -> None:
        def running() -> bool:
            shown = self._machine.run(f"{CTL} status", check=False).out
            return len(re.findall("RUNNING", shown)) == count

        wait_for(running, 300, "all to run")


def _time(machine: Machine, command: str) -> float:
    """Return the seconds that ``command`` takes, less what it takes to enter the machine."""
    begun = time.monotonic()
    machine.run(command, timeout=600)
    took = time.monotonic() - begun
    begun = time.monotonic()
    machine.run("true")
    return took - (time.monotonic() - begun)


def measure(machine: Machine, count: int, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Return the seconds of each round, by task and tool; the tools take turns."""
    tools = {"wctl": Wctl(machine), "supervisor": Supervisor(machine)}
    found: dict[str, dict[str, list[float]]] = {}
    for name in ("status", "from_zero", "one_more"):
        for _ in range(rounds if name != "one_more" else max(1, rounds // 2)):
            for tool, run in tools.items():
                task = getattr(run, name)
                seconds = task() if name == "status" else task(count)
                found.setdefault(name, {}).setdefault(tool, []).append(round(seconds, 4))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workers", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with Machine.boot(unique_name("bench"), net=True) as machine:
        provision.install_wctl(machine, package.build("bookworm"))
        machine.run("rm /etc/wctl/conf.d/*")
        machine.run("python3 -m venv /opt/supervisor")
        machine.run("/opt/supervisor/bin/pip -q install supervisor==4.3.0", timeout=300)
        Wctl(machine).configure(options.workers)
        Supervisor(machine).configure(options.workers)
        machine.run("wctl update", timeout=300)
        quiet = ">/dev/null 2>&1"  # nobody would read its log from a pipe
        server = machine.popen(f"exec /opt/supervisor/bin/supervisord -c /opt/s.conf {quiet}")
        wait_for(lambda: machine.exists("/run/s.sock"), 30, "supervisord")
        wait_for(
            lambda: "STARTING" not in machine.run(f"{CTL} status", check=False).out, 120, "all up"
        )
        found = measure(machine, options.workers, options.rounds)
        help_time = statistics.median(_time(machine, "wctl --help") for _ in range(9))
        machine.stop(server)
    json.dump({"workers": options.workers, "seconds": found}, sys.stderr)
    sys.stderr.write("\n")
    print(f"| {options.workers} workers | wctl | supervisorctl | ratio |\n|-|-|-|-|")
    for name, title in (
        ("status", "status"),
        ("from_zero", "0 to all, less startsecs"),
        ("one_more", "one more"),
    ):
        ours, theirs = (statistics.median(found[name][tool]) for tool in ("wctl", "supervisor"))
        print(f"| {title} | {ours:.3f} s | {theirs:.3f} s | {ours / theirs:.2f} |")
    print(f"| wctl --help | {help_time * 1000:.0f} ms | | |")


if __name__ == "__main__":
    main()
