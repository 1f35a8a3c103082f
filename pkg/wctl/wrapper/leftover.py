"""The processes that a worker leaves behind, such as the real worker behind a shell.

systemd sends the stop signal to the main process alone (KillMode=mixed), and kills whatever is left
in the unit as soon as the main process has ended. If the worker is a shell (`sh -c "consume eu"`,
start.sh), the signal ends the shell, and the process that works would be killed over its message.
So the wrapper stays: when the worker has ended, what it leaves behind gets the stop signal, and
the unit's time to stop.

Decided here:
- The signal goes once to each process whose parent is not in the unit: the process itself asks its
  children to end, as it does at any stop. If it leaves children behind, they are next.
- SIGINT and SIGQUIT are signals of terminals, and there they go to the shell and to its command
  alike. A shell waits for its command after SIGINT, and bash ignores SIGQUIT. So the command gets
  them, too, if it runs in the foreground: other children of a shell ignore SIGINT. Not so the other
  signals: a trap may be there to let the command finish.
- What a shell has left behind from its background, and so ignores these signals, gets SIGTERM.
- What reads the output of another one (`sh -c "consume | logger"`) ends by itself after it. It gets
  the signal only when nothing else is left, and it has had a moment for the last words: otherwise
  the other's writes would fail, or be lost.
- While systemd stops the unit, TimeoutStopSec= limits all this. If the worker ended by itself, the
  same time begins with its end; then we kill what is left.
- What we may not signal, we leave to systemd.
- Only the control group tells which processes are the unit's. Without a group of its own
  ("wctl run"), a worker leaves nothing behind that we would know of.
"""

import posix
import select

import _signal

from . import journald
from .command_line import Options, decoded, encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MOUNT = "/sys/fs/cgroup"
_TICK = 0.5  # seconds between two looks at what does not end
_SPARED = 2  # ticks: what has lost its writer has a whole one, at least, for what is in the pipe
_SHELLS = {"sh", "ash", "bash", "busybox", "dash", "ksh", "ksh93", "mksh", "zsh"}


def of(options: Options) -> "Leftover | None":
    """Return the processes behind the shell that is our worker; None if it is no shell."""
    group = _group(options.unit) if options.behind_shell else None
    if group is None:
        return None
    return Leftover(options.unit, group, options.stopsignal, options.behind_shell)


def ends(left: "Leftover | None") -> "Iterator[int]":
    """Signal what the worker has left behind; yield a descriptor to wait for, until none is left.

    The descriptor becomes readable when one of the processes has ended, and every half second.
    """
    if left is None:
        return
    if left.look():
        left.tell()
        before = _signal.signal(_signal.SIGALRM, left.tick)
        _signal.setitimer(_signal.ITIMER_REAL, _TICK, _TICK)
        yield left.ended.fileno()
        while left.look():
            yield left.ended.fileno()
        _signal.setitimer(_signal.ITIMER_REAL, 0)
        _signal.signal(_signal.SIGALRM, before)
    left.close()


