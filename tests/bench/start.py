"""What the wrapper costs: from systemd's exec of it to its exec of the worker.

    PYTHONPATH=tests python3 tests/bench/start.py [--rounds 101]

The worker is a C program that has nothing to do, in a machine with the built package, so that the
time of a whole start, less that of the worker alone, is the wrapper's. Beside it the least that
Python needs: python3 -I -S -c pass. The commands take turns; medians. With --false N it starts
/bin/false N times as a unit, and counts how often that was ever active: the answer is 0.
"""

from __future__ import annotations

import argparse
import json
import statistics

from machine import package, provision
from machine.driver import Machine, unique_name

WRAPPER = "/usr/lib/python3/dist-packages/wctl/worker.py"
# Runs in the machine: one process that times the others, without a shell between.
TIMER = """
import json, os, subprocess, sys, time
rounds = int(sys.argv[1])
python = ["/usr/bin/python3", "-I", "-S"]
commands = {
    "worker alone": ["/bin/true"],
    "python3 -I -S -c pass": [*python, "-c", "pass"],
    "wrapper and worker": [*python, "WRAPPER", "--log=none", "bench@00.service", "--", "/bin/true"],
}
os.environ["RUNTIME_DIRECTORY"] = "/run/wctl/bench@00.service"
os.makedirs(os.environ["RUNTIME_DIRECTORY"], exist_ok=True)
found = {name: [] for name in commands}
for _ in range(rounds):
    for name, command in commands.items():
        try:
            os.unlink("/run/wctl/bench@00.service/failed-starts")
        except FileNotFoundError:
            pass
        begun = time.perf_counter()
        subprocess.run(command, check=True)
        found[name].append(time.perf_counter() - begun)
print(json.dumps(found))
"""
FALSE = """[program:false]
command=/bin/false
autostart=false
systemd.Service.Restart=no
systemd.Unit.StartLimitIntervalSec=0
"""
BATCH = 100


def starts(machine: Machine, rounds: int) -> None:
    """Print the table."""
    timer = ["python3", "-c", TIMER.replace("WRAPPER", WRAPPER), str(rounds)]
    found = json.loads(machine.run(timer, timeout=600).out)
    medians = {name: statistics.median(times) * 1000 for name, times in found.items()}
    print("| median of", rounds, "| ms |\n|-|-|")
    for name, value in medians.items():
        print(f"| {name} | {value:.1f} |")
    print(f"| the wrapper | {medians['wrapper and worker'] - medians['worker alone']:.1f} |")


def false(machine: Machine, count: int) -> None:
    """Start /bin/false ``count`` times and print how often it was active."""
    machine.run("rm /etc/wctl/conf.d/*")
    machine.write("/etc/wctl/conf.d/false.conf", FALSE)
    machine.run("wctl update")
    units = [f"false@{number:02d}" for number in range(BATCH)]
    active = 0
    show = ["systemctl", "show", "--property=ActiveEnterTimestampMonotonic", "--value", *units]
    for _ in range(count // BATCH):
        machine.run(["systemctl", "start", *units], check=False, timeout=300)
        active += sum(word != "0" for word in machine.run(show).out.split())
    print(f"/bin/false: {count // BATCH * BATCH} starts, {active} times active")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=101)
    parser.add_argument("--false", type=int, default=0, metavar="N")
    options = parser.parse_args()
    with Machine.boot(unique_name("bench")) as machine:
        provision.install_wctl(machine, package.build("bookworm"))
        starts(machine, options.rounds)
        if options.false:
            false(machine, options.false)


if __name__ == "__main__":
    main()
