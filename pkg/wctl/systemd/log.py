"""Notes in the journal of what wctl itself did to a program, for "wctl history" and others."""

from __future__ import annotations

import socket

_SOCKET = "/run/systemd/journal/socket"
_NOTICE = 5
_PATIENCE = 1.0  # seconds


def note(program: str, text: str) -> bool:
    """Log one line in journald's "native" protocol; tell whether journald has taken it.

    Nobody waits for a journald that hangs: workers have to be stopped and started all the same.
    """
    fields = {
        "MESSAGE": f"{program}: {text}".replace("\n", " "),
        "PRIORITY": str(_NOTICE),
        "SYSLOG_IDENTIFIER": "wctl",
        "WCTL_PROGRAM": program,
    }
    message = "".join(f"{name}={value}\n" for name, value in fields.items())
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(_PATIENCE)
            sock.sendto(message.encode(errors="surrogateescape"), _SOCKET)
    except OSError:
        return False
    return True
