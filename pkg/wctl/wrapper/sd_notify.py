"""Tell the service manager about READY, and what a waiting wrapper waits for (sd_notify(3)).

This module takes the place of a library: the wrapper must find everything that it needs in its own
directory, a barrier must follow READY, and a failing start must not fail on an import.
"""

import posix
import select
import sys

# The socket module builds its enums at import, which takes 8 ms. The C module below it is enough
# for three lines about a datagram.
import _socket

from .command_line import encoded

BARRIER_TIMEOUT = 30_000  # milliseconds; a manager that is reloading answers late


def ready(address: str) -> None:
    """Send READY=1, and wait up to 30 seconds until the manager has read it.

    Raises:
        OSError: the manager cannot be reached.
    """
    _send(address, b"READY=1")


def status(address: "str | None", text: str, extend: "int | None" = None) -> None:
    """Show ``text`` as the unit's status line; without a manager do nothing.

    ``extend`` is how many seconds this start may still take from now (EXTEND_TIMEOUT_USEC=).
    """
    if address is None:
        return
    message = b"STATUS=" + encoded(text)
    if extend is not None:
        message += b"\nEXTEND_TIMEOUT_USEC=%d" % (extend * 1_000_000)
    try:
        _send(address, message)
    except OSError:
        pass  # the status is lost; the worker matters more


def _send(address: str, message: bytes) -> None:
    """Send ``message`` and wait until the manager has read it.

    The barrier matters: if the sender is gone before the manager reads a message, the manager
    cannot tell which unit sent it, and drops it.
    """
    if address.startswith("@"):  # Linux's abstract name space
        address = "\0" + address[1:]
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        sock.connect(address)
        sock.send(message)
        _barrier(sock)
    finally:
        sock.close()


def _barrier(sock: "_socket.socket") -> None:
    """Wait until the manager has read all earlier messages (sd_notify_barrier(3))."""
    ours, theirs = posix.pipe()
    try:
        rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, theirs.to_bytes(4, sys.byteorder))
        sock.sendmsg([b"BARRIER=1"], [rights])
        posix.close(theirs)
        poll = select.poll()
        poll.register(ours, 0)  # poll(2) always reports POLLHUP: the manager has closed its copy
        poll.poll(BARRIER_TIMEOUT)
    finally:
        posix.close(ours)
