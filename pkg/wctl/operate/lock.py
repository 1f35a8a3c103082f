"""One wctl at a time changes what is enabled; the others wait for their turn."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wctl.errors import Exit, WctlError


@contextmanager
def exclusive(*, user: bool, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock; call ``waiting`` first if somebody else has it.

    The lock is the kernel's, on an open file: it goes with its process, however that ends.

    Raises:
        WctlError: the lock's file cannot be made.
    """
    path = _path(user=user)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise WctlError(
            f"{path}: {error.strerror}",
            hint="run it as root (sudo), or with --user for your own units",
            exit_code=Exit.UNKNOWN,
        ) from None
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _path(*, user: bool) -> Path:
    if user:
        runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
        return Path(runtime) / "wctl" / "lock"
    return Path("/run/wctl/lock")
