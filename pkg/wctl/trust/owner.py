"""Give root's log files to the user who writes them from now on, and nothing else of root's.

Supervisor writes log files as root, also in directories of other users. A user who controls a
directory may have put any file of root's there that the user can rename, or a link in its place.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import stat
from pathlib import Path

from wctl.trust import accounts, files
from wctl.trust.files import UnsafeError
from wctl.trust.steps import Step, steps

_LINKS_PROTECTED = "/proc/sys/fs/protected_hardlinks"  # proc_sys_fs(5)
_REGULAR_PROTECTED = "/proc/sys/fs/protected_regular"  # the same page
_SET_ID = stat.S_ISUID | stat.S_ISGID


def give(path: Path | str, user: int, *, pretend: bool = False) -> bool:
    """Make the user with the ID ``user`` the owner of root's file ``path``; keep group and mode.

    Return False if that user owns the file already. If others than root control a part of the way,
    we follow no link from there on, and give only what everybody may read: who controls the
    directory could replace that file anyway, so nobody gains anything but the file.
    With ``pretend`` change nothing.

    Raises:
        UnsafeError: another user may have led us to another file of root's.
        OSError: the file does not exist, or its file system is read-only.
    """
    foreign = {place for place, _who in files.others(path)}
    before: Step | None = None
    inside = ""  # the first directory on the way that others control
    with contextlib.closing(steps(str(path))) as way:
        for step in way:
            if not inside and step.place in foreign:
                inside = step.place
            if inside and before is not None:
                _refuse_detour(str(path), inside, before, step)
            if not step.is_link and not stat.S_ISDIR(step.found.st_mode):
                if before is not None and _bars_root(before, step, user):
                    why = (
                        f"root could not open it any more, in {before.place} ({_REGULAR_PROTECTED})"
                    )
                    raise UnsafeError(0, why, str(path))
                return _give(str(path), inside, step, user, pretend=pretend)
            before = step
    raise UnsafeError(0, "not a regular file", str(path))


def _refuse_detour(path: str, inside: str, before: Step, step: Step) -> None:
    """Raise UnsafeError if the way leads from a directory of others to what is not theirs."""
    if step.is_link:
        raise UnsafeError(0, f"unsafe: {step.place} is a link, in {inside}", path)
    if stat.S_ISDIR(step.found.st_mode) and step.owner == 0 and before.owner != 0:
        why = f"{before.place} belongs to {accounts.name(before.owner)}, {step.place} to root"
        raise UnsafeError(0, f"unsafe: {why}", path)


def _give(path: str, inside: str, file: Step, user: int, *, pretend: bool) -> bool:
    found = file.found
    if found.st_uid == user:
        return False
    why = ""
    if not stat.S_ISREG(found.st_mode):
        why = "not a regular file"
    elif found.st_uid != 0:
        why = f"belongs to {accounts.name(found.st_uid)}"
    elif found.st_nlink != 1:
        why = "unsafe: it has a second name"
    elif found.st_mode & _SET_ID:
        why = "unsafe: whoever runs it becomes another user (chmod u-s,g-s)"
    elif inside and not found.st_mode & stat.S_IROTH:
        why = f"unsafe: root alone may read it, and root does not control {inside}"
    elif inside and not _links_are_protected():
        why = f"unsafe: users can add names to root's files ({_LINKS_PROTECTED})"
    if why:
        raise UnsafeError(0, why, path)
    if not pretend:
        # Not by its path: the descriptor is the file that we have examined.
        os.chown(f"/proc/self/fd/{file.fd}", user, -1)
    return True


def _bars_root(directory: Step, file: Step, user: int) -> bool:
    """Tell whether root could not open a ``file`` of that user to append to it, as Supervisor does.

    In a directory that is sticky and that others may write to, such as /tmp, only the owner of a
    file may open it with O_CREAT (proc_sys_fs(5)).
    """
    level, mode = _setting(_REGULAR_PROTECTED), directory.found.st_mode
    shared = mode & (stat.S_IWOTH if level < b"2" else stat.S_IWOTH | stat.S_IWGRP)
    sticky = level >= b"1" and mode & stat.S_ISVTX and shared
    return bool(sticky) and file.owner == 0 and directory.owner != user


def _links_are_protected() -> bool:
    return _setting(_LINKS_PROTECTED) == b"1"


def _setting(path: str) -> bytes:
    """Return the digit in a file of /proc/sys; 0 if the kernel has no such setting."""
    try:
        with Path(path).open("rb", buffering=0) as file:
            return file.read(1)  # the kernel refuses reads as large as those of files.read()
    except OSError:
        return b"0"


def may_add(directory: str, account: pwd.struct_passwd) -> bool:
    """Tell whether the mode of ``directory`` lets an account create and rename files there."""
    try:
        found = Path(directory).stat()
    except OSError:
        return True  # we cannot tell
    groups = accounts.groups(account)
    return all(accounts.may(found, wanted, account, groups) for wanted in (os.W_OK, os.X_OK))
