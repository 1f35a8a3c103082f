"""Reads configurations with Supervisor's own parser: a path per line in, a line of JSON out.

This script runs in the virtual environment that has Supervisor, and imports nothing of wctl.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from supervisor import datatypes, options  # type: ignore[import-untyped] # not for mypy's own
from supervisor.datatypes import (  # type: ignore[import-untyped] # not for mypy's environment
    Automatic,
    RestartUnconditionally,
    RestartWhenExitUnexpected,
)
from supervisor.options import ServerOptions  # type: ignore[import-untyped] # as above

AUTORESTART = {RestartUnconditionally: "true", RestartWhenExitUnexpected: "unexpected"}
SAME_NAME = (
    "directory",
    "umask",
    "priority",
    "autostart",
    "startsecs",
    "startretries",
    "stdout_logfile_maxbytes",
    "stdout_logfile_backups",
    "stderr_logfile_maxbytes",
    "stderr_logfile_backups",
    "stopwaitsecs",
    "stopasgroup",
    "killasgroup",
    "redirect_stderr",
    "environment",
    "serverurl",
)


def processes(path: str) -> list[dict[str, Any]]:
    """Return every process of a configuration, with all values that Supervisor would use."""
    options = ServerOptions()
    options.here = str(Path(path).parent)  # as supervisord -c does
    section = options.read_config(path)
    return [
        {
            **process(config),
            "group": group.name,
            "group_priority": group.priority,
            "socket": socket(group),
            "minfds": section.minfds,
            "minprocs": section.minprocs,
            "daemon_umask": section.umask,
            "daemon_user": section.user,
        }
        for group in section.process_group_configs
        if type(group).__name__ != "EventListenerPoolConfig"
        for config in group.process_configs
    ]


def process(config: Any) -> dict[str, Any]:
    """Return the values of one process."""
    return {
        **{name: getattr(config, name) for name in SAME_NAME},
        "name": config.name,
        "argv": shlex.split(config.command),
        "uid": config.uid,
        "stopsignal": int(config.stopsignal),
        "exitcodes": sorted(set(config.exitcodes)),
        "autorestart": AUTORESTART.get(config.autorestart, "false"),
        "stdout_logfile": logfile(config.stdout_logfile),
        "stderr_logfile": logfile(config.stderr_logfile),
        "stdout_syslog": config.stdout_syslog,
        "stderr_syslog": config.stderr_syslog,
    }


def logfile(value: Any) -> Any:
    """Return a path, AUTO, or None where nothing is written."""
    return "AUTO" if value is Automatic else value


def socket(group: Any) -> Any:
    """Return the socket of a FastCGI program: URL, owner, mode, backlog."""
    config = getattr(group, "socket_config", None)
    if config is None:
        return None
    return [config.url, getattr(config, "owner", None), getattr(config, "mode", None),
            config.backlog]  # fmt: skip


def on_any_machine() -> None:
    """Let users, directories and listeners be there that this machine does not have."""

    def account(find: Any) -> Any:
        def found(name: str) -> Any:
            try:
                return find(name)
            except (ValueError, KeyError):
                return str(int(name)) if name.isdecimal() else name

        return found

    def group_of(uid: Any) -> Any:
        try:
            return options_gid(uid)
        except (KeyError, TypeError):
            return None

    options_gid = options.gid_for_uid
    options.gid_for_uid = group_of
    options.name_to_uid = datatypes.name_to_uid = account(datatypes.name_to_uid)
    datatypes.name_to_gid = account(datatypes.name_to_gid)
    for module in (options, datatypes):
        module.existing_dirpath = module.existing_directory = os.path.expanduser
    ServerOptions.import_spec = lambda _options, spec: spec


def main() -> None:
    """Answer until there are no more questions."""
    if "--any-machine" in sys.argv[1:]:
        on_any_machine()
    for line in sys.stdin:
        try:
            answer: dict[str, Any] = {"processes": processes(json.loads(line))}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
