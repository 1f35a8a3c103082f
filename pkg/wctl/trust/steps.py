"""The way to a file, step by step, through descriptors: who owns each part of it.

A path can lead elsewhere at each look-up; a descriptor cannot. All places are printable.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Generator
from dataclasses import dataclass

from wctl.trust.text import printable

_MOST_LINKS = 40  # as the kernel follows (path_resolution(7))
_PATH = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Step:
    """A directory, link or file on the way to a file."""

    place: str  # printable
    fd: int  # opened with O_PATH, until the next step
    found: os.stat_result

    @property
    def owner(self) -> int:
        return self.found.st_uid

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.found.st_mode)


def steps(path: str) -> Generator[Step, None, None]:
    """Yield each step from the root directory to what ``path`` leads to, following links.

    Raises:
        OSError: the path leads nowhere.
    """
    left = os.path.abspath(path).split("/")[::-1]  # noqa: PTH100 - a str
    links = 0
    step = _root()
    try:
        yield step
        while left:
            name = left.pop()
            if name in ("", "."):
                continue
            following = _step(name, step)
            if following.is_link:
                try:
                    yield following
                    target = os.readlink("", dir_fd=following.fd)
                finally:
                    os.close(following.fd)
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                left += target.split("/")[::-1]
                if not target.startswith("/"):
                    continue
                following = _root()
            os.close(step.fd)
            step = following
            yield step
    finally:
        os.close(step.fd)


def _root() -> Step:
    fd = os.open("/", _PATH)
    return Step("/", fd, os.fstat(fd))


def _step(name: str, before: Step) -> Step:
    place = os.path.join(before.place, printable(name) or "?")  # noqa: PTH118 - str
    place = os.path.normpath(place)
    try:
        fd = os.open(name, _PATH, dir_fd=before.fd)
    except OSError as error:
        raise OSError(error.errno, error.strerror, place) from None
    return Step(place, fd, os.fstat(fd))
