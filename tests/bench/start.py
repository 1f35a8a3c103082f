"""What the wrapper costs: from systemd's exec of it to its exec of the worker.

    PYTHONPATH=tests python3 tests/bench/start.py [--rounds 101] [--against COMMIT]

The worker is a C program that has nothing to do, in a machine with the built package, so that the
time of a whole start, less that of the worker alone, is the wrapper's. Beside it stand the least
that Python needs, python3 -I -S -c pass, and the wrapper of another commit (--against). The
commands take turns. Printed are medians of wall and CPU time, and the system calls of one start.
With --false N it starts /bin/false N times as a unit, and counts how often that was ever active:
the answer is 0.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

from machine import package, provision
from machine.driver import Machine, unique_name

INSTALLED = "/usr/lib/python3/dist-packages"
# Runs in the machine: one process that times the others, without a shell in between.
TIMER = """
import json, os, subprocess, sys, time
rounds, commands = int(sys.argv[1]), json.loads(sys.argv[2])
os.environ["RUNTIME_DIRECTORY"] = "/run/wctl/bench@00.service"
os.makedirs(os.environ["RUNTIME_DIRECTORY"], exist_ok=True)
def first():
    try:
        os.unlink("/run/wctl/bench@00.service/failed-starts")
    except FileNotFoundError:
        pass
found = {name: {"wall": [], "cpu": []} for name in commands}
for _ in range(rounds):
    for name, command in commands.items():
        first()
        begun = time.perf_counter()
        process = subprocess.Popen(command)
        _, status, usage = os.wait4(process.pid, 0)
        found[name]["wall"].append(time.perf_counter() - begun)
        found[name]["cpu"].append(usage.ru_utime + usage.ru_stime)
        assert status == 0, (name, status)
for name, command in commands.items():
    first()
    subprocess.run(["strace", "-f", "-qq", "-o", "/run/calls", *command], check=True)
    with open("/run/calls") as calls:
        found[name]["calls"] = sum("resumed>" not in line for line in calls)
print(json.dumps(found))
"""
FALSE = """[program:false]
command=/bin/false
autostart=false
systemd.Service.Restart=no
systemd.Unit.StartLimitIntervalSec=0
"""
BATCH = 100


def wrapper(directory: str) -> list[str]:
    """Return the command of a start with the wctl of ``directory``."""
    python = ["/usr/bin/python3", "-I", "-S", f"{directory}/wctl/worker.py"]
    return [*python, "--log=none", "bench@00.service", "--", "/bin/true"]


def install_commit(machine: Machine, commit: str) -> str:
    """Copy wctl of a commit into the machine, byte-compile it as Debian does, return its path."""
    git = ["git", "-c", f"safe.directory={package.TREE}", "-C", str(package.TREE)]
    archive = subprocess.run([*git, "archive", commit, "pkg"], stdout=subprocess.PIPE, check=True)
    directory = f"/opt/{commit}"
    with tempfile.TemporaryDirectory() as there:
        subprocess.run(["tar", "-C", there, "-x"], input=archive.stdout, check=True)
        machine.copy_in(Path(there), directory)
    machine.run(["python3", "-m", "compileall", "-q", directory])
    return f"{directory}/pkg"


def starts(machine: Machine, rounds: int, against: str | None) -> None:
    """Print the table."""
    commands = {
        "worker alone": ["/bin/true"],
        "python3 -I -S -c pass": ["/usr/bin/python3", "-I", "-S", "-c", "pass"],
        "wrapper and worker": wrapper(INSTALLED),
    }
    if against is not None:
        commands[f"the same of {against}"] = wrapper(install_commit(machine, against))
    timer = ["python3", "-c", TIMER, str(rounds), json.dumps(commands)]
    found = json.loads(machine.run(timer, timeout=600).out)
    print(f"| median of {rounds} | wall, ms | CPU, ms | system calls |\n|-|-|-|-|")
    for name, figures in found.items():
        wall, cpu = (1000 * statistics.median(figures[kind]) for kind in ("wall", "cpu"))
        print(f"| {name} | {wall:.2f} | {cpu:.2f} | {figures['calls']} |")


def false(machine: Machine, count: int) -> None:
    """Start /bin/false ``count`` times and print how often it was active."""
    machine.run("rm -f /etc/wctl/conf.d/*")
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
    parser.add_argument("--against", metavar="COMMIT")
    parser.add_argument("--false", type=int, default=0, metavar="N")
    options = parser.parse_args()
    with Machine.boot(unique_name("bench")) as machine:
        provision.install_wctl(machine, package.build("bookworm"))
        starts(machine, options.rounds, options.against)
        if options.false:
            false(machine, options.false)


if __name__ == "__main__":
    main()
