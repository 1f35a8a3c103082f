"""What the socket of a FastCGI program needs, and this machine lacks."""

from __future__ import annotations

from collections.abc import Iterator

from wctl.check.codes import Check, Problem
from wctl.config.model import Program
from wctl.install.installed import Layout
from wctl.trust import accounts


def checks(layout: Layout) -> tuple[Check, ...]:
    """Return the checks against this machine. Only the system's manager gives sockets an owner."""
    return () if layout.user else (_owner_missing,)


def _owner_missing(program: Program) -> Iterator[Problem]:
    """Yield what Supervisor refuses, where the account may still come: as user-missing."""
    socket = program.socket
    if socket is None or "socket_owner" not in program.places:
        return
    if socket.owner is not None and accounts.find(socket.owner) is None:
        yield Problem(
            "user-missing", "socket_owner", f"{socket.owner}: no such user on this machine"
        )
    if socket.group is not None and accounts.group(socket.group) is None:
        yield Problem(
            "user-missing", "socket_owner", f"{socket.group}: no such group on this machine"
        )
