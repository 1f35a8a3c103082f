"""Which supervisorctl wctl runs, and whether root may run it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from wctl.trust import files

_LONGEST = 256  # bytes of a first line that the kernel reads (execve(2), Interpreter scripts)


def located(control: str) -> str | None:
    """Return the path of ``control``, a path or a command in PATH; None if it cannot be run."""
    found = shutil.which(control)
    return None if found is None else os.path.abspath(found)  # noqa: PTH100 - follows no links


def doubt(file: Path | None, control: str) -> str:
    """Return why root must not run ``control`` for the configuration ``file``; "" if it may.

    Both must be root's alone, and so must the interpreter of a script. Files of others that the
    configuration includes are only parsed.
    """
    if os.geteuid() != 0:
        return ""  # we cannot do more than the user who runs us
    try:
        for program in _programs(control):
            why = files.not_roots(program)
            if why:
                return why
        return (None if file is None else files.not_roots(file)) or ""
    except OSError as error:
        return f"{error.filename}: {error.strerror}"


def _programs(control: str) -> Iterator[str]:
    """Yield the files that the kernel executes for ``control``; read each after it was judged."""
    path = located(control)
    if path is None:
        return
    yield path
    first = files.read(path)[:_LONGEST].partition(b"\n")[0]
    if not first.startswith(b"#!"):
        return
    interpreter, *words = os.fsdecode(first[2:]).split()[:8] or [""]
    yield interpreter
    if interpreter.endswith("/env"):
        named = (word for word in words if not word.startswith("-") and "=" not in word)
        found = located(next(named, ""))
        if found is not None:
            yield found
