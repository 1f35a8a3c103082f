"""How a wrapper that did not become the worker exits: as the worker did, or by giving up."""

import posix
import resource  # before the worker runs: at its end, Python may have been upgraded or removed

import _signal

# The wrapper gives up by killing itself with this signal, which the unit's
# RestartPreventExitStatus= names. No exit code is free for that: a worker may use all 256.
GIVE_UP_SIGNAL = _signal.SIGRTMIN + 29


def die_by(signal: int) -> None:
    """Kill this process with ``signal``; never returns."""
    if signal != _signal.SIGKILL:
        _signal.signal(signal, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, [signal])
    posix.kill(posix.getpid(), signal)
    posix._exit(128 + signal)  # the signal's default action does not end a process


def end_as(status: int) -> None:
    """End this process as the worker ended, given the worker's wait status; never returns."""
    if not posix.WIFSIGNALED(status):
        posix._exit(posix.WEXITSTATUS(status))
    if posix.WCOREDUMP(status):
        # systemd tells a dumped core from a mere death, so the wrapper must dump a core as well:
        # as small as possible, and not over the worker's core.
        _shrink_core()
    else:
        # The kernel writes no core of at most one byte, neither to a file nor to a pipe (core(5)).
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        soft = 1 if hard == resource.RLIM_INFINITY else min(1, hard)
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    die_by(posix.WTERMSIG(status))


def _shrink_core() -> None:
    try:
        posix.chdir(posix.environ.get(b"RUNTIME_DIRECTORY", b"/").partition(b":")[0])
        fd = posix.open("/proc/self/coredump_filter", posix.O_WRONLY | posix.O_CLOEXEC)
        posix.write(fd, b"0")
        posix.close(fd)
    except OSError:
        pass
