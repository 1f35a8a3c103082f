"""The process of a running supervisord: which one it is, and its environment."""

from __future__ import annotations

import os
import re
from pathlib import Path

from wctl.errors import WctlError
from wctl.supervisor.daemons import Daemon, daemons
from wctl.supervisor.supervisorctl import Supervisorctl
from wctl.systemd.manager import Manager
from wctl.trust import accounts, files

_PYTHON = re.compile(r"python[0-9.]*")


def answering(supervisor: Supervisorctl, manager: Manager) -> Daemon:
    """Return the supervisord that answers ``supervisor``.

    Raises:
        WctlError: none answers; or we do not see its process, or must not believe it.
    """
    pid = supervisor.pid()
    found = next((daemon for daemon in daemons(manager) if daemon.pid == pid), None)
    if found is None:
        raise WctlError(f"process {pid}, which answers, is no supervisord of this machine")
    if found.doubt:
        raise WctlError(f"{found.who}: {found.doubt}")
    return found


def environ_of(daemon: Daemon) -> dict[str, str]:
    """Return the environment of our own supervisord.

    Variables are as good as code (LD_PRELOAD). A user may start a program that changes to root,
    such as sudo, with any name and variables: of such a process, neither is root's word.

    Raises:
        WctlError: it ended, or it may have its variables from another user.
    """
    process = Path("/proc", str(daemon.pid))
    try:
        data = files.read(process / "environ")
        program = os.readlink(process / "exe")  # noqa: PTH115 - as in daemons.py
        status = files.read(process / "status").decode(errors="replace")
        doubt = files.not_roots(program) if os.geteuid() == 0 else None
    except OSError as error:
        raise WctlError(f"{daemon.who}: {error.strerror}") from None
    uids = [line.split()[1:] for line in status.splitlines() if line.startswith("Uid:")]
    others = {int(uid) for row in uids for uid in row} - {os.geteuid()}
    if others:
        raise WctlError(f"{daemon.who}: it belongs to {accounts.name(max(others))}")
    if doubt or not _PYTHON.fullmatch(program.rpartition("/")[2]):
        raise WctlError(f"{daemon.who}: {doubt or f'it runs {program}, expected Python'}")
    rows = (row.partition("=") for row in os.fsdecode(data).split("\0") if "=" in row)
    return {name: value for name, _, value in rows}


def directory_of(daemon: Daemon) -> Path | None:
    """Return the directory in which a supervisord runs, and programs that name none with it."""
    try:
        return Path(os.readlink(Path("/proc", str(daemon.pid), "cwd")))  # noqa: PTH115 - as above
    except OSError:
        return None
