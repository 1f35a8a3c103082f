"""Runs in the machine: what all its processes cost, and how soon a killed worker is back.

python3 inside.py cost               processes, and their memory (PSS) in KiB, as JSON
python3 inside.py idle SECONDS       wake-ups, and milliseconds of CPU, of all processes
python3 inside.py crash DIRECTORY N  seconds from a kill of each worker to its next start
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from pathlib import Path

_LEAST = 1.2  # seconds that a worker must have lived to count as started: startsecs and a margin


def processes() -> list[Path]:
    """Returns the directories in /proc of all processes except this one."""
    found = [entry for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [process for process in found if int(process.name) != os.getpid()]


def cost() -> dict[str, int]:
    """Returns how many processes there are, and their proportional share of memory."""
    count = memory = 0
    for process in processes():
        try:
            found = re.search(r"^Pss: +(\d+)", (process / "smaps_rollup").read_text(), re.MULTILINE)
        except OSError:
            continue  # it has just ended, or is a zombie
        count += 1
        memory += int(found[1]) if found else 0
    return {"processes": count, "pss": memory}


def activity() -> tuple[int, int]:
    """Returns the context switches so far, and the nanoseconds of CPU, of all processes."""
    switches = used = 0
    for process in processes():
        try:
            status = (process / "status").read_text()
            used += int((process / "schedstat").read_text().split()[0])
        except OSError:
            continue
        switches += sum(
            map(int, re.findall(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.MULTILINE))
        )
    return switches, used


def idle(seconds: float) -> dict[str, float]:
    """Returns the wake-ups, and the milliseconds of CPU, a minute while the machine is idle."""
    switches, used = activity()
    time.sleep(seconds)
    later, more = activity()
    minutes = seconds / 60
    return {"wakeups": (later - switches) / minutes, "cpu": (more - used) / 1e6 / minutes}


def crash(directory: str, kills: int) -> list[float]:
    """Kills workers one after the other; returns for each the seconds until its next start."""
    files = sorted(Path(directory).iterdir())
    taken = []
    for number in range(kills):
        file = files[number % len(files)]
        pid, started = map(int, file.read_text().split())
        time.sleep(max(0.0, started / 1e9 + _LEAST - time.time()))
        killed = time.time_ns()
        os.kill(pid, signal.SIGKILL)
        taken.append((_next_start(file, pid) - killed) / 1e9)
    return taken


def _next_start(file: Path, before: int) -> int:
    """Waits until a worker has noted another process; returns when that started."""
    while True:
        words = file.read_text().split()
        if len(words) == 2 and int(words[0]) != before:
            return int(words[1])
        time.sleep(0.001)


if __name__ == "__main__":
    verb, *rest = sys.argv[1:]
    if verb == "cost":
        print(json.dumps(cost()))
    elif verb == "idle":
        print(json.dumps(idle(float(rest[0]))))
    else:
        print(json.dumps(crash(rest[0], int(rest[1]))))
