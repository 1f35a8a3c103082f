"""A lock: one wctl at a time changes the enabled units, and the others wait for their turn."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wctl.errors import NEEDS_ROOT, Exit, WctlError
from wctl.install.files import make_directory


@contextmanager
def exclusive(*, user: bool, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock; call ``waiting`` first if another process holds it.

    The kernel keeps the lock on an open file, and releases it however this process ends.

    Raises:
        WctlError: the lock file cannot be created, or others can replace it.
    """
    path = _path(user=user)
    try:
        make_directory(path.parent)
        fd = _open(path)
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


def _open(path: Path) -> int:
    """Open the lock file.

    Raises:
        OSError: the file cannot be created.
        WctlError: another user can replace the file: two wctl might then run at a time.
    """
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(directory)
        others = stat.S_IWOTH | (0 if found.st_gid in (0, os.getegid()) else stat.S_IWGRP)
        if found.st_uid not in (0, os.geteuid()) or found.st_mode & others:
            raise WctlError(
                f"{path.parent}: other users can write to this directory, which holds wctl's lock",
                hint=f"run: chown {os.geteuid()} {path.parent} && chmod 0755 {path.parent}",
            )
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(path.name, flags, 0o600, dir_fd=directory)
    finally:
        os.close(directory)


def _path(*, user: bool) -> Path:
    if user:
        runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
        return Path(runtime) / "wctl" / "lock"
    return Path("/run/wctl/lock")
