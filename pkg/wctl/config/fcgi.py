"""The socket of an [fcgi-program:x], which its processes share as their file descriptor 0."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

_TCP = re.compile(r"tcp://([^\s:]+):(\d{1,5})", re.ASCII)
_PATH = re.compile(r"/[^\s%\\\x00-\x1f\x7f]*")
_ACCOUNT = re.compile(r"[^\s:%\x00-\x20\x7f]+(?<!\\)")  # a last \ would continue the line
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

    HOST must be localhost or an IPv4 address, since systemd does not resolve names.

    Raises:
        ValueError: ``value`` has another form, or PATH is too long.
    """
    if value.startswith("unix://"):
        path = value[len("unix://") :]
        if _PATH.fullmatch(path) and len(path.encode()) <= _LONGEST_PATH:
            return path
    match = _TCP.fullmatch(value)
    if match and 0 < int(match[2]) < 1 << 16:
        host = "127.0.0.1" if match[1].lower() == "localhost" else match[1]
        try:
            return f"{IPv4Address(host)}:{int(match[2])}"
        except ValueError:
            pass
    raise ValueError("expected unix:///PATH, or tcp://ADDRESS:PORT with an IPv4 address")


def owner(value: str) -> tuple[str, str]:
    """Take USER or USER:GROUP; without a group, take root: supervisord's own group.

    Raises:
        ValueError: ``value`` has another form.
    """
    user, colon, group = value.partition(":")
    if not all(_ACCOUNT.fullmatch(name) for name in ([user, group] if colon else [user])):
        raise ValueError("expected USER or USER:GROUP")
    return user, group or "root"


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
