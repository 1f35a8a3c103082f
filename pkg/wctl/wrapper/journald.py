"""Streams to journald, in the protocol that systemd speaks for a service's stdout.

A stream begins with seven header lines (identifier, unit, priority, whether lines may begin with
<3>, three forwards); the bytes follow. While journald restarts, PID 1 holds journald's ends of the
streams, so a write then goes into the socket's buffer. A journald that hangs reads nothing, and its
streams stay open. So no call on a socket waits: whoever has time polls.
"""

import posix
import select
import sys
import time
from fcntl import ioctl

import _socket

from .command_line import encoded, is_null

SOCKET = "/run/systemd/journal/stdout"

# The syslog facility of a stream tells a worker's stdout from its stderr. A prefix such as <3> that
# a worker writes changes the priority of a line, never its facility.
DAEMON, USER = 3, 1
STDOUT = DAEMON << 3 | 6  # info: systemd's default for a service's stdout (SyslogLevel=)

# Seconds that tell() waits: a disk under load holds journald up for longer than one.
_PATIENCE = 5.0
# Bytes of a batch of lines. The kernel puts a batch into the socket in one piece, and journald,
# whose buffer begins with 2 KiB, reads it in one piece. If journald is stopped between two reads,
# it forgets a line of which it has read only the beginning: so every read must end with a line.
BATCH = 2000
_BUFFER = 1  # SO_SNDBUF: the minimum, so that the socket is writable only once journald read all
_SIOCOUTQ = 0x5411
_RETRY = 1.0  # seconds between two tries to reach journald
_LONGEST_PAUSE = 50  # milliseconds between two looks while the kernel reports no event


def connect(address: str, identifier: str, unit: str, priority: int) -> "_socket.socket":
    """Open a stream. journald believes ``unit`` only from root; it knows others by their cgroup.

    Raises:
        OSError: journald cannot be reached.
    """
    stream = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    stream.setblocking(False)
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


def tell(address: str, line: str, *, wait: bool = True) -> None:
    """Log one line as wctl's own, and wait up to 5 seconds until journald has logged it.

    journald cannot find the unit of a line if the process is gone before journald looks. A process
    that stays need not wait.

    Raises:
        OSError: journald cannot be reached.
    """
    stream = connect(address, "wctl", "", STDOUT)
    try:
        stream.sendall(encoded(line) + b"\n")
        end = time.monotonic() + _PATIENCE
        # journald looks for the unit after it has read the line, and before it reads on: here, an
        # empty line, which it does not log.
        if wait and _read_by(stream, end):
            stream.sendall(b"\n")
            _read_by(stream, end)
    finally:
        stream.close()


def say(line: str, *, wait: bool = True) -> None:
    """Write one line, which begins with its priority: to the journal as wctl's, or to stderr."""
    if b"JOURNAL_STREAM" in posix.environ or is_null(2):
        # JOURNAL_STREAM alone proves nothing: every process that a service starts inherits it.
        address = behind(2) or behind(1) or (SOCKET if is_null(2) else None)
        try:
            if address is not None:
                return tell(address, line, wait=wait)
        except OSError:
            pass  # journald is away
    line = line[3:] if line.startswith("<") else line
    try:
        posix.write(2, encoded(line) + b"\n")
    except OSError:
        pass  # no process reads stderr; the worker matters more


