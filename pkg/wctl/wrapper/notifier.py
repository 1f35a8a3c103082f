"""The notifier: a short-lived process beside a worker that tells the manager when it is READY.

It holds a pidfd of the worker and sleeps in poll(2) until either the worker is gone or its time
has come. Then it exits, and nothing of wctl is left. Every signal is blocked in it: those that
somebody sends to the whole unit are for the worker, and a notifier that died of one would leave
a healthy worker to be killed for never becoming READY. SIGKILL ends it, as it should.
"""

import posix
import select
import time

import _signal

from . import sd_notify
from .starts import Start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# A worker with startsecs=0 is READY at once, yet one that crashes at once must not be started at
# full speed for ever: its failed starts are forgotten only when it has lived this long.
STARTSECS_0_GRACE = 1.0


def run(start: Start, pidfd: int, execd: int, probe: "Callable[[Worker], bool]") -> None:
    """Wait until the worker behind ``pidfd`` is READY, and report it.

    ``execd`` ends when the worker's exec succeeds and carries a byte when it fails. ``probe``
    waits where it is not time that makes the worker READY.
    """
    if posix.read(execd, 1):
        return
    posix.close(execd)
    worker = Worker(pidfd)
    options = start.options
    if options.ready == "startsecs":
        ready = start.at_once or not worker.gone(options.startsecs)
    else:
        ready = probe(worker)
    if not ready or options.ready == "notify":
        return
    # Where nobody starts it again (retry), a crash after READY is the end, however early.
    grace = start.at_once and not options.retry
    if not grace:
        start.counter.clear()
    if start.address is not None and not start.said_ready:
        sd_notify.ready(start.address)
    if grace and not worker.gone(STARTSECS_0_GRACE):
        start.counter.clear()


class Worker:
    """The process behind a pidfd."""

    def __init__(self, pidfd: int) -> None:
        self._pidfd = pidfd
        self._poll = select.poll()
        self._poll.register(pidfd, select.POLLIN)

    def gone(self, within: float) -> bool:
        """Wait up to ``within`` seconds and tell whether the worker has ended by then."""
        return self.gone_or(None, within) is True

    def gone_or(self, fd: "int | None", within: float) -> "bool | None":
        """As gone(), but return None as soon as ``fd`` has something to read."""
        if fd is not None:
            self._poll.register(fd, select.POLLIN)
        end = time.monotonic() + within
        while True:
            left = end - time.monotonic()
            # Rounded up: poll must not return a fraction of a millisecond early.
            ready = [each for each, _ in self._poll.poll(max(0, int(left * 1000) + 1))]
            if self._pidfd in ready:
                return True
            if ready:
                return None
            if left <= 0:
                return False

    def forget(self, fd: int) -> None:
        """Do not look at ``fd`` any more."""
        self._poll.unregister(fd)

    def stop(self, signal: int, grace: float) -> None:
        """Send ``signal``, and SIGKILL after ``grace`` seconds."""
        for each in (signal, _signal.SIGKILL):
            try:
                _signal.pidfd_send_signal(self._pidfd, each)
            except ProcessLookupError:
                return
            if self.gone(grace):
                return
