"""A log file that is rotated by size, at a line's end: FILE, FILE.1 … FILE.N.

Renames only, oldest first: a process killed at any step leaves every line in one of the files.
"""

import posix
import time

_MODE = 0o640
_DIRECTORY_MODE = 0o750
_LOOK = 1.0  # seconds between two looks whether the file is still where it was
_ELOOP, _EINVAL = 40, 22
_TYPE, _REGULAR = 0o170000, 0o100000  # of st_mode; the stat module costs more than both


class RotatedFile:
    """Append to ``path``; keep it under ``maxbytes`` (0: no limit) with ``backups`` older ones."""

    def __init__(self, path: str, maxbytes: int, backups: int) -> None:
        self.path = path
        self.written = 0  # bytes of the latest write() that are in the file
        self._maxbytes = maxbytes
        self._backups = backups
        self._fd = -1
        self._size = 0
        self._in_line = False  # the last byte is not a newline
        self._identity = (0, 0)
        self._next_look = 0.0
        self._directory: "str | None" = None  # where path's really is

    def write(self, data: bytes, *, new_line: bool = False) -> None:
        """Append ``data``, rotating on the way; ``new_line``: never to an unfinished line.

        Raises:
            OSError: the file cannot be written; the next call tries to open it anew.
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
        """Return the end of what may still go into this file: whole lines, if possible."""
        room = self._maxbytes - self._size
        if not self._maxbytes or len(data) - start <= room:
            return len(data)
        whole = data.rfind(b"\n", start, start + max(room, 0)) + 1
        if whole:
            return whole
        if room < 0 or (self._size and not self._in_line):
            return start
        # A line that is larger than what is left, or than a file: it stays in one piece as far as
        # this write goes.
        return data.find(b"\n", start) + 1 or len(data)

    def _append(self, data: bytes, start: int, end: int) -> int:
        """Write once: all of it, unless the disk is full."""
        view = memoryview(data)[start:end]
        written = posix.write(self._fd, view)
        self._size += written
        self._in_line = view[written - 1] != 10
        return written

    def _look(self) -> None:
        """Open the file, if it is not open or somebody has moved, removed or replaced it."""
        now = time.monotonic()
        if self._fd >= 0 and now < self._next_look:
            return
        self._next_look = now + _LOOK
        if self._fd >= 0:
            try:
                there = posix.stat(self.path, follow_symlinks=False)
            except OSError:
                self.close()
            else:
                self._size = there.st_size  # "wctl clear" truncates it
                if (there.st_dev, there.st_ino) != self._identity or self._moved():
                    self.close()
        if self._fd < 0:
            self._open()

    def _moved(self) -> bool:
        now = _real(_parent(self.path))
        return now is not None and now != self._directory

    def _open(self) -> None:
        if self._directory is None:
            self._make_directory()
            self._directory = _real(_parent(self.path))
        elif self._moved():
            # Whoever put a link there could have us write, and rename, anywhere.
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
        now = posix.fstat(self._fd)
        if now.st_mode & _TYPE != _REGULAR:
            raise OSError(_EINVAL, "not a regular file")
        self._lock()
        self._identity = now.st_dev, now.st_ino
        self._size = now.st_size
        self._in_line = bool(self._size) and posix.pread(self._fd, 1, self._size - 1) != b"\n"

    def _lock(self) -> None:
        """Keep others from rotating the file under us: an instance of the same stdout_logfile.

        Raises:
            OSError: somebody has it.
        """
        from fcntl import LOCK_EX, LOCK_NB, flock

        try:
            flock(self._fd, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise OSError(_EINVAL, "another process logs to it") from None

    def _make_directory(self) -> None:
        """Create what is missing of the path, where nobody else could have put a trap."""
        missing = []
        directory = _parent(self.path)
        while not _exists(directory):
            missing.append(directory)
            directory = _parent(directory)
        there = posix.stat(directory)
        if there.st_uid in (0, posix.geteuid()) and not there.st_mode & 0o022:
            try:
                for each in reversed(missing):
                    posix.mkdir(each, _DIRECTORY_MODE)
            except OSError:
                pass  # that it is missing says more

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
    """Tell whether something is there, were it a link to nothing."""
    try:
        posix.lstat(path)
    except OSError:
        return False
    return True


def _real(directory: str) -> "str | None":
    """Return the path of a directory without any links, as the kernel has it; None if missing."""
    try:
        fd = posix.open(directory, posix.O_PATH | posix.O_CLOEXEC)
    except OSError:
        return None
    try:
        return posix.readlink(f"/proc/self/fd/{fd}")
    finally:
        posix.close(fd)