class Journal:
    """A stream that never waits, is opened again when it breaks, and knows which lines are unread.

    At most one batch is on the way. If the stream breaks, the kernel says whether journald left
    bytes unread (ECONNRESET). Those bytes are then this batch.
    """

    def __init__(self, address: str, identifier: str, unit: str, priority: int) -> None:
        self._header = (address, identifier, unit, priority)
        self._stream: "_socket.socket | None" = None
        self._poll = select.poll()
        self._batch = b""  # on the way; b"" if journald has read all that we sent
        self._sent = 0  # bytes of the batch that the socket has taken: all, except of a long line
        self._outstanding: "int | None" = None  # bytes that journald had not read at our last look
        self._stands: "tuple[int, int] | None" = None  # what that look found, and since when
        self._since = 0.0
        self._pause = 1  # milliseconds until the next look
        self._lost = b""
        self._next_try = 0.0

    def reach(self) -> bool:
        """Tell whether the stream is open; open it if it is time to try again."""
        if self._stream is not None:
            return True
        now = time.monotonic()
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

    def send(self, lines: bytes, start: int) -> int:
        """Send the next batch of whole lines, if free() says that it may go; return its end."""
        end = _end_of_batch(lines, start)
        self._batch = lines[start:end]
        self._sent = 0
        self._outstanding = self._stands = None
        self._pause = 1
        self._push()
        return end

    def free(self) -> bool:
        """Tell whether the stream is open and journald has read everything that was sent."""
        if self._stream is None:
            return False
        if self.sending:
            self._push()
        # Do not ask for the header alone: a journald that is just starting reads it later.
        self._outstanding = _outstanding(self._stream) if self._batch else 0
        # Look for the end after that: a closed stream has nothing outstanding either.
        if self._poll.poll(0):
            self._broken(self._stream)
            return False
        if not self.sending and not self._outstanding:
            self._batch = b""
            self._sent = 0
            return True
        stands = self._sent, self._outstanding
        if stands != self._stands:
            self._stands, self._since = stands, time.monotonic()
        return False

    @property
    def on_the_way(self) -> bool:
        """Whether journald may still read a batch that was sent."""
        return bool(self._batch)

    @property
    def sending(self) -> bool:
        """Whether the socket has not yet taken all of that batch, which is then a long line."""
        return self._sent < len(self._batch)

    @property
    def broken(self) -> bool:
        """Whether the stream is closed."""
        return self._stream is None

    @property
    def stands(self) -> float:
        """For how many seconds our looks have found that journald reads nothing."""
        return time.monotonic() - self._since if self._stands is not None else 0.0

    def wanted(self, patience: float) -> "tuple[int, int, int]":
        """Return what to wait for until free() can have changed: fd, its event, milliseconds.

        ``patience`` is how many seconds journald may read nothing.
        """
        assert self._stream is not None
        if self._outstanding is None:
            self._outstanding = _outstanding(self._stream)
        # The kernel calls a socket writable when three quarters of its buffer are free. So poll(2)
        # reports no event when journald reads a small batch.
        room = self._stream.getsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF)
        if self._outstanding * 4 > room:
            left = max(0, int((patience - self.stands) * 1000)) + 1
            return self._stream.fileno(), select.POLLOUT, left
        pause, self._pause = self._pause, min(2 * self._pause, _LONGEST_PAUSE)
        return self._stream.fileno(), 0, pause

    @property
    def has_lost(self) -> bool:
        """Whether lost() would return anything."""
        return bool(self._lost)

    def lost(self) -> bytes:
        """Return, once, the lines that journald will never read."""
        lost, self._lost = self._lost, b""
        return lost

    def close(self) -> None:
        """Close the stream; a journald that hangs finds the batch in it when it goes on."""
        if not self.free() and self._stream is not None and self.sending:
            self._lost += self._batch  # journald forgets a line that has no end
        self._close()

    def _push(self) -> None:
        assert self._stream is not None
        try:
            self._sent += self._stream.send(memoryview(self._batch)[self._sent :])
        except OSError:
            pass  # the socket has no room now, or free() finds out that the stream has broken

    def _broken(self, stream: "_socket.socket") -> None:
        reset = stream.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        if reset or self.sending:
            self._lost += self._batch
        self._close()

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream = None
        self._batch = b""
        self._sent = 0
        self._stands = None


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


def _read_by(stream: "_socket.socket", end: float) -> bool:
    """Wait until journald has read all that was sent; tell whether it has, by the time ``end``."""
    poll = _end_of(stream)
    pause = 1
    while _outstanding(stream):
        if poll.poll(pause) or time.monotonic() >= end:
            return False
        pause = min(2 * pause, _LONGEST_PAUSE)
    return True


def _outstanding(stream: "_socket.socket") -> int:
    """Return how many of the sent bytes journald has not read, as the kernel counts them."""
    return int.from_bytes(ioctl(stream, _SIOCOUTQ, b"\0" * 4), sys.byteorder)
