"""Configurations for tests: files, what is read from them, and what is found in them."""

from __future__ import annotations

from pathlib import Path

from wctl.config.load import load
from wctl.config.model import Config, Program

ENVIRON = {"HOME": "/home/me", "PLAIN": "value"}
CAT = "command=/bin/cat\n"
X, Y, Z = (f"[program:{name}]\n{CAT}" for name in "xyz")


def write(directory: Path, files: dict[str, str]) -> Path:
    """Writes files; returns the one that is called main."""
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return directory / "main"


def configured(directory: Path, text: str, **others: str) -> Config:
    """Returns what a file, and others of the directory conf.d, configure."""
    files = {f"conf.d/{name}": text for name, text in others.items()}
    return load([write(directory, {"main": text, **files})], ENVIRON)


def findings(directory: Path, config: Config) -> list[str]:
    """Returns what was found, without the directory."""
    return [str(diagnostic).replace(f"{directory}/", "") for diagnostic in config.diagnostics]


def program(config: Config, title: str) -> Program:
    """Returns a program of a configuration in which nothing is amiss."""
    assert config.diagnostics == ()
    return next(candidate for candidate in config.programs if candidate.title == title)
