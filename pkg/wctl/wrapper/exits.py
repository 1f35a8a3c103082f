"""How the wrapper ends where it did not become the worker: as the worker did, or to give up."""

import posix

import _signal

# Giving up is a death by this signal, which the unit's RestartPreventExitStatus= names. An exit
# code would not do: all 256 are the worker's own, and a worker may use any of them.
GIVE_UP_SIGNAL = _signal.SIGRTMIN + 29


def die_by(signal: int) -> None:
    """End this process by ``signal``, as the worker it stood for did."""
    if signal != _signal.SIGKILL:
        _signal.signal(signal, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, [signal])
    posix.kill(posix.getpid(), signal)
    posix._exit(128 + signal)  # the signal was one that does not end a process


def end_as(status: int) -> None:
    """End this process as the worker ended, by its wait status; never returns."""
    if not posix.WIFSIGNALED(status):
        posix._exit(posix.WEXITSTATUS(status))
    import resource

    if posix.WCOREDUMP(status):
        # systemd tells a dumped core from a mere death, so one of ours must be dumped, too: as
        # small as can be, and not over the worker's.
        _shrink_core()
    else:
        # Neither a file nor a pipe (core(5)) takes a core of at most one byte.
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
