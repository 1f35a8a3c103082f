"""Streams to journald, by the protocol that systemd speaks for a service's stdout.

Seven header lines (identifier, unit, priority, whether lines may begin with <3>, three forwards),
then the bytes. journald keeps its ends of the streams with PID 1 while it restarts, so a write
then goes into the socket's buffer, or waits.
"""

import posix
import select
import sys

import _socket

from .command_line import encoded

SOCKET = "/run/systemd/journal/stdout"

# What tells the two outputs of a worker apart: the syslog facility of their streams. A prefix such
# as <3> that a worker writes changes the priority of a line, never its facility.
DAEMON, USER = 3, 1
STDOUT = DAEMON << 3 | 6  # info: what systemd itself gives a service's stdout (SyslogLevel=)

_PATIENCE = (1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512)  # milliseconds, one after the other
# A batch of lines. The kernel puts it into the socket in one piece, and journald, which has room
# for 2 KiB at first, takes it out in one. A journald that is told to stop between two reads forgets
# the beginning of a line that it has read: so every read must end with a line.
BATCH = 2000
_BUFFER = 1  # SO_SNDBUF: the least, so that the socket is writable only when all was read
_SIOCOUTQ = 0x5411
_RETRY = 1.0  # seconds between two tries to reach journald


def connect(address: str, identifier: str, unit: str, priority: int) -> "_socket.socket":
    """Open a stream. journald heeds ``unit`` from root alone; others are known by their cgroup.

    Raises:
        OSError: journald is not there.
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
    """Return the address of the journald that ``fd`` is a stream to, if it is one.

    LogNamespace= has a journald of its own.
    """
    try:
        sock = _socket.socket(fileno=posix.dup(fd))
    except OSError:
        return None
    try:
        peer = sock.getpeername()
    except OSError:
        return None
    finally:
        sock.close()
    return peer if isinstance(peer, str) and peer.endswith("/stdout") else None


def tell(address: str, line: str) -> None:
    """Log one line as wctl's own, and return when journald has read it.

    A line whose process is gone before journald looks is not known to be of the unit.

    Raises:
        OSError: journald is not there.
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
        # JOURNAL_STREAM alone proves nothing: whoever is started by a service inherits it.
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
        pass  # nobody listens; the worker matters more


def is_null(fd: int) -> bool:
    """Tell whether ``fd`` is /dev/null, as systemd has it where it could not reach journald."""
    try:
        return posix.fstat(fd).st_rdev == posix.makedev(1, 3)
    except OSError:
        return False


class Journal:
    """A stream that is opened again when it breaks, and knows what journald has not read.

    There is never more than one batch on the way. If the stream breaks, the kernel says whether
    something in it was unread (ECONNRESET), and that was then this batch.
    """

    def __init__(self, address: str, identifier: str, unit: str, priority: int) -> None:
        self._header = (address, identifier, unit, priority)
        self._stream: "_socket.socket | None" = None
        self._poll = select.poll()
        self._on_the_way = b""
        self._next_try = 0.0

    def reach(self) -> bool:
        """Tell whether there is a stream; open one if it is time to try."""
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
        """Wait until journald has read everything; return what it never will."""
        wait = 1
        while self._stream is not None:
            # A header that is unread, of a journald that starts just now, is no reason to wait.
            outstanding = _outstanding(self._stream) if self._on_the_way else 0
            # In this order: a closed stream has nothing outstanding, either.
            if self._poll.poll(0):
                return self._broken(self._stream)
            if not outstanding:
                self._on_the_way = b""
                break
            self._pause(self._stream, outstanding, wait)
            wait = min(2 * wait, 50)
        return b""

    def close(self) -> bytes:
        """End the stream; return what journald will never read.

        A journald that hangs is not waited for: it finds the lines when it goes on.
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
        # A socket counts as writable when three quarters of its buffer are free: small batches
        # bring no event when they are read.
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
    """Return where the lines end that fit into a batch; one that does not fit goes alone."""
    if len(lines) - start <= BATCH:
        return len(lines)
    return (
        lines.rfind(b"\n", start, start + BATCH) + 1 or lines.find(b"\n", start) + 1 or len(lines)
    )


def _end_of(stream: "_socket.socket") -> "select.poll":
    """Return a poll that reports the end of the stream: POLLHUP, which needs no asking for.

    Not POLLIN: journald shuts its direction down at once.
    """
    poll = select.poll()
    poll.register(stream, 0)
    return poll


def _outstanding(stream: "_socket.socket") -> int:
    """Return how much of what was sent journald has not read, as the kernel counts it."""
    from fcntl import ioctl

    return int.from_bytes(ioctl(stream, _SIOCOUTQ, b"\0" * 4), sys.byteorder)


def _monotonic() -> float:
    import time

    return time.monotonic()
