"""After a failed start: wait, longer each time, or give up.

Decided here:
- A start by hand begins at zero. systemd keeps the count over "systemctl restart", as it does over
  its own restarts, and is asked which of them this is (starts.automatic).
- While we wait the unit is "activating", and each wait extends the manager's start timeout by what
  it takes: TimeoutStartSec= covers one try, however many went before.
"""

import posix
import select
import time

import _signal

from . import sd_notify
from .exits import GIVE_UP_SIGNAL, die_by
from .command_line import START_GRACE, Options
from .starts import Start, automatic, delay, given_up
from .journald import say

_SYSTEMCTL = "/bin/systemctl"
_FOR_SYSTEMCTL = {b"DBUS_SESSION_BUS_ADDRESS", b"XDG_RUNTIME_DIR"}
_ASK_TIMEOUT = 10.0  # seconds
_REST = 1_000_000  # microseconds that no unit is down for which systemd itself starts again

_ERR = "<3>"  # a line's priority, for the journal (sd-daemon(3))
_NOTICE = "<5>"


def settle(start: Start) -> None:
    """Find out who asked for this start: by hand it is the first again."""
    value = ask(start.options, "NRestarts")
    start.restarts = int(value) if value.isdigit() else None
    before = start.counter.restarts()
    unsure = before is None and start.restarts is not None
    if not automatic(before, start.restarts) or (unsure and _rested(start.options)):
        start.failed = 0


def _rested(options: Options) -> bool:
    """Tell whether the unit was down for a while before this start: somebody had stopped it.

    Were that wrong once, the next start would be told by NRestarts, which is noted from now on.
    """
    down, up = (ask(options, f"Inactive{each}TimestampMonotonic") for each in ("Enter", "Exit"))
    return down.isdigit() and up.isdigit() and 0 < int(down) < int(up) - _REST


def back_off(start: Start) -> None:
    """Wait before the try that follows so many failed starts, or give up."""
    if given_up(start.failed, start.options.startretries):
        failed = "1 failed start" if start.failed == 1 else f"{start.failed} failed starts in a row"
        give_up(f"gave up after {failed}", start.options, start.address)
    if start.failed:
        _wait_out(start)


def give_up(reason: str, options: Options, address: "str | None") -> None:
    """End the unit as FATAL: failed, and not to be started again until somebody asks."""
    say(f"{_ERR}{options.unit}: {reason}")
    sd_notify.status(address, f"FATAL: {reason}")
    die_by(GIVE_UP_SIGNAL)


def _wait_out(start: Start) -> None:
    """Sleep before the next try, with the reason in the unit's status."""
    options = start.options
    seconds = delay(start.failed)
    tries = f"failed start {start.failed} of {options.startretries + 1}"
    say(f"{_NOTICE}{options.unit}: {tries}, next try in {seconds} s")
    until_ready = options.startsecs if options.ready == "startsecs" else options.ready_timeout
    extend = seconds + until_ready + START_GRACE
    sd_notify.status(start.address, f"BACKOFF: {tries}, next try in {seconds} s", extend)
    time.sleep(seconds)
    sd_notify.status(start.address, "")


def source(options: Options) -> str:
    """Return the configuration file that our unit was generated from; "" where nobody knows."""
    try:
        with open(ask(options, "FragmentPath"), encoding="utf-8") as unit:
            for line in unit:
                key, _, value = line.partition("=")
                if key == "X-Wctl-Source":
                    return value.strip()
    except OSError:
        pass
    return ""


def ask(options: Options, name: str) -> bytes:
    """Return a property of our unit as systemctl prints it; b"" where it cannot be had."""
    ours, theirs = posix.pipe()
    argv = ["systemctl", "--user" if options.user else "--system", "show"]
    argv += [f"--property={name}", "--value", "--", options.unit]
    # The worker's environment may hold anything, such as LD_PRELOAD.
    environ = {k: v for k, v in posix.environ.items() if k in _FOR_SYSTEMCTL}
    actions = [
        (posix.POSIX_SPAWN_DUP2, theirs, 1),
        (posix.POSIX_SPAWN_OPEN, 2, "/dev/null", posix.O_WRONLY, 0),
    ]
    try:
        child = posix.posix_spawn(_SYSTEMCTL, argv, environ, file_actions=actions)
    except OSError:
        posix.close(ours)
        return b""
    finally:
        posix.close(theirs)
    value = _read_within(ours, _ASK_TIMEOUT)
    posix.close(ours)
    if value is None:
        posix.kill(child, _signal.SIGKILL)
    posix.waitpid(child, 0)
    return (value or b"").strip()


def _read_within(fd: int, seconds: float) -> "bytes | None":
    """Return what can be read from ``fd`` up to its end; None if that does not come in time."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    data = b""
    while poll.poll(seconds * 1000):
        chunk = posix.read(fd, 1 << 12)
        if not chunk:
            return data
        data += chunk
    return None
