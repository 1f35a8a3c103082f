"""A lock: one wctl at a time changes the enabled units, and the others wait for their turn."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wctl.errors import NEEDS_ROOT, Exit, WctlError


@contextmanager
def exclusive(*, user: bool, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock; call ``waiting`` first if another process holds it.

    The kernel keeps the lock on an open file, and releases it however this process ends.

    Raises:
        WctlError: the lock file cannot be created.
    """
    path = _path(user=user)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise WctlError(
            f"{path}: {error.strerror}",
            hint=NEEDS_ROOT,
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
