"""How fast a worker can write its output, by where the output goes."""

from __future__ import annotations

from bench.measures import Bench
from bench.tools import HOME, Supervisor
from machine.driver import wait_for

LINE = "x" * 79
PRODUCER = f"""#!/bin/sh
date +%s%N >{HOME}/begun
cat {HOME}/input
date +%s%N >{HOME}/ended.new
mv {HOME}/ended.new {HOME}/ended
exec sleep infinity
"""
PROGRAMS = """[program:{name}]
command={home}/produce
autostart=false
startsecs=1
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
"""
FILE = f"stdout_logfile={HOME}/out.log\n"


def prepare(bench: Bench) -> None:
    """Makes the lines and their producer."""
    machine = bench.machine
    machine.write(f"{HOME}/produce", PRODUCER, mode=0o755)
    count = bench.scale.megabytes * (1 << 20) // (len(LINE) + 1)
    machine.run(f"yes {LINE} | head -n {count} >{HOME}/input")


def by_wctl(bench: Bench) -> None:
    """Measures wctl's three kinds of log, for one round."""
    machine = bench.machine
    for log, more in (("journal", ""), ("file", FILE), ("both", FILE)):
        text = PROGRAMS.format(name="out", home=HOME) + f"log={log}\n{more}"
        machine.write("/etc/wctl/conf.d/out.conf", text)
        machine.run(["wctl", "update"], timeout=60)
        machine.run(f"rm -f {HOME}/ended {HOME}/out.log*")
        machine.run(["wctl", "start", "--no-wait", "out@00"], timeout=60)
        _note(bench, f"output to {log}, MB/s", "wctl")
        machine.run("wctl stop out@00; rm /etc/wctl/conf.d/out.conf; wctl remove out", timeout=60)
        # The next measurement must not pay for what this one wrote.
        machine.run("journalctl --rotate --vacuum-size=1M; sync", timeout=120)


def by_supervisor(bench: Bench) -> None:
    """Measures Supervisor's only kind of log, a file, for one round."""
    machine = bench.machine
    supervisor = Supervisor(machine)
    supervisor.more = PROGRAMS.format(name="out", home=HOME) + FILE
    machine.run(f"rm -f {HOME}/ended {HOME}/out.log*")
    supervisor.open()
    machine.run(supervisor.command("start", "out"), timeout=600)
    _note(bench, "output to file, MB/s", "supervisor")
    supervisor.close()


def _note(bench: Bench, figure: str, tool: str) -> None:
    machine = bench.machine
    wait_for(lambda: machine.exists(f"{HOME}/ended"), 600, "the producer")
    begun, ended = (int(machine.read(f"{HOME}/{name}")) for name in ("begun", "ended"))
    bench.note(figure, tool, bench.scale.megabytes / ((ended - begun) / 1e9))
