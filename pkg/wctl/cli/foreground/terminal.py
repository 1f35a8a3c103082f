"""A session, and at a terminal a terminal, of its own for the worker of "wctl run".

A process can type at its controlling terminal: the ioctl TIOCSTI (ioctl_tty(2)) puts bytes into the
terminal's input, and the shell of root reads them as soon as the worker ends. A process can also
read what root types. So a worker that runs as another user gets a session of its own and no
descriptor of root's terminal. If stdin, stdout or stderr is a terminal, the worker gets a
pseudo-terminal in its place. Its parent copies bytes between the two terminals.

Decided here:
- The kernel ignores the worker's Ctrl-Z, because no process of the worker's session could continue
  the worker (credentials(7), orphaned process groups). So we stop the worker, and then our own job.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import termios
from contextlib import suppress

from wctl.cli.foreground.pseudo_terminal import Pty, poll
from wctl.errors import WctlError
from wctl.wrapper import exits

_CHUNK = 1 << 10  # signals that we take at once
_CORE = 0x80  # of a wait status: the worker dumped a core; the relay dumps none

# Signals that we do not pass on: the two that no process can catch, those that the kernel sends for
# our own faults, limits and children, and those that a background process gets from its terminal.
_OURS = {
    signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGSEGV, signal.SIGBUS,
    signal.SIGILL, signal.SIGFPE, signal.SIGTRAP, signal.SIGSYS, signal.SIGXCPU, signal.SIGXFSZ,
    signal.SIGTTIN, signal.SIGTTOU,
}  # fmt: skip
# A terminal sends these to all processes of a job. We cannot tell whether a terminal sent them.
_OF_KEYS = {signal.SIGINT, signal.SIGQUIT}


def leave(owner: int) -> None:
    """Leave the session of the caller, if it has a terminal, for that of a worker.

    ``owner`` is the worker's user ID. If there is a terminal, this function returns in a child
    only. The parent passes signals and bytes on, and ends as the child ends.

    Raises:
        WctlError: no pseudo-terminal or no process can be made.
    """
    if _is_container() or not _has_terminal():
        return
    _fill_standard_descriptors()
    terminals = [fd for fd in range(3) if os.isatty(fd)]
    try:
        pty = Pty(terminals, owner) if terminals else None
    except (OSError, termios.error) as error:
        raise WctlError(
            f"no terminal for the worker: {error.args[-1]}",
            hint="redirect stdin, stdout and stderr to run the worker without a terminal",
        ) from None
    # Until the relay waits for them: none may end us while the terminal is raw. A SIGCHLD that is
    # ignored would leave us nothing to wait for.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    disposition = signal.signal(signal.SIGCHLD, _wake)
    if pty is not None:
        with suppress(OSError, termios.error):  # the terminal is gone: the relay sees it, too
            pty.take_keyboard()
    try:
        child = os.fork()
    except OSError as error:
        if pty is not None:
            pty.restore()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        raise WctlError(f"no process for the worker: {error.strerror}") from None
    if child == 0:
        signal.signal(signal.SIGCHLD, disposition)
        _begin_session(pty)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return
    relay = _Relay(child, pty)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask - relay.handled)
    exits.end_as(relay.run() & ~_CORE)


def _is_container() -> bool:
    """Tell whether we are the first process of a container and of its session.

    Such a container has a terminal of its own, and no shell reads from it after us. The worker
    takes our place then, so that the container's manager signals the worker itself.
    """
    return os.getpid() == 1 == os.getsid(0)


def _has_terminal() -> bool:
    """Tell whether this process has a terminal behind a descriptor, or a controlling terminal."""
    if any(map(os.isatty, _descriptors())):
        return True
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError as error:
        # ENXIO: no controlling terminal (tty(4)); ENOENT: nothing to open one by.
        return error.errno not in {errno.ENXIO, errno.ENOENT}
    return True


def _descriptors() -> list[int]:
    return [int(name) for name in os.listdir("/proc/self/fd")]


def _fill_standard_descriptors() -> None:
    """Occupy 0 to 2 until the exec, so that none of our own descriptors gets such a number."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(fd)


def _begin_session(pty: Pty | None) -> None:
    """Lead a session of our own; of root's descriptors, pass only stdin, stdout and stderr on."""
    os.setsid()
    if pty is not None:
        pty.enter()
    for fd in _descriptors():
        if fd > 2:
            with suppress(OSError):  # the one that listed the others
                os.set_inheritable(fd, False)


def _wake(_signal: int, _frame: object) -> None:
    """Do nothing: the signal's number is in the pipe of set_wakeup_fd()."""


class _Relay:
    """The parent of a worker in another session: it passes on signals, and bytes if it must."""

    def __init__(self, child: int, pty: Pty | None) -> None:
        self._child = child
        self._pty = pty
        self._status: int | None = None
        self._signals, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        # A signal that nohup(1) or a shell has made us ignore, the worker ignores as well.
        self.handled = {
            number
            for number in signal.valid_signals() - _OURS
            if signal.getsignal(number) != signal.SIG_IGN
        }
        for number in self.handled:
            signal.signal(number, _wake)
        self.handled.add(signal.SIGCHLD)

    def run(self) -> int:
        """Stay until the worker has ended and its output is shown; return its wait status."""
        try:
            while self._status is None:
                self._wait()
            if self._pty is not None:
                self._pty.drain(self._signals)
        finally:
            if self._pty is not None:
                self._pty.restore()
        return self._status

    def _wait(self) -> None:
        """Wait for signals and for bytes, and pass them on."""
        wanted = {self._signals: select.POLLIN}
        timeout = None
        if self._pty is not None:
            wanted.update(self._pty.wanted())
            timeout = self._pty.timeout()
        ready = poll(wanted, timeout)
        if self._signals in ready:
            for number in os.read(self._signals, _CHUNK):
                self._arrived(number)
        elif self._pty is not None and self._pty.move(ready):
            self._suspend()

    def _arrived(self, number: int) -> None:
        if number == signal.SIGCHLD:
            self._reap()
        elif number == signal.SIGTSTP:
            self._suspend()
        elif number == signal.SIGWINCH and self._pty is not None:
            self._pty.resize()
        else:
            if number == signal.SIGCONT and self._pty is not None:
                self._pty.resize()
            self._send(number, group=number in _OF_KEYS or number == signal.SIGCONT)

    def _reap(self) -> None:
        """See which children have ended or stopped; as PID 1 we have those of others as well."""
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG | os.WUNTRACED))[0]:
                pid, status = found
                if pid == self._child and os.WIFSTOPPED(status):
                    self._stop()
                elif pid == self._child:
                    self._status = status

    def _send(self, number: int, *, group: bool) -> None:
        """Signal the worker; its number is its own until we have reaped it."""
        if self._status is not None:
            return
        try:
            send = os.killpg if group else os.kill
            send(self._child, number)
        except ProcessLookupError:  # the child has not made its session yet
            os.kill(self._child, number)

    def _suspend(self) -> None:
        """Stop the worker and ourselves; continue the worker when the shell continues us."""
        self._send(signal.SIGSTOP, group=True)
        self._stop()
        self._send(signal.SIGCONT, group=True)

    def _stop(self) -> None:
        """Stop our job, as the shell of root expects it of a job whose worker has stopped.

        Without a shell that could continue the job, the kernel ignores the signal.
        """
        if self._pty is not None:
            self._pty.restore()
        if signal.SIGTSTP in self.handled:
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            os.kill(0, signal.SIGTSTP)
            signal.signal(signal.SIGTSTP, _wake)
