"""What must survive the loss of power. A module of its own: scaling needs no more of installing."""

from __future__ import annotations

import os
from pathlib import Path


def make_durable(directory: Path) -> None:
    """Have what was added to ``directory``, or removed, survive the loss of power (fsync(2))."""
    try:
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return  # its last link is gone, and it went with that
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
