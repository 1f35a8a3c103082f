"""The intent of an update, kept in a file until the update is finished.

An update compares the installed files with the configuration. Once it has written the files, they
no longer show which workers it still has to restart. A killed update leaves its intent behind, and
the next update carries the intent out. The file exists only while an update is unfinished.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from wctl.install.files import write_file
from wctl.install.installed import Layout
from wctl.trust import files

_NAME = ".wctl-update"  # systemd reads no file whose name begins with a dot


@dataclass(frozen=True)
class Intent:
    """The programs to add, restart and rescale, and the new units of the rescaled programs."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    rescaled: tuple[str, ...] = ()
    new: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.rescaled)


def read(layout: Layout) -> Intent:
    """Return the intent of an unfinished update; an empty intent if all updates are finished."""
    try:
        found = json.loads(files.read(_path(layout)))
        return Intent(**{key: tuple(map(str, names)) for key, names in found.items()})
    except (OSError, ValueError, TypeError, AttributeError):
        return Intent()  # no file, or a file that a user has edited


def write(layout: Layout, intent: Intent) -> None:
    """Write ``intent`` to the file.

    Raises:
        WctlError: the file cannot be written.
    """
    write_file(_path(layout), json.dumps(asdict(intent)) + "\n")


def clear(layout: Layout) -> None:
    """Delete the file: the update has carried out its intent."""
    _path(layout).unlink(missing_ok=True)


def _path(layout: Layout) -> Path:
    return layout.units / _NAME
