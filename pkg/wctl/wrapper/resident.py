"""Resident mode: the wrapper stays as the worker's parent.

The wrapper stays with log files (the pump), with ready=log:REGEX, with autorestart=false: then
the unit has Restart=no, and the wrapper retries failed starts; and where a shell starts the worker,
which may be left behind when the shell ends (leftover.py). The wrapper ends as the worker
ended, so that systemd sees what it would have seen without a wrapper.

Decided here:
- The stop signal comes to us, the unit's main process (KillMode=mixed), and we pass it on. With
  stopasgroup systemd has sent the signal to the worker as well. "wctl signal" sends it to us alone.
  Only the unit's state tells these two cases apart.
- Signals stay blocked from before the fork until the handlers are installed, so none is lost.
  Handlers stay installed until we exit, so that a late signal cannot change our exit status.
- A signal between Python's last look for one and the system call of poll(2) would wait until some
  file is ready. So each signal also makes a pipe readable, and that pipe is in every poll.
- A stop during a start, or during the wait for a start, is the end, not one more failed start.
"""

import posix
import select

import _signal

# Import everything now: when a signal comes or the worker ends, wctl and Python may have been
# upgraded or removed. launch.py uses the limits and the notifier, in each retry anew.
from . import backoff, exits, journald, launch, leftover, limits, notifier  # noqa: F401
from .command_line import Options
from .starts import Start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# Signals that we do not pass on: the two that no process can catch, those that the kernel sends for
# our own faults, limits and children, and those that a background process gets from a terminal.
_OURS = {
    _signal.SIGKILL, _signal.SIGSTOP, _signal.SIGCHLD, _signal.SIGPIPE, _signal.SIGSEGV,
    _signal.SIGBUS, _signal.SIGILL, _signal.SIGFPE, _signal.SIGTRAP, _signal.SIGSYS,
    _signal.SIGABRT, _signal.SIGXCPU, _signal.SIGXFSZ, _signal.SIGTTIN, _signal.SIGTTOU,
}  # fmt: skip


def run(start: Start) -> None:
    """Run the worker, and retry if the unit does not; end as the worker ended."""
    worker = Worker(start.options)
    while True:
        start.begin()
        try:
            status = _run_once(start, worker)
        except OSError as error:  # no process or descriptor is left: TasksMax=, LimitNPROC=
            journald.say(f"<3>{start.options.unit}: cannot start: {error.strerror}")
            status = launch.EXIT_NOT_STARTED << 8
        if not start.options.retry or not start.counter.failed() or worker.stopped():
            exits.end_as(status)
        start.failed += 1
        backoff.back_off(start)


def _run_once(start: Start, worker: "Worker") -> int:
    """Start the worker and stay until it has ended; return its wait status."""
    options = start.options
    pump = None
    if options.pumped:
        from . import pump as pumps

        pump = pumps.Pump(options, start.logs)
    gate = posix.pipe()
    mask = launch.block_signals()
    try:
        child = posix.fork()
        if child == 0:
            worker.is_us()
            _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
            environ = dict(start.environ)
            if pump is not None:
                pump.in_worker(environ)
            launch.become(options, environ, gate[1])
        pidfd = posix.pidfd_open(child)
        try:
            verdict, tap = _leave_notifier(start, pidfd, gate)
        except OSError:
            posix.kill(child, _signal.SIGKILL)  # without a notifier it would never be READY
            posix.waitpid(child, 0)
            raise
        left = leftover.of(options)
        worker.runs(pidfd, child, left)
    finally:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
        for end in gate:
            posix.close(end)
    rest = leftover.ends(left)
    if pump is None:
        _ended(pidfd, worker.wakes, rest)
    else:
        pump.run(pidfd, worker.wakes, tap, rest)
    status = posix.waitpid(child, 0)[1]
    worker.is_gone()
    posix.close(pidfd)
    posix.read(verdict, 1)
    posix.close(verdict)
    return status


def _leave_notifier(start: Start, pidfd: int, gate: "tuple[int, int]") -> "tuple[int, int | None]":
    """Fork the notifier.

    Return a pipe that ends with the notifier, and a pipe to it for a copy of the worker's output,
    which it reads for ready=log:REGEX.
    """
    # Only when the notifier is gone do we know whether the start has failed: the notifier ends
    # soon after the worker, and until then it may be about to report READY.
    verdict, held = posix.pipe()
    output = tap = None
    if start.options.ready.startswith("log:"):
        output, tap = posix.pipe()
    launch.leave_notifier(start, pidfd, gate, output)
    posix.close(held)
    if output is not None:
        posix.close(output)
    return verdict, tap


class Worker:
    """The receiver of the signals that we pass on: the worker, while it runs."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._pidfd: "int | None" = None
        self._pid = 0
        self._left: "leftover.Leftover | None" = None
        self._signalled = False  # the stop signal has come
        self._handled = (_signal.valid_signals() - _OURS) | {options.stopsignal}
        self._handled -= {_signal.SIGKILL, _signal.SIGSTOP}
        self.wakes, wake = posix.pipe()  # readable when a signal has come
        posix.set_blocking(wake, False)
        _signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def runs(self, pidfd: int, pid: int, left: "leftover.Leftover | None") -> None:
        """Pass signals on to the process ``pid`` from now on, the stop signal through ``left``."""
        self._pidfd, self._pid, self._left = pidfd, pid, left
        for signal in self._handled:
            _signal.signal(signal, self._arrived)

    def is_gone(self) -> None:
        """Pass no more signals on: without a worker only a stop matters."""
        self._pidfd = self._left = None

    def is_us(self) -> None:
        """Restore the default dispositions, in the process that becomes the worker."""
        for signal in self._handled:
            _signal.signal(signal, _signal.SIG_DFL)

    def stopped(self) -> bool:
        """Tell whether the stop signal has come and systemd is stopping the unit."""
        return self._signalled and _deactivating(self._options)

    def _arrived(self, signal: int, _frame: object) -> None:
        stop = signal == self._options.stopsignal
        self._signalled = self._signalled or stop
        if self._pidfd is None:
            # The worker is gone. A stop during the back-off must end the wrapper.
            if stop and self._options.retry:
                exits.die_by(signal)
        elif not (stop and self._options.stop_group and _deactivating(self._options)):
            try:
                _signal.pidfd_send_signal(self._pidfd, signal)
            except ProcessLookupError:
                return  # the worker has ended, and we are about to notice
            if stop and self._left is not None:
                self._left.pass_on(self._pid)


def _deactivating(options: Options) -> bool:
    return backoff.ask(options, "ActiveState") in {b"deactivating", b""}


def _ended(pidfd: int, wakes: int, rest: "Iterator[int] | None" = None) -> None:
    """Sleep until the process behind ``pidfd`` has ended; a signal makes ``wakes`` readable.

    ``rest`` are further descriptors to wait for, one after the other, when it has ended.
    """
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.register(wakes, select.POLLIN)
    awaited = pidfd
    while True:
        ready = [fd for fd, _ in poll.poll()]
        if wakes in ready:
            posix.read(wakes, 1 << 12)
        if awaited in ready:
            poll.unregister(awaited)
            following = None if rest is None else next(rest, None)
            if following is None:
                return
            awaited = following
            poll.register(awaited, select.POLLIN)
