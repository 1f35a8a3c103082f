"""The pump beside Supervisor, s6-log, svlogd, multilog and cat: the same lines, as ratios.

    PYTHONPATH=tests python3 tests/bench/logs.py [--megabytes 256] [--rounds 5]

Boots a throw-away machine with wctl's package, Supervisor 4.3 from PyPI, and the others from
Debian. Each takes lines of 90 bytes from the same producer and rotates at 10 MB, with 3 older
files. Timed is the producer, from its first line to its last. Medians.
"""

from __future__ import annotations

import argparse
import re
import statistics
from collections.abc import Mapping, Sequence

from machine import package, provision
from machine.driver import Machine, unique_name, wait_for

PACKAGES = "s6 runit daemontools"
INPUT = "/srv/bench/input"
PRODUCER = f"""#!/bin/sh
date +%s%N >/srv/bench/begun
cat {INPUT}
date +%s%N >/srv/bench/ended
"""
MAKE_INPUT = """
line = b"x" * 80 + b"%09d\\n"
with open("{path}", "wb") as file:
    for number in range({count}):
        file.write(line % number)
"""
SIZE = 10 << 20
BACKUPS = 3
SUPERVISORD = f"""[supervisord]
nodaemon=true
logfile=/dev/null
logfile_maxbytes=0
pidfile=/srv/bench/supervisord.pid
[program:p]
command=/srv/bench/produce
autorestart=false
startsecs=0
redirect_stderr=true
stdout_logfile=/srv/bench/out/p.log
stdout_logfile_maxbytes={SIZE}
stdout_logfile_backups={BACKUPS}
"""
WRAPPER = (
    "/usr/bin/python3 -I -S /usr/lib/python3/dist-packages/wctl/worker.py --log=file"
    f" --redirect-stderr --ready=notify --stdout-file=/srv/bench/out/p.log --stdout-maxbytes={SIZE}"
    f" --stdout-backups={BACKUPS} p@00.service -- /srv/bench/produce"
)
TOOLS = {
    "cat > file": "/srv/bench/produce | cat >/srv/bench/out/p.log",
    "wctl's pump": WRAPPER,
    "Supervisor": "exec /opt/supervisor/bin/supervisord -c /srv/bench/s.conf",
    "s6-log": f"/srv/bench/produce | s6-log n{BACKUPS} s{SIZE} /srv/bench/out",
    "svlogd": "/srv/bench/produce | svlogd /srv/bench/out",
    "multilog": f"/srv/bench/produce | multilog s{SIZE} n{BACKUPS} /srv/bench/out",
}


def prepare(machine: Machine, megabytes: int) -> None:
    """Installs the tools and makes the lines."""
    machine.run("apt-get update -qq", timeout=300)
    machine.run(f"apt-get install -qq --yes --no-install-recommends {PACKAGES}", timeout=300)
    machine.run("python3 -m venv /opt/supervisor")
    machine.run("/opt/supervisor/bin/pip -q install supervisor==4.3.0", timeout=300)
    machine.write("/srv/bench/produce", PRODUCER, mode=0o755)
    machine.write("/srv/bench/s.conf", SUPERVISORD)
    count = (megabytes << 20) // 90
    machine.run(["python3", "-c", MAKE_INPUT.format(path=INPUT, count=count)], timeout=300)


def run(machine: Machine, tool: str) -> tuple[float, int]:
    """Returns how long the producer took, and the tool's memory at the end, in KiB, where known."""
    machine.run("rm -rf /srv/bench/out /srv/bench/ended; mkdir /srv/bench/out")
    machine.run(f"printf 's{SIZE}\\nn{BACKUPS}\\n' >/srv/bench/out/config")  # svlogd's
    measured = f"/usr/bin/time -f 'peak %M' -o /srv/bench/peak sh -c '{TOOLS[tool]}'"
    if tool == "Supervisor":
        process = machine.popen(TOOLS[tool])
        wait_for(lambda: machine.exists("/srv/bench/ended"), 600, "the producer")
        machine.stop(process)
    else:
        machine.run(measured, timeout=600)
    begun, ended = (int(machine.read(f"/srv/bench/{name}")) for name in ("begun", "ended"))
    peak = 0
    if tool == "wctl's pump":
        found = re.search(r"peak (\d+)", machine.read("/srv/bench/peak"))
        peak = int(found[1]) if found else 0
    return (ended - begun) / 1e9, peak


def table(seconds: Mapping[str, Sequence[float]], megabytes: int) -> str:
    """Returns throughput and ratios; above 1, wctl's pump is faster."""
    medians = {tool: statistics.median(samples) for tool, samples in seconds.items()}
    ours = medians["wctl's pump"]
    rows = [f"| {megabytes} MB | seconds | MB/s | wctl's pump is |\n|-|-|-|-|"]
    for tool, taken in medians.items():
        rate, ratio = megabytes / taken, taken / ours
        rows.append(f"| {tool} | {taken:.2f} | {rate:.0f} | {ratio:.2f} times as fast |")
    return "\n".join(rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {tool: [] for tool in TOOLS}
    peaks = []
    with Machine.boot(unique_name("bench-logs"), net=True) as machine:
        provision.install_wctl(machine, package.build("bookworm"))
        prepare(machine, options.megabytes)
        for _ in range(options.rounds):
            for tool, taken in seconds.items():
                time, peak = run(machine, tool)
                taken.append(time)
                peaks += [peak] if peak else []
    print(table(seconds, options.megabytes))
    print(f"| wctl's pump, peak memory | {max(peaks)} KiB | | |")


if __name__ == "__main__":
    main()
