"""What the directory of an application says: its packages, its console, its user.

Whoever owns the application may have written these files. We only look for names in them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from wctl.trust import accounts, files

_WEB_USER = "www-data"  # Debian's user of web servers, and so of most PHP applications
_TRANSPORT = re.compile(r"[A-Za-z0-9_.-]{1,100}", re.ASCII)


@dataclass(frozen=True)
class Application:
    """An application in a directory."""

    directory: str

    @cached_property
    def packages(self) -> frozenset[str]:
        """The packages that its composer.json requires; none if it has no such file."""
        try:
            found = json.loads(self._text("composer.json"))
        except (ValueError, RecursionError):  # the file may hold a million brackets
            return frozenset()
        required = found.get("require") if isinstance(found, dict) else None
        return frozenset(required if isinstance(required, dict) else ())

    def has(self, name: str) -> bool:
        """Tell whether there is a file ``name``."""
        try:
            return Path(self.directory, name).is_file()
        except OSError:
            return False

    def user(self, writable: Iterable[str]) -> str:
        """Return who should run its workers: the owner of the directories that it writes to.

        If that is root, or unknown, www-data, if there is such a user; otherwise the owner of the
        application's own directory. No link of another user counts.
        """
        for name in (*writable, "."):
            try:
                owner = files.owner(Path(self.directory, name))
            except OSError:
                continue
            if owner is None:
                continue
            if owner != 0:
                return accounts.name(owner)
            if accounts.find(_WEB_USER) is not None:
                return _WEB_USER
        return accounts.name(os.getuid())

    def transports(self, *, without: Iterable[str] = ("failed",)) -> list[str]:
        """Return the transports of Symfony's Messenger, in the order of its configuration.

        We know the indentation of YAML, and no more of it: what is written otherwise is not found.
        """
        found: list[str] = []
        left = set(without)
        inside = -1  # the indentation of "transports:"
        each = -1  # that of the names below it
        for line in self._text("config/packages/messenger.yaml").splitlines():
            text = line.split("#")[0].rstrip()
            if not text:
                continue
            indent = len(text) - len(text.lstrip())
            key, _, value = text.strip().partition(":")
            key, value = key.strip("'\""), value.strip().strip("'\"")
            if key == "failure_transport":
                left.add(value)
            if indent <= inside:
                inside = each = -1
            if key == "transports" and not value:
                inside = indent
            elif inside >= 0 and each in (-1, indent):
                each = indent
                if _TRANSPORT.fullmatch(key) and not value.startswith(("sync:", "in-memory:")):
                    found.append(key)
        return [name for name in dict.fromkeys(found) if name not in left]

    def _text(self, name: str) -> str:
        try:
            return files.read(Path(self.directory, name)).decode(errors="replace")
        except OSError:
            return ""


def here() -> str:
    """Return the working directory as the shell names it: a deployment may go through a link."""
    named = os.environ.get("PWD", "")
    try:
        if named.startswith("/") and Path(named).samefile("."):
            return named
    except OSError:
        pass
    return str(Path.cwd())
