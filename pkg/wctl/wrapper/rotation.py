"""A log file that is rotated by size, at the end of a line: FILE, FILE.1 … FILE.N.

Rotation renames files, the oldest first: a process that is killed at any step leaves every line in
one of the files.
"""

import posix
import time

_MODE = 0o640
_DIRECTORY_MODE = 0o750
_LOOK = 1.0  # seconds between two checks that the file is still in its place
_ELOOP, _EINVAL = 40, 22
_TYPE, _REGULAR = 0o170000, 0o100000  # of st_mode; importing the stat module would cost more


class RotatedFile:
    """The log file ``path`` of up to ``maxbytes`` (0: no limit), with ``backups`` older files."""

    def __init__(self, path: str, maxbytes: int, backups: int) -> None:
        self.path = path
        self.written = 0  # bytes that the latest write() has put into the file
        self._maxbytes = maxbytes
        self._backups = backups
        self._fd = -1
        self._size = 0
        self._in_line = False  # the last byte is not a newline
        self._identity = (0, 0)
        self._next_look = 0.0
        self._directory: "str | None" = None  # the directory of path, without links

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
                    self._open()
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; the next write opens it again."""
        if self._fd >= 0:
            posix.close(self._fd)
        self._fd = -1

    def _room(self, data: bytes, start: int) -> int:
        """Return the end of the data that may still go into this file: whole lines, if possible."""
        room = self._maxbytes - self._size
        if not self._maxbytes or len(data) - start <= room:
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
        if self._fd >= 0 and now < self._next_look:
            return
        self._next_look = now + _LOOK
        if self._fd >= 0:
            try:
                status = posix.stat(self.path, follow_symlinks=False)
            except OSError:
                self.close()
            else:
                self._size = status.st_size  # "wctl clear" truncates the file
                if (status.st_dev, status.st_ino) != self._identity or self._moved():
                    self.close()
        if self._fd < 0:
            self._open()

    def _moved(self) -> bool:
        directory = _real(_parent(self.path))
        return directory is not None and directory != self._directory

    def _open(self) -> None:
        if self._directory is None:
            self._make_directory()
            self._directory = _real(_parent(self.path))
        elif self._moved():
            # The user who put a link there could make us write and rename files anywhere.
            raise OSError(_ELOOP, "its directory was replaced by a link")
        flags = (
            posix.O_RDWR
            | posix.O_APPEND
            | posix.O_CREAT
            | posix.O_CLOEXEC
            | posix.O_NOFOLLOW
            | posix.O_NONBLOCK
        )
        try:
            self._fd = posix.open(self.path, flags, _MODE)
        except FileNotFoundError:
            self._make_directory()
            self._fd = posix.open(self.path, flags, _MODE)
        except OSError as error:
            if error.errno == _ELOOP:
                raise OSError(_ELOOP, "it was replaced by a link") from None
            raise
        status = posix.fstat(self._fd)
        if status.st_mode & _TYPE != _REGULAR:
            raise OSError(_EINVAL, "not a regular file")
        self._lock()
        self._identity = status.st_dev, status.st_ino
        self._size = status.st_size
        self._in_line = bool(self._size) and posix.pread(self._fd, 1, self._size - 1) != b"\n"

    def _lock(self) -> None:
        """Keep other processes from rotating our file: instances with the same stdout_logfile.

        Raises:
            OSError: another process holds the lock.
        """
        from fcntl import LOCK_EX, LOCK_NB, flock

        try:
            flock(self._fd, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise OSError(_EINVAL, "another process logs to it") from None

    def _make_directory(self) -> None:
        """Create the path's missing directories, if no other user could have set a trap there."""
        missing = []
        directory = _parent(self.path)
        while not _exists(directory):
            missing.append(directory)
            directory = _parent(directory)
        status = posix.stat(directory)
        if status.st_uid in (0, posix.geteuid()) and not status.st_mode & 0o022:
            try:
                for path in reversed(missing):
                    posix.mkdir(path, _DIRECTORY_MODE)
            except OSError:
                pass  # opening the file fails next, and that error says more

    def _rotate(self) -> None:
        self.close()
        if not self._backups:
            posix.unlink(self.path)
            return
        for number in range(self._backups - 1, 0, -1):
            try:
                posix.rename(f"{self.path}.{number}", f"{self.path}.{number + 1}")
            except FileNotFoundError:
                pass
        posix.rename(self.path, f"{self.path}.1")


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _exists(path: str) -> bool:
    """Tell whether ``path`` exists, even if it is a link to nothing."""
    try:
        posix.lstat(path)
    except OSError:
        return False
    return True


def _real(directory: str) -> "str | None":
    """Return the kernel's own path of ``directory``, without links; None if it cannot be opened."""
    try:
        fd = posix.open(directory, posix.O_PATH | posix.O_CLOEXEC)
    except OSError:
        return None
    try:
        return posix.readlink(f"/proc/self/fd/{fd}")
    finally:
        posix.close(fd)
