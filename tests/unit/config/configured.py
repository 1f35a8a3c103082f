"""Configurations for tests: helpers that write files, load them, and list the diagnostics."""

from __future__ import annotations

from pathlib import Path

from wctl.config.load import load
from wctl.config.model import Config, Program

ENVIRON = {"HOME": "/home/me", "PLAIN": "value"}
CAT = "command=/bin/cat\n"
X, Y, Z = (f"[program:{name}]\n{CAT}" for name in "xyz")


def write(directory: Path, files: dict[str, str]) -> Path:
    """Writes files; returns the path of the file "main"."""
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return directory / "main"


def configured(directory: Path, text: str, **others: str) -> Config:
    """Returns the configuration of a file; the others are in conf.d, for the file to include."""
    files = {f"conf.d/{name}": text for name, text in others.items()}
    return load([write(directory, {"main": text, **files})], ENVIRON)


def findings(directory: Path, config: Config) -> list[str]:
    """Returns the diagnostics as text, without the directory."""
    return [str(diagnostic).replace(f"{directory}/", "") for diagnostic in config.diagnostics]


def program(config: Config, title: str) -> Program:
    """Returns a program of a configuration that has no diagnostics."""
    assert config.diagnostics == ()
    return next(candidate for candidate in config.programs if candidate.title == title)
