"""What an update is about to do, written down until it is done.

Files are compared with the configuration to find out what to do, so once they are written nothing
tells any more that workers still have to be restarted. An update that is killed leaves its intent
behind, and the next one carries it out. There is no such file while no update is unfinished.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from wctl.install.files import write_file
from wctl.install.installed import Layout

_NAME = ".wctl-update"  # systemd reads no file whose name begins with a dot


@dataclass(frozen=True)
class Intent:
    """The programs that are to be added, restarted, rescaled; the units that are new in these."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    rescaled: tuple[str, ...] = ()
    new: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.rescaled)


def read(layout: Layout) -> Intent:
    """Return what an update that did not finish still had to do."""
    try:
        found = json.loads(_path(layout).read_text(encoding="utf-8"))
        return Intent(**{key: tuple(map(str, names)) for key, names in found.items()})
    except (OSError, ValueError, TypeError, AttributeError):
        return Intent()  # none, or a file that nobody can have written but by hand


def write(layout: Layout, intent: Intent) -> None:
    """Write ``intent`` down.

    Raises:
        WctlError: it cannot be written.
    """
    write_file(_path(layout), json.dumps(asdict(intent)) + "\n")


def clear(layout: Layout) -> None:
    """Forget the intent: everything in it has been carried out."""
    _path(layout).unlink(missing_ok=True)


def _path(layout: Layout) -> Path:
    return layout.units / _NAME
