"""The socket of an [fcgi-program:x], which its processes share as their file descriptor 0."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wctl.config import values

_TCP = re.compile(r"tcp://([^\s:]+):0*(\d{1,5})", re.ASCII)
_PATH = re.compile(r"/[^\s%\\\x00-\x1f\x7f]*")
_LONGEST_PATH = 107  # bytes, without the NUL at the end of sun_path (unix(7))


@dataclass(frozen=True)
class Socket:
    """Where a FastCGI program listens: on the ``path`` of a Unix socket, or on an ``address``."""

    path: str | None
    address: str | None
    owner: str | None
    group: str | None
    mode: int
    backlog: int | None


def address(value: str) -> str:
    """Take unix:///PATH or tcp://HOST:PORT, and return PATH or ADDRESS:PORT.

    HOST must be localhost or an IPv4 address in any form of inet_aton(3), such as 0 for all
    addresses of the machine. systemd does not resolve names, and an address that we looked up now
    might be another one when the socket is opened.

    Raises:
        ValueError: ``value`` has another form, or PATH is too long.
    """
    if value.startswith("unix:///"):
        # Supervisor normalises the path, too; systemd would refuse "..".
        path = "/" + os.path.normpath(value[len("unix://") :]).lstrip("/")
        if _PATH.fullmatch(path) and len(path.encode()) <= _LONGEST_PATH:
            return path
    match = _TCP.fullmatch(value)
    if match and 0 < int(match[2]) < 1 << 16:
        import socket  # only here: most configurations have no FastCGI program

        host = "127.0.0.1" if match[1].lower() == "localhost" else match[1]
        try:
            return f"{socket.inet_ntoa(socket.inet_aton(host))}:{int(match[2])}"
        except (OSError, UnicodeError):
            raise ValueError(
                "systemd resolves no names, expected tcp://ADDRESS:PORT with an IPv4 address"
            ) from None
    raise ValueError("expected unix:///PATH, or tcp://ADDRESS:PORT with an IPv4 address")


def owner(value: str) -> tuple[str, str]:
    """Take USER or USER:GROUP; without a group, take root: supervisord's own group.

    Raises:
        ValueError: ``value`` has another form.
    """
    user, colon, group = value.partition(":")
    try:
        return values.account(user), values.account(group) if colon else "root"
    except ValueError:
        raise ValueError("expected USER or USER:GROUP") from None


def of(resolved: Mapping[str, Any]) -> Socket:
    """Return the socket that the options of an [fcgi-program:x] describe."""
    where = resolved["socket"]
    user, group = resolved["socket_owner"] or (resolved["user"], None)
    mode = resolved["socket_mode"]
    return Socket(
        path=where if where.startswith("/") else None,
        address=None if where.startswith("/") else where,
        owner=user,
        group=group,
        mode=0o700 if mode is None else mode,
        backlog=resolved["socket_backlog"],
    )
