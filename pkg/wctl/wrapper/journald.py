"""Streams to journald, in the protocol that systemd speaks for a service's stdout.

A stream begins with seven header lines (identifier, unit, priority, whether lines may begin with
<3>, three forwards); the bytes follow. While journald restarts, PID 1 holds journald's ends of the
streams, so a write then goes into the socket's buffer, or waits.
"""

import posix
import select
import sys

import _socket

from .command_line import encoded

SOCKET = "/run/systemd/journal/stdout"

# The syslog facility of a stream tells a worker's stdout from its stderr. A prefix such as <3> that
# a worker writes changes the priority of a line, never its facility.
DAEMON, USER = 3, 1
STDOUT = DAEMON << 3 | 6  # info: systemd's default for a service's stdout (SyslogLevel=)

_PATIENCE = (1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512)  # milliseconds of successive waits
# Bytes of a batch of lines. The kernel puts a batch into the socket in one piece, and journald,
# whose buffer begins with 2 KiB, reads it in one piece. If journald is stopped between two reads,
# it forgets a line of which it has read only the beginning: so every read must end with a line.
BATCH = 2000
_BUFFER = 1  # SO_SNDBUF: the minimum, so that the socket is writable only once journald read all
_SIOCOUTQ = 0x5411
_RETRY = 1.0  # seconds between two tries to reach journald


def connect(address: str, identifier: str, unit: str, priority: int) -> "_socket.socket":
    """Open a stream. journald believes ``unit`` only from root; it knows others by their cgroup.

    Raises:
        OSError: journald cannot be reached.
    """
    stream = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        stream.connect(address)
        header = f"{identifier}\n{unit}\n{priority}\n1\n0\n0\n0\n"
        stream.sendall(encoded(header))
    except OSError:
        stream.close()
        raise
    return stream


def behind(fd: int) -> "str | None":
    """Return the address of the journald that ``fd`` is a stream to; None for any other ``fd``.

    A unit with LogNamespace= has a journald of its own.
    """
    try:
        copy = posix.dup(fd)
    except OSError:
        return None  # it is closed
    try:
        sock = _socket.socket(fileno=copy)
    except OSError:
        posix.close(copy)
        return None  # it is no socket
    try:
        peer = sock.getpeername()
    except OSError:
        return None
    finally:
        sock.close()
    return peer if isinstance(peer, str) and peer.endswith("/stdout") else None


def tell(address: str, line: str) -> None:
    """Log one line as wctl's own, and wait up to a second until journald has read it.

    journald cannot find the unit of a line if the process is gone before journald looks.

    Raises:
        OSError: journald cannot be reached.
    """
    stream = connect(address, "wctl", "", STDOUT)
    try:
        stream.sendall(encoded(line) + b"\n")
        poll = _end_of(stream)
        for milliseconds in _PATIENCE:
            if not _outstanding(stream) or poll.poll(milliseconds):
                break
    finally:
        stream.close()


def say(line: str) -> None:
    """Write one line, which begins with its priority: to the journal as wctl's, or to stderr."""
    if b"JOURNAL_STREAM" in posix.environ or is_null(2):
        # JOURNAL_STREAM alone proves nothing: every process that a service starts inherits it.
        address = behind(2) or behind(1) or (SOCKET if is_null(2) else None)
        try:
            if address is not None:
                return tell(address, line)
        except OSError:
            pass  # journald is away
    line = line[3:] if line.startswith("<") else line
    try:
        posix.write(2, encoded(line) + b"\n")
    except OSError:
        pass  # no process reads stderr; the worker matters more


def is_null(fd: int) -> bool:
    """Tell whether ``fd`` is /dev/null, which systemd opens if it cannot reach journald."""
    try:
        return posix.fstat(fd).st_rdev == posix.makedev(1, 3)
    except OSError:
        return False


