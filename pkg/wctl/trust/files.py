"""Open files in directories that other users control, without being led astray or made to wait.

We go to a file step by step, through descriptors. A user who owns a directory or a link on the way
may lead us to that user's own files, and nowhere else. That is the rule of systemd's
tmpfiles (systemd-tmpfiles(8), "unsafe path transitions"). wrapper/directory.py has the same rule
for the wrapper, which imports nothing of ours and holds on to a directory.

Links lead to names that other users have chosen. All that we say about a place is printable.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from wctl.trust import access_list, accounts
from wctl.trust.steps import Step, steps
from wctl.trust.text import printable

_LARGEST = 64 << 20  # bytes that read() returns; /dev/zero never ends
_PLAIN = os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC


class UnsafeError(OSError):
    """A user who controls a part of the path may have led us elsewhere."""


@contextmanager
def _printable_errors() -> Iterator[None]:
    """Make the name of the file printable in an OSError, which others print."""
    try:
        yield
    except OSError as error:
        if isinstance(error.filename, int):  # a descriptor, which tells nobody anything
            error.filename = None
        elif error.filename is not None:
            error.filename = printable(os.fsdecode(error.filename))
        raise


@_printable_errors()
def read(path: Path | str, *, any_kind: bool = False) -> bytes:
    """Return the bytes of a regular file, or with ``any_kind`` of a pipe, too; follow all links.

    This is for files that root names and that we only parse: configuration, variables, units.

    Raises:
        OSError: the file cannot be read, is not of that kind, or is larger than 64 MiB.
    """
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        mode = os.fstat(fd).st_mode
        if any_kind and stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if any_kind and not stat.S_ISREG(mode):
            opened = os.open(path, _PLAIN)  # waits for the writer of a FIFO
        else:
            opened = _reopened(fd, str(path), os.O_RDONLY)
    finally:
        os.close(fd)
    with os.fdopen(opened, "rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise OSError(errno.EFBIG, f"larger than {_LARGEST >> 20} MiB", str(path))
    return data


@_printable_errors()
def open_log(path: Path | str, writer: int | None, flags: int = os.O_RDONLY) -> BinaryIO:
    """Open the log file of a worker; the worker's user may have replaced it by anything.

    The file must belong to the owner of its directory, or to the user with the ID ``writer``. If
    others can put entries into a directory on the way, the file must be the writer's.

    Raises:
        UnsafeError: a user may have led us to a file of somebody else.
        OSError: the file cannot be opened, or is no regular file.
    """
    with _follow(str(path), writer) as fd:
        opened = _reopened(fd, str(path), flags)
    return os.fdopen(opened, "rb" if flags == os.O_RDONLY else "wb", buffering=0)


def beginning(path: Path | str, size: int) -> bytes:
    """Return the first ``size`` bytes of a file, which another user may control.

    Raises:
        OSError: as from open_log().
    """
    with open_log(path, None) as file:
        return file.read(size)


def truncate(path: Path | str, writer: int | None) -> None:
    """Empty a log file.

    Raises:
        OSError: as from open_log().
    """
    with open_log(path, writer, os.O_WRONLY) as file:
        file.truncate(0)


@_printable_errors()
def unsafe(path: Path | str) -> str | None:
    """Return how another user may lead us elsewhere on the way to ``path``; None if none can.

    Raises:
        OSError: the path leads nowhere, or we cannot go there.
    """
    before: Step | None = None
    for step in steps(str(path)):
        if before is not None and not _safe(before, step):
            return _unsafe(str(path), before, step).strerror
        before = step
    return None


@_printable_errors()
def owner(path: Path | str) -> int | None:
    """Return the ID of the owner of what ``path`` leads to; None if a link says it who may not.

    A user may link to what is the user's own, or stands in the user's own directory. A link to
    somebody else's home would have us take that person for somebody who works here.

    Raises:
        OSError: the path leads nowhere, or we cannot go there.
    """
    above = found = by = 0  # by: the user whose link we followed
    for step in steps(str(path)):
        if not step.is_link:
            above, found = found, step.owner
        elif step.owner != 0:
            by = step.owner
    return found if by in (0, above, found) else None


@dataclass(frozen=True)
class Trusted:
    """The users and groups that may change a file."""

    users: frozenset[int]
    groups: frozenset[int]


ROOT = Trusted(frozenset({0}), frozenset({0}))


def ourselves() -> Trusted:
    """Return root and the user who runs wctl: root's wctl trusts root alone."""
    user = os.geteuid()
    own = accounts.find(str(user))
    groups = {0} if own is None else {0, own.pw_gid}
    return Trusted(frozenset({0, user}), frozenset(groups))


