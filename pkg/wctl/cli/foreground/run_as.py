"""As whom "wctl run" runs a worker: as systemd would, or not at all.

Decided here:
- Of what wctl passes through to units, User=, Group= and SupplementaryGroups= count if they are
  names or numbers of this machine. DynamicUser= and specifiers need systemd: wctl refuses.
- If systemd runs and would run the unit as somebody else (a drop-in, an update that is due), root's
  wctl refuses, too. Which of the two is right is the administrator's word.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wctl.config.model import Program
from wctl.errors import WctlError
from wctl.session.session import Session
from wctl.trust import accounts
from wctl.units import run_as

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\$?", re.ASCII)  # a user or group


@dataclass(frozen=True)
class Owner:
    """The user, the group and the further groups of a worker."""

    account: pwd.struct_passwd
    group: int | None = None  # None: that of the account
    groups: tuple[int, ...] = ()

    @property
    def ids(self) -> tuple[int, int]:
        """The IDs of the user and the group."""
        return self.account.pw_uid, self.account.pw_gid if self.group is None else self.group

    def become(self) -> None:
        """Change the user and groups of this process.

        Raises:
            WctlError: only root can.
        """
        uid, gid = self.ids
        if os.geteuid() == uid and self.group is None and not self.groups:
            return
        try:
            os.setgroups([*accounts.groups(self.account, gid), *self.groups])
            os.setgid(gid)
            os.setuid(uid)
        except PermissionError:
            name = self.account.pw_name
            raise WctlError(
                f"user={name}: only root can become another user, or change its groups",
                hint=f"run wctl as root, or as {name}",
            ) from None


def owner(session: Session, program: Program, unit: str) -> Owner | None:
    """Return as whom the worker ``unit`` of ``program`` runs; None: as ourselves.

    Raises:
        WctlError: we cannot tell, systemd alone can do it, or systemd would do something else.
    """
    found = _configured(program)
    if os.geteuid() == 0 and not session.user and Path("/run/systemd/system").is_dir():
        wanted = ("FragmentPath", "User", "Group", "DynamicUser")
        loaded = session.manager.properties([(unit, wanted)], stopped=True)[unit]
        session.manager.close()
        file = str(loaded["FragmentPath"])
        if file and Path(file).is_file():  # systemd remembers the unit of a removed program
            _compare(unit, found, loaded)
    return found


def _configured(program: Program) -> Owner | None:
    who = run_as.of(program)
    if who.dynamic:
        raise WctlError(
            "systemd.Service.DynamicUser: only systemd can make the user",
            hint=f"run it under systemd, with 'wctl start {program.name}'",
        )
    if not (who.user or who.group or who.groups):
        return None
    account = _account(who.user or str(os.geteuid()))
    group = _group("Group", who.group) if who.group else None
    return Owner(account, group, tuple(_group("SupplementaryGroups", name) for name in who.groups))


def _account(user: str) -> pwd.struct_passwd:
    account = accounts.find(user) if _PLAIN.fullmatch(user) else None
    if account is None:
        raise WctlError(f"user={user}: no such user")
    return account


def _group(key: str, name: str) -> int:
    group = accounts.group(name) if _PLAIN.fullmatch(name) else None
    if group is None:
        raise WctlError(f"systemd.Service.{key}={name}: no such group")
    return group


def _compare(unit: str, ours: Owner | None, loaded: Mapping[str, Any]) -> None:
    """Raise WctlError if systemd has ``loaded`` the unit for another user or group."""
    user, group = str(loaded["User"]), str(loaded["Group"])
    account = accounts.find(user or "0")
    theirs = Owner(account, accounts.group(group) if group else None) if account else None
    mine = (0, 0) if ours is None else ours.ids
    if loaded["DynamicUser"]:
        whose = "a user of its own (DynamicUser=)"
    elif theirs is None:
        whose = f"{user}, whom this machine does not have"
    elif theirs.ids != mine:
        whose = _named(theirs.ids)
    else:
        return
    raise WctlError(
        f"systemd would run {unit} as {whose}; the configuration says {_named(mine)}",
        hint="run 'wctl update', or move what a drop-in says into the configuration",
    )


def _named(ids: tuple[int, int]) -> str:
    return f"{accounts.name(ids[0])}:{accounts.group_name(ids[1])}"