class Journal:
    """A stream that is opened again when it breaks, and knows which lines journald has not read.

    At most one batch is on the way. If the stream breaks, the kernel says whether journald left
    bytes unread (ECONNRESET). Those bytes are then this batch.
    """

    def __init__(self, address: str, identifier: str, unit: str, priority: int) -> None:
        self._header = (address, identifier, unit, priority)
        self._stream: "_socket.socket | None" = None
        self._poll = select.poll()
        self._on_the_way = b""
        self._next_try = 0.0

    def reach(self) -> bool:
        """Tell whether the stream is open; open it if it is time to try again."""
        if self._stream is not None:
            return True
        now = _monotonic()
        if now < self._next_try:
            return False
        self._next_try = now + _RETRY
        try:
            stream = connect(*self._header)
            stream.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, _BUFFER)
        except OSError:
            return False
        self._stream = stream
        self._poll = _end_of(stream)
        return True

    def send(self, lines: bytes) -> bytes:
        """Send whole lines; return those that journald will never read."""
        start = 0
        while start < len(lines):
            end = _end_of_batch(lines, start)
            lost = self.unread() if self._stream is not None else b""
            if self._stream is None:
                return lost + lines[start:]
            try:
                self._stream.sendall(lines[start:end])
            except OSError:
                self._close()
                return lines[start:]
            self._on_the_way = lines[start:end]
            start = end
        return b""

    def unread(self) -> bytes:
        """Wait until journald has read everything; return the lines that it will never read."""
        wait = 1
        while self._stream is not None:
            # Do not wait for the header alone: a journald that is just starting reads it later.
            outstanding = _outstanding(self._stream) if self._on_the_way else 0
            # Look for the end after that: a closed stream has nothing outstanding either.
            if self._poll.poll(0):
                return self._broken(self._stream)
            if not outstanding:
                self._on_the_way = b""
                break
            self._pause(self._stream, outstanding, wait)
            wait = min(2 * wait, 50)
        return b""

    def close(self) -> bytes:
        """Close the stream; return the lines that journald will never read.

        Wait no longer than a second: a journald that hangs finds the lines when it goes on.
        """
        if self._stream is None:
            return b""
        for milliseconds in _PATIENCE:
            if not _outstanding(self._stream) or self._poll.poll(milliseconds):
                break
        lost = self._broken(self._stream) if self._poll.poll(0) else b""
        self._close()
        return lost

    def _pause(self, stream: "_socket.socket", outstanding: int, milliseconds: int) -> None:
        # The kernel calls a socket writable when three quarters of its buffer are free. So poll(2)
        # reports no event when journald reads a small batch.
        if outstanding * 4 > stream.getsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF):
            self._poll.modify(stream, select.POLLOUT)
            self._poll.poll()
            self._poll.modify(stream, 0)
        else:
            self._poll.poll(milliseconds)

    def _broken(self, stream: "_socket.socket") -> bytes:
        reset = stream.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        lost = self._on_the_way if reset else b""
        self._close()
        return lost

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream = None
        self._on_the_way = b""


def _end_of_batch(lines: bytes, start: int) -> int:
    """Return where the lines that fit into a batch end; a line that does not fit goes alone."""
    if len(lines) - start <= BATCH:
        return len(lines)
    return (
        lines.rfind(b"\n", start, start + BATCH) + 1 or lines.find(b"\n", start) + 1 or len(lines)
    )


def _end_of(stream: "_socket.socket") -> "select.poll":
    """Return a poll that reports the end of the stream by POLLHUP, which poll(2) always reports.

    POLLIN would not do: journald shuts its own direction down at once.
    """
    poll = select.poll()
    poll.register(stream, 0)
    return poll


def _outstanding(stream: "_socket.socket") -> int:
    """Return how many of the sent bytes journald has not read, as the kernel counts them."""
    from fcntl import ioctl

    return int.from_bytes(ioctl(stream, _SIOCOUTQ, b"\0" * 4), sys.byteorder)


def _monotonic() -> float:
    import time

    return time.monotonic()