def others(
    path: Path | str, trusted: Trusted = ROOT, *, shared: bool = False
) -> Iterator[tuple[str, str]]:
    """Yield each place on the way to ``path`` that others can change, and who can.

    A user who can write to a directory can replace its files, and the directories below it. Where
    users share a directory with the sticky bit, nobody can replace an entry of somebody else
    (inode(7)), but everybody can add an entry: that is bad if ``path`` does not exist, or if it is
    a directory that is ``shared`` with what we look for in it.

    Raises:
        OSError: we cannot go there.
    """
    way: list[tuple[Step, str]] = []
    complete = False
    with _printable_errors(), contextlib.suppress(FileNotFoundError):
        for step in steps(str(path)):
            way.append((step, _writer(step, trusted)))
        complete = True
    for step, writer in way:
        adds = step is way[-1][0] and (shared or not complete)
        who = _who(step, writer, trusted, adds=adds)
        if who:
            yield step.place, who


def _who(step: Step, writer: str, trusted: Trusted, *, adds: bool) -> str:
    """Return who but the trusted can replace ``step`` or what is below; "" if nobody can."""
    found = step.found
    if found.st_uid not in trusted.users:
        return f"user {accounts.name(found.st_uid)}"
    sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    return "" if sticky and not adds else writer


def _writer(step: Step, trusted: Trusted) -> str:
    """Return who but the owner and the trusted can write to ``step``; "" if nobody can."""
    found = step.found
    if step.is_link:
        return ""
    if found.st_mode & stat.S_IWOTH:
        return "every user"
    if not found.st_mode & stat.S_IWGRP:
        return ""
    try:
        users, groups = access_list.writers(step.fd, found.st_gid)
    except OSError:
        return "anybody in an access list that we cannot read"
    names = [f"user {accounts.name(user)} (access list)" for user in users - trusted.users]
    for group in groups - trusted.groups:
        listed = "" if group == found.st_gid else " (access list)"
        names.append(f"group {accounts.group_name(group)}{listed}")
    return min(names, default="")


def not_roots(path: Path | str, *, shared: bool = False) -> str | None:
    """Return who but root can change what ``path`` leads to, and where; None if nobody can.

    ``shared`` is that of others().

    Raises:
        OSError: we cannot go there.
    """
    place, who = next(others(path, shared=shared), ("", ""))
    return f"{who} can change {place}" if who else None


def _reopened(fd: int, path: str, flags: int) -> int:
    """Open the regular file behind ``fd``, a descriptor with O_PATH.

    To open a FIFO would wait, and to open some devices has effects; to examine them has none. What
    we have examined is what we open, whatever the path leads to by now. Its owner may hold a lease
    on it: without O_NONBLOCK, we would wait 45 seconds for each (fcntl(2), "Leases").

    Raises:
        OSError: the file is no regular file, or cannot be opened.
    """
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        raise OSError(errno.EINVAL, "not a regular file", path)
    try:
        return os.open(f"/proc/self/fd/{fd}", flags | _PLAIN | os.O_NONBLOCK)
    except BlockingIOError as error:
        raise OSError(error.errno, "another process holds a lease on it", path) from None
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None


@contextmanager
def _follow(path: str, writer: int | None) -> Iterator[int]:
    """Go to a log file safely; the descriptor (O_PATH) of the file is good in the context."""
    before: Step | None = None
    parent = None  # the latest directory: we look up there where a link leads, too
    shared = ""  # a directory on the way into which others may have put what comes next
    way = steps(path)
    with contextlib.closing(way):
        for step in way:
            if parent is not None and not shared and _added(parent, step):
                shared = parent.place
            is_file = stat.S_ISREG(step.found.st_mode)
            mine = is_file and step.owner == writer and step.found.st_nlink == 1
            if before is not None and not _safe(before, step) and not mine:
                raise _unsafe(path, before, step)
            if is_file:
                if shared and not mine:
                    raise _put_there(path, shared, step, writer)
                yield step.fd
                return
            before = step
            parent = parent if step.is_link else step
    raise OSError(errno.EINVAL, "not a regular file", path)


def _safe(before: Step, after: Step) -> bool:
    """Tell whether the owner of ``before`` may lead us to ``after``."""
    return before.owner in (0, os.geteuid(), after.owner)


def _added(parent: Step, entry: Step) -> bool:
    """Tell whether another user than the owner of a directory may have put an entry there.

    With the sticky bit, others cannot replace or rename the owner's entries, but they can be the
    first to use a name.
    """
    mode = parent.found.st_mode
    if not mode & (stat.S_IWGRP | stat.S_IWOTH):
        return False
    return not mode & stat.S_ISVTX or entry.owner != parent.owner


def _unsafe(path: str, before: Step, after: Step) -> UnsafeError:
    who, whose = accounts.name(before.owner), accounts.name(after.owner)
    why = f"unsafe: {before.place} belongs to {who}, {after.place} to {whose}"
    return UnsafeError(errno.ELOOP, why, path)


def _put_there(path: str, shared: str, file: Step, writer: int | None) -> UnsafeError:
    """Return an error: another user than the writer may have put the file there."""
    why = f"belongs to {accounts.name(file.owner)}"
    if file.owner == writer:
        why = "has a second name"
    why = f"unsafe: users share {shared}, and {file.place} {why}"
    return UnsafeError(errno.ELOOP, why, path)
