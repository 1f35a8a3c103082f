"""A log file that is rotated by size, at the end of a line: FILE, FILE.1 … FILE.N.

Rotation renames files, the oldest first: a process that is killed at any step leaves every line in
one of the files. All of that happens in one directory, which directory.py holds for us.

Whoever holds the lock of the file rotates it, if the file is still in its place then. The others
append, and look before each write whether it is. So a user who may only read the file, and locks
it (flock(2) asks for no more), keeps us from rotating it, and no line is lost.
"""

import posix
import time
from fcntl import LOCK_EX, LOCK_NB, flock

from .directory import Directory

_MODE = 0o640
_FLAGS = (
    posix.O_RDWR
    | posix.O_APPEND
    | posix.O_CREAT
    | posix.O_CLOEXEC
    | posix.O_NOFOLLOW
    | posix.O_NONBLOCK
)
_LOOK = 1.0  # seconds between two checks that the file is still in its place
_BLOCKED = 60.0  # seconds until the next try to rotate after one that failed
_EPERM, _EINVAL, _ELOOP = 1, 22, 40
_TYPE, _REGULAR = 0o170000, 0o100000  # of st_mode; importing the stat module would cost more


class RotatedFile:
    """The log file ``path`` of up to ``maxbytes`` (0: no limit), with ``backups`` older files."""

    def __init__(self, path: str, maxbytes: int, backups: int) -> None:
        self.path = path
        self.written = 0  # bytes that the latest write() has put into the file
        self.blocked: "str | None" = None  # why the file grows beyond its limit, if it does
        above, _, self._name = path.rpartition("/")
        self._directory = Directory(above or "/")
        self._maxbytes = maxbytes
        self._backups = backups
        self._fd = -1
        self._locked = False
        self._size = 0
        self._in_line = False  # the last byte is not a newline
        self._identity = (0, 0)
        self._next_look = 0.0
        self._next_rotation = 0.0  # while rotation is blocked

    def write(self, data: bytes, *, new_line: bool = False) -> None:
        """Append ``data``, rotating on the way; with ``new_line`` end an unfinished line first.

        Raises:
            OSError: the file cannot be written; the next call tries to open it again.
        """
        self.written = 0
        try:
            self._look()
            if new_line and self._in_line:
                self._append(b"\n", 0, 1)
            while self.written < len(data):
                end = self._room(data, self.written)
                if end > self.written:
                    self.written += self._append(data, self.written, end)
                else:
                    self._rotate()
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file and its directory; the next write opens them again."""
        self._close_file()
        self._directory.close()

    def _close_file(self) -> None:
        if self._fd >= 0:
            posix.close(self._fd)
        self._fd = -1

    def _room(self, data: bytes, start: int) -> int:
        """Return the end of the data that may still go into this file: whole lines, if possible."""
        room = self._maxbytes - self._size
        if not self._maxbytes or len(data) - start <= room:
            return len(data)
        if self.blocked is not None and time.monotonic() < self._next_rotation:
            return len(data)
        whole = data.rfind(b"\n", start, start + max(room, 0)) + 1
        if whole:
            return whole
        if room < 0 or (self._size and not self._in_line):
            return start
        # The line is longer than a whole file, or the file holds its beginning and has no room for
        # the rest. The line stays in one piece as far as ``data`` has it.
        return data.find(b"\n", start) + 1 or len(data)

    def _append(self, data: bytes, start: int, end: int) -> int:
        """Write once; return the number of bytes written: all, unless the disk is full."""
        view = memoryview(data)[start:end]
        written = posix.write(self._fd, view)
        self._size += written
        self._in_line = view[written - 1] != 10
        return written

    def _look(self) -> None:
        """Open the file if it is not open, or if it has been moved, removed or replaced."""
        now = time.monotonic()
        if self._fd >= 0 and now < self._next_look and self._locked:
            return
        self._next_look = now + _LOOK
        if self._fd >= 0:
            status = self._in_place()
            if status is None or self._directory.moved():
                self.close()
                self.blocked = None  # another process has rotated or removed it
            else:
                self._size = status.st_size  # "wctl clear" truncates the file
        if self._fd < 0:
            self._open()

    def _status(self, name: str) -> "posix.stat_result | None":
        try:
            return posix.stat(name, dir_fd=self._directory.fd, follow_symlinks=False)
        except OSError:
            return None

    def _in_place(self) -> "posix.stat_result | None":
        """Return the status of our file if its name still leads to it."""
        status = self._status(self._name)
        if status is not None and (status.st_dev, status.st_ino) == self._identity:
            return status
        return None

    def _open(self) -> None:
        self._directory.open()
        try:
            self._fd = posix.open(self._name, _FLAGS, _MODE, dir_fd=self._directory.fd)
        except OSError as error:
            if error.errno == _ELOOP:
                raise OSError(_ELOOP, "it was replaced by a link") from None
            raise
        status = posix.fstat(self._fd)
        if status.st_mode & _TYPE != _REGULAR:
            raise OSError(_EINVAL, "not a regular file")
        self._check_owner(status)
        self._locked = not self._maxbytes or self._lock()
        self._identity = status.st_dev, status.st_ino
        self._size = status.st_size
        self._in_line = bool(self._size) and posix.pread(self._fd, 1, self._size - 1) != b"\n"

    def _check_owner(self, status: "posix.stat_result") -> None:
        """Refuse a file that another user may have put in the place of ours.

        As root, we take our own file, or one of the directory's owner; where users share the
        directory, our own alone. Other users' wrappers can do no more harm than their users: they
        ask only where users share the directory, and take a file of root or its owner, too.

        Raises:
            OSError: the file may be one that its user could not write to without us.
        """
        directory = self._directory
        us = posix.geteuid()
        if not directory.shared and (us or directory.owner == 0):
            return
        if status.st_nlink != 1:
            raise OSError(_EPERM, "the file has a second name")
        owners = {us, 0}
        if us or not directory.shared:
            owners.add(directory.owner)
        if status.st_uid not in owners:
            raise OSError(_EPERM, f"the file belongs to user {status.st_uid}")

    def _lock(self) -> bool:
        """Take the lock of our file; tell whether no other process has it.

        Instances with the same stdout_logfile must not rotate the file under each other.
        """
        try:
            flock(self._fd, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _rotate(self) -> None:
        """Go on in a new file; if the old one cannot be renamed, go on in the old one for a while.

        Raises:
            OSError: the new file cannot be opened.
        """
        self._locked = self._locked or self._lock()
        if not self._locked:
            self._block("another process has locked it")
            return
        if self._in_place() is not None:
            try:
                self._rename_all()
            except OSError as error:
                # rename(2) says ENOTDIR if a directory would have to replace a file.
                name = error.filename if isinstance(error, NotADirectoryError) else error.filename2
                self._block(f"{name or error.filename}: {error.strerror}")
                return
            self.blocked = None
        # Or whoever had the lock before us has moved the file: the new one may have room.
        self._close_file()
        self._open()

    def _block(self, why: str) -> None:
        self.blocked = why
        self._next_rotation = time.monotonic() + _BLOCKED

    def _rename_all(self) -> None:
        fd = self._directory.fd
        if not self._backups:
            try:
                posix.unlink(self._name, dir_fd=fd)
            except FileNotFoundError:
                pass
            return
        # Only up to the first free number: a rotation that fails again and again on its way must
        # not move the files before it out of the end.
        free = 1
        while free < self._backups and self._status(self._older(free)) is not None:
            free += 1
        for number in range(free, 0, -1):
            try:
                posix.rename(
                    self._older(number - 1), self._older(number), src_dir_fd=fd, dst_dir_fd=fd
                )
            except FileNotFoundError:
                pass  # another process has moved it

    def _older(self, number: int) -> str:
        return f"{self._name}.{number}" if number else self._name
