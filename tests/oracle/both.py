"""Supervisor's own parser, in a process that keeps running, and wctl's results in the same form."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wctl.config.load import load
from wctl.config.model import Config, Program, log_file
from wctl.trust import accounts

VARIABLES = {
    "HOME": "/root",
    "PATH": "/usr/bin:/bin",
    "PLAIN": "value",
    "BLANKS": "two words",
    "QUOTES": 'it\'s "so"',
    "PERCENT": "100%",
    "EMPTY": "",
    "UMLAUT": "wörker",
}
Processes = list[dict[str, Any]]


class Oracle:
    """One long-lived process that reads configurations as Supervisor does.

    On ``any_machine``, users, directories and listeners that do not exist here may exist.
    """

    def __init__(
        self, variables: Mapping[str, str] = VARIABLES, *, any_machine: bool = False
    ) -> None:
        reader = str(Path(__file__).with_name("supervisors_reader.py"))
        self._process = subprocess.Popen(
            [sys.executable, reader, *(["--any-machine"] if any_machine else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=variables,
            encoding="utf-8",
        )

    def read(self, path: Path) -> Processes | str:
        """Return all processes of a configuration, or why Supervisor refuses it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(str(path)) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            return str(answer["error"])
        return _once([_effective(process) for process in answer["processes"]])

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()


def read(path: Path, variables: Mapping[str, str] = VARIABLES) -> Processes | str:
    """Return the same as Oracle.read(), but as wctl reads the configuration."""
    config = load([path], variables)
    if config.errors:
        return "\n".join(map(str, config.errors))
    return [
        _process(config, program, number)
        for program in config.programs
        for number in program.numbers
    ]


def _once(processes: Processes) -> Processes:
    """Leave out what Supervisor forgets: of each name in a group, it keeps the last process.

    It reads a program twice that a group names twice.
    """
    return list({(one["group"], one["name"]): one for one in processes}.values())


def _effective(process: dict[str, Any]) -> dict[str, Any]:
    """Return a process with the values that it inherits from supervisord."""
    process = dict(process)
    umask, user = process.pop("daemon_umask"), process.pop("daemon_user")
    if process["umask"] is None:
        process["umask"] = umask
    if process["uid"] is None and user is not None:
        process["uid"] = _uid(user)
    for stream in ("stdout", "stderr"):
        # Supervisor writes to syslog or to a file of any name; wctl to the journal in both cases.
        if process.pop(f"{stream}_syslog") and process[f"{stream}_logfile"] is None:
            process[f"{stream}_logfile"] = "AUTO"
        # A worker's own output is the journal, as is that of a container's first process.
        path = str(process[f"{stream}_logfile"])
        if path.startswith(("/dev/", "/proc/")):
            process[f"{stream}_logfile"] = None if path == "/dev/null" else "AUTO"
    if process["socket"] and process["socket"][1] and process["socket"][1][1] == -1:
        process["socket"][1][1] = os.getgid()  # supervisord's own group
    if process["redirect_stderr"]:
        process["stderr_logfile"] = None
    return process


def _process(config: Config, program: Program, number: int) -> dict[str, Any]:
    priority = {group.name: group.priority for group in config.groups}
    umask = 0o022 if program.umask is None else program.umask
    killasgroup = program.stopasgroup if program.killasgroup is None else program.killasgroup
    logs = {name: _logfile(program, name, number) for name in ("stdout", "stderr")}
    return {
        "name": program.process_name.text(number),
        "group": program.group_title,
        "group_priority": priority.get(program.group, program.priority),
        "argv": [word.text(number) for word in program.command],
        "environment": {name: text.text(number) for name, text in program.environment},
        "directory": program.directory.text(number) if program.directory else None,
        "umask": umask,
        "uid": _uid(program.user),
        "priority": program.priority,
        "autostart": program.autostart,
        "autorestart": program.autorestart,
        "startsecs": program.startsecs,
        "startretries": program.startretries,
        "stopsignal": int(program.stopsignal),
        "stopwaitsecs": program.stopwaitsecs,
        "stopasgroup": program.stopasgroup,
        "killasgroup": killasgroup,
        "exitcodes": sorted(set(program.exitcodes)),
        "redirect_stderr": program.redirect_stderr,
        "stdout_logfile": logs["stdout"],
        "stdout_logfile_maxbytes": program.stdout_logfile_maxbytes,
        "stdout_logfile_backups": program.stdout_logfile_backups,
        "stderr_logfile": None if program.redirect_stderr else logs["stderr"],
        "stderr_logfile_maxbytes": program.stderr_logfile_maxbytes,
        "stderr_logfile_backups": program.stderr_logfile_backups,
        "serverurl": program.serverurl,
        "minfds": program.minfds or 1024,
        "minprocs": program.minprocs or 200,
        "socket": _socket(program),
    }


def _logfile(program: Program, name: str, number: int) -> str | None:
    path = log_file(getattr(program, f"{name}_logfile"))
    if path is None:
        return None if program.silent(name) else "AUTO"
    return str(path.text(number))


def _gid(user: str, group: str | None) -> int | str | None:
    """Return the number of a group, or of the user's own; its name, or None, if there is none."""
    if group is not None:
        found = accounts.group(group)
        return group if found is None else found
    account = accounts.find(user)
    return None if account is None else account.pw_gid


def _uid(user: str | None) -> int | str | None:
    if user is None:
        return None
    try:
        return int(user) if user.isdecimal() else pwd.getpwnam(user).pw_uid
    except KeyError:
        return user


def _socket(program: Program) -> list[Any] | None:
    socket = program.socket
    if socket is None:
        return None
    if socket.path is None:
        return [f"tcp://{socket.address}", None, None, socket.backlog]
    owner = None
    if socket.owner is not None and _uid(socket.owner) != os.getuid():
        owner = [_uid(socket.owner), _gid(socket.owner, socket.group)]
    return [f"unix://{socket.path}", owner, socket.mode, socket.backlog]
