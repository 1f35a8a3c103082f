"""The three tools that the bench compares, with the same few verbs; and the workers they run."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from typing import Protocol

from machine.driver import Machine, wait_for

STARTSECS = 1
HOME = "/srv/bench"
# Notes its start, and then costs nothing: the bench measures the tool that runs it.
WORKER = f"""#!/bin/sh
echo "$$ $(date +%s%N)" >{HOME}/started/$1
exec sleep infinity
"""
PROGRAM = """[program:w]
command={home}/worker %(process_num)02d
user=www-data
numprocs={count}
process_name=%(program_name)s_%(process_num)02d
startsecs={startsecs}
autorestart=true
autostart={autostart}
"""
SUPERVISORD = """[supervisord]
nodaemon=true
minfds=8192
logfile=/dev/null
logfile_maxbytes=0
pidfile=/run/supervisord.pid
[unix_http_server]
file=/run/supervisor.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix:///run/supervisor.sock
"""
BARE = f"""[Service]
Type=exec
User=www-data
ExecStart={HOME}/worker %i
Restart=always
RestartSec=100ms
"""
# Runs commands one after the other inside the machine, and prints how long each took.
TIMER = """
import json, subprocess, sys, time
seconds = []
for command in json.loads(sys.argv[1]):
    begun = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    seconds.append(time.perf_counter() - begun)
print(json.dumps(seconds))
"""


def seconds(machine: Machine, *commands: Sequence[str]) -> float:
    """Returns how long these commands take together, timed inside the machine."""
    timer = ["/usr/bin/python3", "-c", TIMER, json.dumps(commands)]
    taken: list[float] = json.loads(machine.run(timer, timeout=900).out)
    return sum(taken)


class Tool(Protocol):
    """A tool that runs workers; an idle tool has none."""

    name: str

    def open(self) -> None:
        """Makes the tool ready for workers."""

    def close(self) -> None:
        """Ends the tool, with all workers."""

    def up(self, count: int) -> float:
        """Starts ``count`` workers at once; returns the seconds until all are up."""

    def down(self) -> None:
        """Stops all workers."""

    def status(self) -> Sequence[str]:
        """Returns the command that shows all workers."""

    def client(self) -> Sequence[str]:
        """Returns the command that is supervisorctl; nothing if the tool has none."""

    def one_more(self, count: int) -> float:
        """Adds one worker to ``count`` workers; returns the seconds until all are up."""


class Wctl:
    """Workers under systemd, by wctl."""

    name = "wctl"

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def open(self) -> None:
        text = PROGRAM.format(home=HOME, count=0, startsecs=STARTSECS, autostart="true")
        self._machine.write("/etc/wctl/conf.d/w.conf", text)
        self._machine.run(["wctl", "update"], timeout=120)

    def close(self) -> None:
        self.down()
        self._machine.run("rm /etc/wctl/conf.d/w.conf; wctl remove w; systemctl reset-failed")

    def up(self, count: int) -> float:
        return seconds(self._machine, ["wctl", "scale", "w", str(count)])

    def down(self) -> None:
        self._machine.run(["wctl", "scale", "w", "0"], timeout=300)

    def status(self) -> Sequence[str]:
        return ["wctl", "status"]

    def client(self) -> Sequence[str]:
        return ["/usr/lib/wctl/supervisorctl"]

    def one_more(self, count: int) -> float:
        return self.up(count + 1)


class Supervisor:
    """The same workers under supervisord."""

    name = "supervisor"
    _python = ("env", f"PYTHONPATH={HOME}/supervisor", "/usr/bin/python3", "-m")
    _control = (*_python, "supervisor.supervisorctl", "-c", f"{HOME}/s.conf")

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._server: subprocess.Popen[str] | None = None
        self._count = 0
        self.more = ""  # lines for the configuration

    def command(self, *words: str) -> Sequence[str]:
        """Returns the command line of supervisorctl with these words."""
        return [*self._control, *words]

    def open(self) -> None:
        self._configure(0)
        command = [*self._python, "supervisor.supervisord", "-c", f"{HOME}/s.conf"]
        self._server = self._machine.popen(command, stdout=subprocess.DEVNULL)
        wait_for(lambda: self._machine.exists("/run/supervisor.sock"), 30, "supervisord")

    def close(self) -> None:
        self._machine.run([*self._control, "shutdown"])
        assert self._server is not None
        self._server.wait(timeout=300)

    def up(self, count: int) -> float:
        self._configure(count)
        if count != self._count:
            self._machine.run([*self._control, "update"], timeout=600)
            self._count = count
        return seconds(self._machine, [*self._control, "start", "w:*"])

    def down(self) -> None:
        self._machine.run([*self._control, "stop", "w:*"], timeout=600)

    def status(self) -> Sequence[str]:
        return [*self._control, "status"]

    def client(self) -> Sequence[str]:
        return self._control

    def one_more(self, count: int) -> float:
        """Changes numprocs, rereads, and updates, as in Supervisor's manual; waits for the last."""
        self._configure(count + 1, autostart="true")
        self._count = count + 1
        update = [[*self._control, verb] for verb in ("reread", "update")]
        shown = f"{' '.join(self._control)} status | grep -c RUNNING"
        until = ["sh", "-c", f"until [ $({shown}) = {count + 1} ]; do :; done"]
        return seconds(self._machine, *update, until)

    def _configure(self, count: int, autostart: str = "false") -> None:
        program = PROGRAM.format(home=HOME, count=count, startsecs=STARTSECS, autostart=autostart)
        self._machine.write(f"{HOME}/s.conf", SUPERVISORD + program + self.more)


class Systemd:
    """The floor: plain units without readiness, run by systemctl."""

    name = "systemd"

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def open(self) -> None:
        self._machine.write("/run/systemd/system/bare@.service", BARE)
        self._machine.run(["systemctl", "daemon-reload"])

    def close(self) -> None:
        self.down()
        self._machine.run("rm /run/systemd/system/bare@.service; systemctl daemon-reload")

    def up(self, count: int) -> float:
        units = [f"bare@{number:02d}" for number in range(count)]
        return seconds(self._machine, ["systemctl", "start", *units])

    def down(self) -> None:
        self._machine.run(["systemctl", "stop", "bare@*"], timeout=300)

    def status(self) -> Sequence[str]:
        return ["systemctl", "list-units", "--no-pager", "bare@*"]

    def client(self) -> Sequence[str]:
        return ()

    def one_more(self, count: int) -> float:
        return seconds(self._machine, ["systemctl", "start", f"bare@{count:02d}"])