class Leftover:
    """The processes in a control group whose parents are not in it; ``seconds`` to end."""

    def __init__(self, unit: str, group: str, signal: int, seconds: int) -> None:
        self._unit = unit
        self._stops = False  # the worker has got the stop signal
        self._procs = f"{group}/cgroup.procs"
        self._cgroup = _content("/proc/self/cgroup")
        self._signal = signal
        self._ticks = int(seconds / _TICK)  # until what is left is killed
        self._known: "dict[int, int]" = {}  # from IDs of processes to pidfds
        self._readers: "set[int]" = set()  # of the output of others, which may have ended since
        self._spared: "dict[int, int]" = {}  # known, without a signal yet: since which tick
        self._clock = posix.pipe()
        self.ended = select.epoll()  # readable when a process has ended, or a tick has passed
        self.ended.register(self._clock[0], select.EPOLLIN)

    def close(self) -> None:
        """Close what became readable."""
        self.ended.close()
        for end in self._clock:
            posix.close(end)

    def tick(self, _number: int, _frame: object) -> None:
        """Let time pass: look() acts on it."""
        posix.write(self._clock[1], b"!")

    def tell(self) -> None:
        """Say what the worker has left behind by itself: "wctl status" names it (exits.py)."""
        names = [
            _content(f"/proc/{pid}/comm")[:-1].replace(b"\n", b"?")
            for pid in sorted(self._known.keys() - self._spared.keys())
        ]
        # Our notifier may be there still: it waits for the worker's end.
        found = [decoded(name) for name in names if name and not name.startswith(b"python")]
        if found and not self._stops:
            text = f"the worker ended and left {found[0]} behind, which gets the stop signal"
            journald.say(f"<6>{self._unit}: {text}")

    def look(self) -> bool:
        """Signal each process that is new here; tell whether there is one to wait for."""
        for pid, pidfd in list(self._known.items()):
            if _readable(pidfd):  # the process has ended
                self._forget(pid)
        if _readable(self._clock[0]):
            self._ticks -= len(posix.read(self._clock[0], 1 << 10))
            self._time_has_passed()
        pids = self._pids()
        new = pids - self._known.keys() - {posix.getpid()}
        readers = _readers(new, pids) if new else set()
        for pid in new - readers:
            self._meet(pid, pids, spare=pid in self._readers and self._ticks > 0)
        self._readers |= readers
        if not self._known:
            for pid in readers:
                self._meet(pid, pids)
        return bool(self._known)

    def _time_has_passed(self) -> None:
        if self._ticks <= 0:
            self._signal = _signal.SIGKILL
            self._spared.clear()
            for pid in list(self._known):
                self._ask(pid)
        for pid, since in list(self._spared.items()):
            if since - self._ticks >= _SPARED:
                del self._spared[pid]
                if self._ask(pid):
                    self._ask_behind(pid, self._pids())

    def pass_on(self, shell: int) -> None:
        """Signal the command of ``shell``, which has got the signal, if it only waits for that."""
        self._stops = True
        self._ask_behind(shell, self._pids())

    def _ask_behind(self, shell: int, pids: "set[int]") -> None:
        signal = self._signal
        if signal == _signal.SIGINT or (signal == _signal.SIGQUIT and _ignores(shell, signal)):
            if not _is_shell(shell):
                return
            children = {pid for pid in pids - self._known.keys() if _parent(pid) == shell}
            self._readers |= _readers(children, pids)
            for pid in children - self._readers:
                if not _ignores(pid, _signal.SIGINT):
                    self._meet(pid, pids - {shell})

    def _pids(self) -> "set[int]":
        return set(map(int, _content(self._procs).split()))

    def _meet(self, pid: int, pids: "set[int]", *, spare: bool = False) -> None:
        """Signal a process if its parent is not one of ``pids``; ``spare`` it for a moment."""
        try:
            pidfd = posix.pidfd_open(pid)
        except OSError:
            return
        self._known[pid] = pidfd
        self.ended.register(pidfd, select.EPOLLIN)
        # The pidfd must be of a process of the unit, and not of a later one with the same ID.
        ours = _content(f"/proc/{pid}/cgroup") == self._cgroup
        if not ours or _parent(pid) in {0, *pids}:
            self._forget(pid)
        elif spare:
            self._spared[pid] = self._ticks
        elif self._ask(pid):
            self._ask_behind(pid, pids)

    def _ask(self, pid: int) -> bool:
        """Signal a process; if we may not, forget it, and return False."""
        if not _send(self._known[pid], self._signal_for(pid)):
            self._forget(pid)
            return False
        _send(self._known[pid], _signal.SIGCONT)  # as systemd: a stopped process hears no signal
        return True

    def _signal_for(self, pid: int) -> int:
        of_terminals = self._signal in {_signal.SIGINT, _signal.SIGQUIT}
        return _signal.SIGTERM if of_terminals and _ignores(pid, self._signal) else self._signal

    def _forget(self, pid: int) -> None:
        self._spared.pop(pid, None)
        posix.close(self._known.pop(pid))  # which takes it out of ``ended``, too


def _group(unit: str) -> "str | None":
    """Return the directory of our control group if it is that of ``unit``."""
    found = None
    for line in _content("/proc/self/cgroup").splitlines():
        _, controllers, path = line.split(b":", 2)
        # systemd puts a _ before the name if it could be that of a file of the kernel.
        if not {encoded(unit), b"_" + encoded(unit)} & set(path.split(b"/")):
            continue
        if controllers == b"name=systemd":
            return f"{_MOUNT}/systemd{decoded(path)}"
        if not controllers:
            found = f"{_MOUNT}{decoded(path)}"
    return found


def _readers(some: "set[int]", pids: "set[int]") -> "set[int]":
    """Return which of ``some`` read from a pipe that another one of ``pids`` writes to."""
    written: "dict[str, set[int]]" = {}
    for pid in pids:
        for fd in (1, 2):
            written.setdefault(_pipe(pid, fd), set()).add(pid)
    written.pop("", None)  # no pipe
    return {pid for pid in some if written.get(_pipe(pid, 0), set()) - {pid}}


def _pipe(pid: int, fd: int) -> str:
    """Return the name of the pipe that a process has as ``fd``; "" if it is none."""
    try:
        target = posix.readlink(f"/proc/{pid}/fd/{fd}")
    except OSError:  # the process has ended, or has closed it
        return ""
    return target if target.startswith("pipe:") else ""


def _parent(pid: int) -> int:
    """Return the parent of a process; 0 if the process has ended."""
    stat = _content(f"/proc/{pid}/stat").rpartition(b")")[2].split()  # the name may hold a )
    return 0 if not stat or stat[0] in {b"Z", b"X"} else int(stat[1])


def _is_shell(pid: int) -> bool:
    try:
        program = posix.readlink(f"/proc/{pid}/exe")
    except OSError:  # it has ended, or is another user's
        return False
    return program.rpartition("/")[2].partition(" ")[0] in _SHELLS  # "dash (deleted)"


def _ignores(pid: int, signal: int) -> bool:
    """Tell whether a process ignores a signal."""
    lines = _content(f"/proc/{pid}/status").splitlines()
    masks = [line[7:] for line in lines if line.startswith(b"SigIgn:")]
    return any(int(mask, 16) >> (signal - 1) & 1 for mask in masks)


def _readable(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))


def _send(pidfd: int, signal: int) -> bool:
    """Send a signal; tell whether we may. A process that has ended cannot object."""
    try:
        _signal.pidfd_send_signal(pidfd, signal)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return True


def _content(path: str) -> bytes:
    """Return the content of a file of the kernel; b"" if it cannot be read."""
    try:
        fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return b""
    data = b""
    try:
        while chunk := posix.read(fd, 1 << 16):
            data += chunk
    except OSError:  # the process has ended
        return b""
    finally:
        posix.close(fd)
    return data
