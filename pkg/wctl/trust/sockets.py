"""Find out who listens at a socket before anything is sent there.

Any user may create a socket where a daemon's own would be, in /tmp for example.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

_CREDENTIALS = struct.Struct("3i")  # struct ucred: process, user, group (unix(7))
_PATIENCE = 5.0  # seconds; without a limit, connect() waits for a listener that accepts nobody


@contextmanager
def listener(path: str) -> Iterator[tuple[str, int]]:
    """Yield a path to the Unix socket ``path``, and the ID of the user who listens there.

    Whatever ``path`` leads to by then, the path that we yield leads to the socket that we examined.
    It is good in the context, for us and for our children.

    Raises:
        OSError: nobody listens there.
    """
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        held = f"/proc/{os.getpid()}/fd/{fd}"
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(_PATIENCE)
            client.connect(held)
            found = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        yield held, _CREDENTIALS.unpack(found)[1]
    finally:
        os.close(fd)
