"""Files that survive a kill and a power cut: each has its old text or its new one."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from wctl.errors import Exit, WctlError

_PUBLIC = 0o644
_SECRET = 0o600
_TEMPORARY = re.compile(r"\.(?P<name>.+)\.[a-z0-9_]{8}", re.ASCII)  # as tempfile names them


def write_file(path: Path, text: str, *, secret: bool = False, mode: int = _PUBLIC) -> None:
    """Write ``path`` so that it has the old text or the new one, whatever happens.

    Nobody else may read what is ``secret``, nor enter its directory.

    Raises:
        WctlError: the file cannot be written.
    """
    import tempfile  # scaling, which imports this module, writes no file

    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if secret else 0o755)
        fd, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(fd, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fchmod(file.fileno(), _SECRET if secret else mode)
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _failure(path, error) from None


def delete_file(path: Path) -> None:
    """Delete ``path``, which may be gone already.

    Raises:
        WctlError: the file cannot be deleted.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise _failure(path, error) from None


def delete_leftovers(paths: Sequence[Path]) -> None:
    """Delete the temporary files that a power cut during write_file() of ``paths`` has left."""
    names = {path.name for path in paths}
    for directory in {path.parent for path in paths}:
        with suppress(FileNotFoundError):
            for file in os.scandir(directory):
                match = _TEMPORARY.fullmatch(file.name)
                if match and match["name"] in names:
                    Path(file).unlink(missing_ok=True)


def make_durable(directory: Path) -> None:
    """Make what was added to ``directory``, or removed, survive a power cut (fsync(2))."""
    try:
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return  # the directory went with its last link
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _failure(path: Path, error: OSError) -> WctlError:
    hint = "run it as root (sudo), or with --user" if isinstance(error, PermissionError) else ""
    return WctlError(
        f"{path}: {error.strerror}", hint=hint, exit_code=Exit.UNKNOWN if hint else Exit.FAILURE
    )
