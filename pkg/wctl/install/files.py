"""Files that survive a kill and a power cut: each has its old text or its new text."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from wctl.errors import NEEDS_ROOT, Exit, WctlError

_PUBLIC = 0o644
_SECRET = 0o600
_TEMPORARY = re.compile(r"\.(?P<name>.+)\.[a-z0-9_]{8}", re.ASCII)  # as tempfile names its files


def write_file(path: Path, text: str, *, secret: bool = False, mode: int = _PUBLIC) -> None:
    """Write ``path`` so that it has either the old text or the new text, whatever happens.

    Only the owner may read a ``secret`` file, or enter a directory that is created for it.

    Raises:
        WctlError: the file cannot be written.
    """
    import tempfile  # scaling imports this module, but writes no file

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
    """Delete ``path`` if it exists.

    Raises:
        WctlError: the file cannot be deleted.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise _failure(path, error) from None


def delete_leftovers(paths: Sequence[Path]) -> None:
    """Delete the temporary files that a killed write_file() of ``paths``, or a power cut, left."""
    names = {path.name for path in paths}
    for directory in {path.parent for path in paths}:
        with suppress(FileNotFoundError):
            for entry in os.scandir(directory):
                match = _TEMPORARY.fullmatch(entry.name)
                if match and match["name"] in names:
                    Path(entry).unlink(missing_ok=True)


def make_durable(directory: Path) -> None:
    """Make additions to ``directory``, and removals from it, survive a power cut (fsync(2))."""
    try:
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return  # systemd removed the directory with its last link
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _failure(path: Path, error: OSError) -> WctlError:
    hint = NEEDS_ROOT if isinstance(error, PermissionError) else ""
    return WctlError(
        f"{path}: {error.strerror}", hint=hint, exit_code=Exit.UNKNOWN if hint else Exit.FAILURE
    )
