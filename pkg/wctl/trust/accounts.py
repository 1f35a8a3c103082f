"""Users by their names or numbers."""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
from collections.abc import Container
from pathlib import Path

from wctl.errors import WctlError

_NOBODY_LOGGED_IN = (1 << 32) - 1


def home() -> Path:
    """Return our home directory.

    Raises:
        WctlError: neither HOME nor the list of users names one.
    """
    try:
        return Path.home()
    except RuntimeError:
        raise WctlError(
            f"user {os.getuid()} has no home directory: HOME is not set, and there is no such user"
        ) from None


def find(user: str) -> pwd.struct_passwd | None:
    """Return the account of ``user``, a name or a number; None if the machine has no such user."""
    try:
        return pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
    except (KeyError, OverflowError, ValueError):
        return None


def name(uid: int) -> str:
    """Return the name of a user for people to read: the number, if the user has no name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def at_work() -> str:
    """Return who runs us, for people to read: "ana as root" for a user who has used sudo(8).

    The kernel keeps the user ID of whoever logged in (audit(7), loginuid); only root can change it.
    """
    own = os.geteuid()
    try:
        logged_in = int(Path("/proc/self/loginuid").read_text())
    except (OSError, ValueError):
        logged_in = _NOBODY_LOGGED_IN
    if logged_in == _NOBODY_LOGGED_IN:  # a kernel without audit, or a service
        sudo = os.environ.get("SUDO_UID", "")
        logged_in = int(sudo) if re.fullmatch("[0-9]{1,9}", sudo) else own
    return name(own) if logged_in == own else f"{name(logged_in)} as {name(own)}"


def group(name: str) -> int | None:
    """Return the ID of a group, a name or a number; None if the machine has no such group."""
    if name.isdecimal():
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def group_name(gid: int) -> str:
    """Return the name of a group for people to read: the number, if the group has no name."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def groups(account: pwd.struct_passwd, group: int | None = None) -> list[int]:
    """Return the IDs of all groups of an account; ``group`` replaces its first (initgroups(3))."""
    return os.getgrouplist(account.pw_name, account.pw_gid if group is None else group)


def may(
    found: os.stat_result, wanted: int, account: pwd.struct_passwd, groups: Container[int]
) -> bool:
    """Tell whether the mode of a file gives an account in ``groups`` a permission (os.X_OK).

    Root may do everything, except execute a file that nobody may execute.
    """
    if account.pw_uid == 0:
        to_execute = wanted == os.X_OK and not stat.S_ISDIR(found.st_mode)
        return not to_execute or bool(found.st_mode & 0o111)
    if found.st_uid == account.pw_uid:
        return bool(found.st_mode >> 6 & wanted)
    if found.st_gid in groups:
        return bool(found.st_mode >> 3 & wanted)
    return bool(found.st_mode & wanted)
