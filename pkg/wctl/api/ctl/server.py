"""Whom the options of supervisorctl address: -c FILE, -s URL."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

from wctl.errors import Exit, WctlError
from wctl.install.installed import came_from, programs
from wctl.session.session import Session


def check(url: str) -> None:
    """Raise WctlError if ``url`` is no URL of a Supervisor, or that of another machine's."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme == "unix" or (parts.scheme == "http" and _is_here(host)):
        return
    if parts.scheme != "http" or not host:
        raise WctlError(
            f"{url}: not the URL of a Supervisor, expected unix:///PATH or http://HOST:PORT",
            exit_code=Exit.USAGE,
        )
    raise WctlError(
        f"{url} is another machine, and wctl operates the systemd of this one",
        hint=f"run it there, for example with ssh {host}",
        exit_code=Exit.USAGE,
    )


def _is_here(host: str) -> bool:
    """Tell whether ``host`` is a name or an address of this machine, without asking the network."""
    name = socket.gethostname()
    if host in ("localhost", name, name.partition(".")[0]):
        return True
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.inet_pton(family, host)
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))  # the kernel refuses addresses of other machines
    except OSError:
        return False
    return True


def choose(session: Session, file: Path) -> None:
    """Let ``session`` act as supervisorctl does with the configuration ``file``.

    It stands for its own programs, if wctl installed some from it, or none of these names. If wctl
    has installed them from elsewhere, the file is the one that they were imported from, and wctl
    goes by its own configuration, as it does if the file has no program.

    Raises:
        WctlError: the file does not exist, or cannot be read.
    """
    session.files = [file]
    config = session.any_config
    for error in config.errors:
        if error.code == "unreadable" and error.place.file == str(file):
            raise WctlError(f"{file}: {error.problem}", exit_code=Exit.USAGE)
    installed = [program for program in programs(session.layout) if not program.shipped]
    if any(came_from(program, config) for program in installed):
        return
    names = {program.name for program in config.known}
    if not names or names & {program.name for program in installed}:
        session.files = []
        session.read_again()
