"""Supervisor 4.3 itself, as the oracle for what follows a program's end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

VERSION = "4.3.0"

_CONFIGURATION = """\
[unix_http_server]
file={directory}/socket
[supervisord]
logfile={directory}/log
pidfile={directory}/pid
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{directory}/socket

"""


class Supervisor:
    """A running supervisord."""

    def __init__(self, directory: Path, programs: Mapping[str, str]) -> None:
        self._file = directory / "supervisord.conf"
        self._file.write_text(
            _CONFIGURATION.format(directory=directory) + "\n\n".join(programs.values()) + "\n"
        )
        self._process = subprocess.Popen(
            # supervisord and its workers get a PID namespace, which we kill as a whole: a clean
            # stop would take half a second for each of eighty groups.
            [
                *("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"),
                *(sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(self._file)),
            ],
            stdout=subprocess.DEVNULL,
        )

    def states(self) -> dict[str, str]:
        """Returns the state of each program."""
        text = self.supervisorctl("status").stdout
        return {line.split()[0]: line.split()[1] for line in text.splitlines()}

    def supervisorctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs supervisorctl."""
        command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(self._file)]
        return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)

    def stop(self) -> None:
        """Kills supervisord and all its workers."""
        self._process.kill()
        self._process.wait(10)
