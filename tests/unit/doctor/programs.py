"""A program of a configuration, for the tests of doctor."""

from __future__ import annotations

from pathlib import Path

from wctl.config import load
from wctl.config.model import Program


def program(tmp_path: Path, text: str) -> Program:
    """Returns the program x with these options."""
    file = tmp_path / "x.conf"
    file.write_text(f"[program:x]\n{text}\n")
    (found,) = load.load([file], {}).programs
    return found
