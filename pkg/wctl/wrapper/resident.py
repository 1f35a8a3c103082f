"""Resident mode: the wrapper stays as the worker's parent, where something has to stay.

That is so with log files (the pump), with ready=log:REGEX, and with autorestart=false, where the
unit has Restart=no and failed starts are retried here. Whatever the worker's end was, the
wrapper's is the same, so that systemd sees what it would have seen without us.

Decided here:
- The stop signal comes to us, the unit's main process (KillMode=mixed), and we pass it on. With
  stopasgroup systemd has sent it to the worker, too; unless it was sent to us alone, by "wctl
  signal", which only the unit's state tells.
- Signals stay blocked from before the fork until the handlers are there, so none is lost. They
  stay handled until we end: a late one must not change how we do.
- A stop while a start is under way, or waited for, is the end, not one more failed start.
"""

import posix
import select

import _signal

# All of them now: by the time a signal comes wctl may have been upgraded, or removed.
from . import backoff, exits, journald, launch
from .command_line import Options
from .starts import Start

# Not passed on: what cannot be caught, what the kernel sends for faults and ends of our own, and
# those that a background process gets for touching a terminal.
_OURS = {
    _signal.SIGKILL, _signal.SIGSTOP, _signal.SIGCHLD, _signal.SIGPIPE, _signal.SIGSEGV,
    _signal.SIGBUS, _signal.SIGILL, _signal.SIGFPE, _signal.SIGTRAP, _signal.SIGSYS,
    _signal.SIGABRT, _signal.SIGXCPU, _signal.SIGXFSZ, _signal.SIGTTIN, _signal.SIGTTOU,
}  # fmt: skip


def run(start: Start) -> None:
    """Run the worker, and try again where the unit does not; end as the worker ended."""
    worker = Worker(start.options)
    while True:
        start.begin()
        try:
            status = _run_once(start, worker)
        except OSError as error:  # no process or descriptor to be had: TasksMax=, LimitNPROC=
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
            posix.kill(child, _signal.SIGKILL)  # nobody would ever call it READY
            posix.waitpid(child, 0)
            raise
        worker.runs(pidfd)
    finally:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
        for end in gate:
            posix.close(end)
    if pump is None:
        _ended(pidfd)
    else:
        pump.run(pidfd, tap)
    status = posix.waitpid(child, 0)[1]
    worker.is_gone()
    posix.close(pidfd)
    posix.read(verdict, 1)
    posix.close(verdict)
    return status


def _leave_notifier(start: Start, pidfd: int, gate: "tuple[int, int]") -> "tuple[int, int | None]":
    """Fork the notifier.

    Return a pipe that ends with it, and one for what the worker writes, if it is to see that.
    """
    # Whether the start has failed is known when the notifier is gone, which is soon after the
    # worker: it may be about to report READY.
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
    """Where the signals go that come to us."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._pidfd: "int | None" = None
        self._signalled = False  # the stop signal has come
        self._handled = (_signal.valid_signals() - _OURS) | {options.stopsignal}
        self._handled -= {_signal.SIGKILL, _signal.SIGSTOP}

    def runs(self, pidfd: int) -> None:
        """From now on signals are for the process behind ``pidfd``."""
        self._pidfd = pidfd
        for signal in self._handled:
            _signal.signal(signal, self._arrived)

    def is_gone(self) -> None:
        """There is no worker: only a stop concerns us."""
        self._pidfd = None

    def is_us(self) -> None:
        """Put the dispositions back, in the process that becomes the worker."""
        for signal in self._handled:
            _signal.signal(signal, _signal.SIG_DFL)

    def stopped(self) -> bool:
        """Tell whether the unit is being stopped, as far as the signals that came can tell."""
        return self._signalled and _deactivating(self._options)

    def _arrived(self, signal: int, _frame: object) -> None:
        stop = signal == self._options.stopsignal
        self._signalled = self._signalled or stop
        if self._pidfd is None:
            # Nothing of the worker is left. Ending us is what a stop in the back-off is for.
            if stop and self._options.retry:
                exits.die_by(signal)
        elif not (stop and self._options.stop_group and _deactivating(self._options)):
            try:
                _signal.pidfd_send_signal(self._pidfd, signal)
            except ProcessLookupError:
                pass  # it has ended, and we are about to notice


def _deactivating(options: Options) -> bool:
    return backoff.ask(options, "ActiveState") in {b"deactivating", b""}


def _ended(pidfd: int) -> None:
    """Sleep until the worker has ended."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    while not poll.poll():
        pass
