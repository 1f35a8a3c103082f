"""After a failed start: wait, longer each time, or give up.

Decided here:
- A start by hand begins at zero. systemd keeps the count over "systemctl restart", as it does over
  its own restarts, so we ask systemd which of the two this start is (starts.automatic).
- While we wait, the unit is "activating". Each wait extends the manager's start timeout by the time
  that the wait and the next try take: TimeoutStartSec= covers one try, however many came before.
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
_REST = 1_000_000  # microseconds; a unit that systemd restarts by itself is down for less

_ERR = "<3>"  # a line's priority for the journal (sd-daemon(3))
_NOTICE = "<5>"


def settle(start: Start) -> None:
    """Ask systemd whether it made this start itself; a start by hand counts as the first again."""
    value = ask(start.options, "NRestarts")
    start.restarts = int(value) if value.isdigit() else None
    before = start.counter.restarts()
    unsure = before is None and start.restarts is not None
    if not automatic(before, start.restarts) or (unsure and _rested(start)):
        start.failed = 0


def _rested(start: Start) -> bool:
    """Tell whether the unit was down for over a second before this start: the user had stopped it.

    A wrong answer affects this start only: from now on we record NRestarts, which decides the next.
    With RestartMode=direct a restart changes neither time. So the unit must also have come up since
    the last start, which has written the count.
    """
    times = (ask(start.options, f"Inactive{edge}TimestampMonotonic") for edge in ("Enter", "Exit"))
    down, up = (int(text) if text.isdigit() else 0 for text in times)
    age = time.time() - start.counter.written()
    return 0 < down < up - _REST and up > (time.monotonic() - age) * 1e6


def back_off(start: Start) -> None:
    """Wait before the next try, or give up after too many failed starts."""
    if given_up(start.failed, start.options.startretries):
        failed = "1 failed start" if start.failed == 1 else f"{start.failed} failed starts in a row"
        give_up(f"gave up after {failed}", start.options, start.address)
    if start.failed:
        _wait_out(start)


def give_up(reason: str, options: Options, address: "str | None") -> None:
    """Exit so that the unit is FATAL: failed, and down until the user starts it again."""
    say(f"{_ERR}{options.unit}: {reason}")
    sd_notify.status(address, f"FATAL: {reason}")
    die_by(GIVE_UP_SIGNAL)


def _wait_out(start: Start) -> None:
    """Sleep before the next try, and show the reason in the unit's status line."""
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
    """Return the configuration file that our unit was generated from; "" if it is unknown."""
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
    """Return a property of our unit as systemctl prints it; b"" if systemctl does not answer."""
    ours, theirs = posix.pipe()
    argv = ["systemctl", "--user" if options.user else "--system", "show"]
    argv += [f"--property={name}", "--value", "--", options.unit]
    # The worker's environment may hold anything, such as LD_PRELOAD.
    environ = {key: text for key, text in posix.environ.items() if key in _FOR_SYSTEMCTL}
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
    posix.kill(child, _signal.SIGKILL)  # it has answered, or hangs
    posix.waitpid(child, 0)
    return (value or b"").strip()


def _read_within(fd: int, seconds: float) -> "bytes | None":
    """Return all data from ``fd`` up to its end; None if the end does not come in ``seconds``."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    end = time.monotonic() + seconds
    data = b""
    while poll.poll(max(0.0, end - time.monotonic()) * 1000):
        chunk = posix.read(fd, 1 << 12)
        if not chunk:
            return data
        data += chunk
        if time.monotonic() >= end:
            break
    return None
