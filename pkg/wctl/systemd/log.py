"""Notes in the journal of what wctl itself did to a program, for "wctl history" and others."""

from __future__ import annotations

import socket

_SOCKET = "/run/systemd/journal/socket"
_NOTICE = 5


def note(program: str, text: str) -> None:
    """Log one line in journald's "native" protocol; without a journal do nothing."""
    fields = {
        "MESSAGE": f"{program}: {text}".replace("\n", " "),
        "PRIORITY": str(_NOTICE),
        "SYSLOG_IDENTIFIER": "wctl",
        "WCTL_PROGRAM": program,
    }
    message = "".join(f"{name}={value}\n" for name, value in fields.items())
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(message.encode(errors="surrogateescape"), _SOCKET)
    except OSError:
        pass
