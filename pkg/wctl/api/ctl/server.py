"""Whom the options of supervisorctl address: -c FILE, -s URL."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

from wctl.errors import ConfigError, Exit, WctlError
from wctl.install.installed import came_from, programs
from wctl.session.session import Session

_LOOPBACK = ("127.0.0.1", "::1")


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
    name = socket.gethostname().lower()  # as the host of a URL
    if host in ("localhost", name, name.partition(".")[0]):
        return True
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        address = socket.inet_pton(family, host)
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            # This sends nothing. To an address of this machine, the kernel would send from the same
            # address. (bind() would not do: with ip_nonlocal_bind, ip(7), it takes any address.)
            probe.connect((host, 1))
            source = probe.getsockname()[0]
    except (OSError, ValueError):  # ValueError: a NUL, or bytes that are not UTF-8
        return False
    return source in _LOOPBACK or socket.inet_pton(family, source) == address


def choose(session: Session, file: Path) -> None:
    """Let ``session`` act as supervisorctl does with the configuration ``file``.

    It stands for its own programs, if wctl installed some from it, or none of these names. If wctl
    has installed these names from elsewhere, it has imported the file: the file stands for these
    names, and wctl goes by its own configuration. It also does so if the file only includes wctl's:
    read for Supervisor, these have other defaults, and an update would change every program.

    Without a program, the file tells supervisorctl where supervisord is, and stands for all
    programs. So does a file that supervisorctl would take by itself.

    Raises:
        WctlError: the file does not exist, cannot be read, or has errors and no program.
    """
    from wctl.supervisor.migration import PLACES  # lazy: it imports much

    session.files = [file]
    config = session.any_config
    for error in config.errors:
        if error.code == "unreadable" and error.place.file == str(file):
            raise WctlError(f"{file}: {error.problem}", exit_code=Exit.USAGE)
    if config.errors and not config.known:
        raise ConfigError(config.errors)  # who names a broken file does not mean all programs
    installed = [program for program in programs(session.layout) if not program.shipped]
    searched = session.layout.searched
    if file.absolute().parent.resolve() in {Path(name).resolve() for name in searched}:
        others = installed
    else:
        others = [found for found in installed if str(Path(found.source).parent) not in searched]
    if any(came_from(program, config) for program in others):
        return
    names = {program.name for program in config.known}
    if not names or names & {program.name for program in installed}:
        session.files = []
        session.read_again()
        by_itself = {Path(place).resolve() for place in PLACES}
        session.only = frozenset(names) if file.resolve() not in by_itself else frozenset()
