"""The intent of updates, kept in a file until it is carried out.

An update compares the installed files with the configuration. Once it has written the files, they
no longer show which workers it still has to restart, and which targets to enable. A killed update
leaves its intent behind, and the next update of these programs carries the intent out. The file
exists only while an update of some program is unfinished.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path

from wctl.install.files import delete_leftovers, write_file
from wctl.install.installed import Layout, programs
from wctl.trust import files

_NAME = ".wctl-update"  # systemd reads no file whose name begins with a dot


@dataclass(frozen=True)
class Intent:
    """What is to be done to which programs, and the new units of rescaled programs."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()  # to be restarted
    rescaled: tuple[str, ...] = ()
    touched: tuple[str, ...] = ()  # to be enabled or disabled; the added ones are among them
    removed: tuple[str, ...] = ()
    reopened: tuple[str, ...] = ()  # of the changed ones: systemd must open their socket anew
    limited: tuple[str, ...] = ()  # to get other limits
    rewritten: tuple[str, ...] = ()  # systemd must read their units anew
    new: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.programs)

    @property
    def programs(self) -> frozenset[str]:
        """The programs for which something is to be done."""
        return frozenset(name for names in astuple(self)[:-1] for name in names)

    def of(self, programs: Container[str]) -> Intent:
        """Return the part for these programs."""
        return self._where(lambda name: name.partition("@")[0] in programs)

    def without(self, programs: Container[str]) -> Intent:
        """Return the part for other programs than these."""
        return self._where(lambda name: name.partition("@")[0] not in programs)

    def joined(self, other: Intent) -> Intent:
        """Return this intent and the other one."""
        both = zip(astuple(self), astuple(other))
        return Intent(*(tuple(dict.fromkeys((*mine, *theirs))) for mine, theirs in both))

    def _where(self, chosen: Callable[[str], bool]) -> Intent:
        return Intent(*(tuple(filter(chosen, names)) for names in astuple(self)))


def read(layout: Layout) -> Intent:
    """Return what updates have left undone; an empty intent if all updates are finished."""
    try:
        found = json.loads(files.read(path(layout)))
        return Intent(**{key: tuple(map(str, names)) for key, names in found.items()})
    except (OSError, ValueError, TypeError, AttributeError):
        return Intent()  # no file, or a file that a user has edited


def begin(layout: Layout, intent: Intent) -> None:
    """Note ``intent``, in addition to what is noted already.

    Raises:
        WctlError: the file cannot be written.
    """
    if intent:
        _write(layout, read(layout).joined(intent))


def end(layout: Layout, intent: Intent) -> None:
    """Forget ``intent``, which is carried out, and what was to be done to programs that are gone.

    Programs of other configurations are not carried out, and not gone.

    Raises:
        WctlError: the file cannot be written.
    """
    left = read(layout).without(intent.programs)
    if left:
        left = left.of({program.name for program in programs(layout)})
    _keep(layout, left)


def forget_boot(layout: Layout, names: Container[str]) -> None:
    """Forget that the targets of these programs are to be set as autostart= says.

    Raises:
        WctlError: the file cannot be written.
    """
    left = read(layout)
    rest = replace(left, touched=tuple(name for name in left.touched if name not in names))
    if rest != left:
        _keep(layout, rest)


def _keep(layout: Layout, left: Intent) -> None:
    if left:
        _write(layout, left)
    else:
        path(layout).unlink(missing_ok=True)


def _write(layout: Layout, intent: Intent) -> None:
    delete_leftovers([path(layout)])
    write_file(path(layout), json.dumps(asdict(intent)) + "\n")


def path(layout: Layout) -> Path:
    """Return the file that holds the intent."""
    return layout.units / _NAME
