"""The workers that a move has stopped first, kept in a file until they run on the other side.

With --stop-first, neither Supervisor nor systemd runs them for a while. A move that was killed then
knows from this file which workers ran, when it is run again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from wctl.install.files import delete_leftovers, write_file
from wctl.install.installed import Layout
from wctl.trust import files

_NAME = ".wctl-import"  # systemd reads no file whose name begins with a dot


def read(layout: Layout, program: str) -> frozenset[int]:
    """Return the numbers of a program's instances that a move has stopped, and nobody runs yet."""
    return frozenset(_read(layout).get(program, ()))


def note(layout: Layout, program: str, numbers: Iterable[int]) -> None:
    """Note that a move is about to stop these instances.

    Raises:
        WctlError: the file cannot be written.
    """
    found = _read(layout)
    both = sorted({*found.get(program, ()), *numbers})
    if both:
        _write(layout, {**found, program: both})


def forget(layout: Layout, program: str) -> None:
    """Forget the instances of a program: they run again, or nobody wants them.

    Raises:
        WctlError: the file cannot be written.
    """
    found = _read(layout)
    if found.pop(program, None) is not None:
        _write(layout, found)


def _read(layout: Layout) -> dict[str, list[int]]:
    try:
        found = json.loads(files.read(_path(layout)))
        return {str(name): list(map(int, numbers)) for name, numbers in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # no file, or a file that a user has edited


def _write(layout: Layout, found: dict[str, list[int]]) -> None:
    delete_leftovers([_path(layout)])
    if found:
        write_file(_path(layout), json.dumps(found) + "\n")
    else:
        _path(layout).unlink(missing_ok=True)


def _path(layout: Layout) -> Path:
    return layout.units / _NAME
