"""Files that survive a kill and a power cut: each has its old text or its new text."""

from __future__ import annotations

import itertools
import os
import re
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from wctl.errors import NEEDS_ROOT, Exit, WctlError
from wctl.trust import files

_DIRECTORY = 0o755
_SECRET_DIRECTORY = 0o700
_PUBLIC = 0o644
_SECRET = 0o600
_TEMPORARY = re.compile(r"\.(?P<name>.+)\.[a-z0-9_]{8}", re.ASCII)  # as tempfile names its files


def write_file(
    path: Path,
    text: str | bytes,
    *,
    secret: bool = False,
    mode: int = _PUBLIC,
    like: os.stat_result | None = None,
) -> None:
    """Write ``path`` so that it has either the old text or the new text, whatever happens.

    Only the owner may read a ``secret`` file, or enter a directory that is created for it. With
    ``like``, the file gets this mode, and if we may give it away, this owner and group.

    Raises:
        WctlError: the file cannot be written.
    """
    import tempfile  # scaling imports this module, but writes no file

    try:
        make_directory(path.parent, _SECRET_DIRECTORY if secret else _DIRECTORY)
        fd, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(text if isinstance(text, bytes) else text.encode())
                file.flush()
                if like is not None:
                    mode = stat.S_IMODE(like.st_mode)
                    with suppress(PermissionError):
                        os.fchown(file.fileno(), like.st_uid, like.st_gid)
                os.fchmod(file.fileno(), _SECRET if secret else mode)
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _failure(path, error) from None


def make_directory(path: Path, mode: int = _DIRECTORY) -> None:
    """Create ``path`` and the directories above it, unless they exist, with ``mode`` or 0755.

    The umask takes no part: with umask 000, everybody could write to the directories, and with 077
    other users could not look at them.

    Raises:
        OSError: a directory cannot be created.
    """
    missing = [path, *path.parents]
    while missing and missing[-1].is_dir():
        missing.pop()
    for directory in reversed(missing):
        wanted = mode if directory == path else _DIRECTORY
        with suppress(FileExistsError):  # another process was faster; or path is no directory
            directory.mkdir(wanted)
            directory.chmod(wanted)


def delete_file(path: Path) -> None:
    """Delete ``path`` if it exists.

    Raises:
        WctlError: the file cannot be deleted.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise _failure(path, error) from None


def set_aside(path: Path) -> Path:
    """Rename ``path`` to NAME.back, or to NAME.back.2 and so on; return the new path.

    An older file with other text stays: somebody may have edited it.

    Raises:
        WctlError: the file cannot be renamed.
    """
    try:
        text = files.read(path)
        for number in itertools.count(1):
            aside = path.with_name(f"{path.name}.back" + (f".{number}" if number > 1 else ""))
            try:
                if files.read(aside) == text:
                    break
            except FileNotFoundError:
                break
        path.replace(aside)
    except OSError as error:
        raise _failure(path, error) from None
    make_durable(path.parent)
    return aside


def delete_leftovers(paths: Sequence[Path]) -> None:
    """Delete the temporary files that a killed write_file() of ``paths``, or a power cut, left.

    Raises:
        WctlError: a file cannot be deleted.
    """
    names = {path.name for path in paths}
    for directory in {path.parent for path in paths}:
        try:
            found = os.listdir(directory)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _failure(directory, error) from None
        for name in found:
            match = _TEMPORARY.fullmatch(name)
            if match and match["name"] in names:
                delete_file(directory / name)


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
