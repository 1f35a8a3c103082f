"""wctl beside Supervisor and bare systemd, in one machine: a table, a picture, the raw figures.

Run it as tests/bench/run, which installs what it needs.
"""

from __future__ import annotations

import argparse
import json
import sys
import sysconfig
from dataclasses import asdict
from pathlib import Path

from bench import output, report
from bench.measures import Bench, Scale
from bench.tools import HOME, WORKER, Supervisor, Systemd, Tool, Wctl
from machine import package, provision
from machine.driver import Machine, unique_name

HERE = Path(__file__).parent


def prepare(machine: Machine) -> None:
    """Installs wctl, Supervisor and the workers."""
    provision.install_wctl(machine, package.build("bookworm"))
    # Supervisor as pip has installed it here, but for the machine's own Python, which wctl uses.
    machine.copy_in(Path(sysconfig.get_path("purelib")), f"{HOME}/supervisor", ["supervisor"])
    machine.run(["python3", "-m", "compileall", "-q", f"{HOME}/supervisor"])
    machine.write(f"{HOME}/worker", WORKER, mode=0o755)
    machine.write(f"{HOME}/inside.py", (HERE / "inside.py").read_text())
    machine.run(["install", "-d", "-o", "www-data", f"{HOME}/started"])


def measure(bench: Bench) -> None:
    """Measures everything; the tools take turns, so that a slow minute hits all of them."""
    tools: list[Tool] = [kind(bench.machine) for kind in (Wctl, Supervisor, Systemd)]
    for number in range(bench.scale.rounds):
        for tool in tools:
            _say(f"round {number + 1} of {bench.scale.rounds}: {tool.name}")
            bench.tool(tool)
    bench.help()
    bench.still()
    for tool in tools:
        _say(f"crashes and idling: {tool.name}")
        bench.lasting(tool)
    output.prepare(bench)
    for number in range(bench.scale.rounds):
        _say(f"output, round {number + 1} of {bench.scale.rounds}")
        output.by_wctl(bench)
        output.by_supervisor(bench)


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__)
    for name, value in asdict(Scale()).items():
        parser.add_argument(f"--{name}", type=type(value), default=value, metavar="N")
    parser.add_argument("-o", "--output", type=Path, default=Path("bench-results"), metavar="DIR")
    return parser.parse_args()


def main() -> None:
    """Measure, print, and write what was measured."""
    options = _options()
    scale = Scale(**{name: getattr(options, name) for name in asdict(Scale())})
    with Machine.boot(unique_name("bench")) as machine:
        bench = Bench(machine, scale)
        prepare(machine)
        measure(bench)
    options.output.mkdir(parents=True, exist_ok=True)
    ran_on = report.machine()
    raw = {"machine": ran_on, "scale": asdict(scale), "figures": bench.figures}
    (options.output / "raw.json").write_text(json.dumps(raw, indent=1) + "\n")
    text = f"{report.table(bench.figures)}\nMeasured on {ran_on}.\n"
    (options.output / "table.md").write_text(text)
    report.picture(bench.figures, options.output / "table.png")
    print(text, end="")


if __name__ == "__main__":
    main()
