"""The notifier: a short-lived process that tells the manager when a worker is READY.

The notifier holds a pidfd of the worker and sleeps in poll(2) until the worker is gone or READY.
Then it exits, and no process of wctl is left. It blocks every signal: signals that a user sends to
the whole unit are for the worker. If one ended the notifier, systemd would kill a healthy worker
for never becoming READY. SIGKILL ends the notifier, as it should.
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

# Seconds. A worker with startsecs=0 is READY at once, yet if it crashes at once, systemd must not
# restart it at full speed for ever. So the notifier forgets its failed starts only after this time.
STARTSECS_0_GRACE = 1.0


def run(start: Start, pidfd: int, execd: int, probe: "Callable[[Worker], bool]") -> None:
    """Wait until the worker behind ``pidfd`` is READY, and report it.

    ``execd`` ends when the worker's exec succeeds and carries a byte when it fails. ``probe``
    waits for readiness if time alone (startsecs) does not make the worker READY.
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
    # If systemd does not restart the worker (retry), a crash after READY is final, however early.
    grace = start.at_once and not options.retry
    if not grace:
        start.counter.clear()
    if start.address is not None and not start.said_ready:
        sd_notify.ready(start.address)
    if grace and not worker.gone(STARTSECS_0_GRACE):
        start.counter.clear()


class Worker:
    """The worker's process, behind a pidfd."""

    def __init__(self, pidfd: int) -> None:
        self._pidfd = pidfd
        self._poll = select.poll()
        self._poll.register(pidfd, select.POLLIN)

    def gone(self, within: float) -> bool:
        """Wait up to ``within`` seconds and tell whether the worker has ended by then."""
        return self.gone_or(None, within) is True

    def gone_or(self, fd: "int | None", within: float) -> "bool | None":
        """Do what gone() does, but return None as soon as ``fd`` is readable."""
        if fd is not None:
            self._poll.register(fd, select.POLLIN)
        end = time.monotonic() + within
        while True:
            left = end - time.monotonic()
            # Rounded up: poll must not return a fraction of a millisecond early.
            ready = [readable for readable, _ in self._poll.poll(max(0, int(left * 1000) + 1))]
            if self._pidfd in ready:
                return True
            if ready:
                return None
            if left <= 0:
                return False

    def forget(self, fd: int) -> None:
        """Stop watching ``fd``."""
        self._poll.unregister(fd)

    def stop(self, signal: int, grace: float) -> None:
        """Send ``signal``, and SIGKILL if the worker still runs after ``grace`` seconds."""
        for number in (signal, _signal.SIGKILL):
            try:
                _signal.pidfd_send_signal(self._pidfd, number)
            except ProcessLookupError:
                return
            if self.gone(grace):
                return
