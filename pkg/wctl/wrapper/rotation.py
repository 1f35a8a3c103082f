"""A log file that is rotated by size, at the end of a line: FILE, FILE.1 … FILE.N.

Rotation renames files, the oldest first: a process that is killed at any step leaves every line in
one of the files. All of that happens in one directory, which directory.py holds for us.

Several processes may write to one file, with limits of their own. Decided here:
- Each of them appends whole lines, in one write(2) where it can. The kernel writes such a piece
  without another process's bytes in between (O_APPEND, open(2)).
- Before each write, a process looks whether the name still leads to its file, and how large the
  file is: another may have rotated, emptied or removed it.
- A rotation is done under the file's lock (flock(2)), which nobody holds longer. The file itself is
  renamed last. So there is no new file, and nobody can begin to rotate it, before that.
- If another process has the lock, we append, and try again at the next write. A user who may only
  read the file can lock it for ever (flock(2) asks for no more): no line is lost, the file grows.
- SIGKILL can cut a write(2) at the end of a page. So whoever begins a line looks whether the file
  ends with a newline, and adds one if not. A write that is not cut has the same look for a moment,
  while the kernel goes on to the next page: so at the end of a page we wait and look again.
"""

import posix
import time
from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, flock

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
_LOOK = 1.0  # seconds between two checks that the path still leads to the file
_PAGE = 4096  # bytes; larger pages are multiples of it
_CUT = 0.5  # seconds until a write that stands at the end of a page counts as cut
_PEEK = 0.001  # seconds between two looks at such a write
_BUSY = 3.0  # seconds until a lock that another process holds counts as in the way
_BLOCKED = 60.0  # seconds until the next try to rotate after one that failed
_EPERM, _EINVAL, _ELOOP = 1, 22, 40
_TYPE, _REGULAR = 0o170000, 0o100000  # of st_mode; importing the stat module would cost more


class RotatedFile:
    """The log file ``path`` of up to ``maxbytes`` (0: no limit), with ``backups`` older files."""

    def __init__(self, path: str, maxbytes: int, backups: int) -> None:
        self.path = path
        self.written = 0  # bytes of the data that the latest write() has put into the file
        self.blocked: "str | None" = None  # why the file grows beyond its limit, if it does
        self.found = False  # the latest open() or write() has at least opened the file
        self._directory = Directory(path)
        self._maxbytes = maxbytes
        self._backups = backups
        self._fd = -1
        self._size = 0  # of the file, when we last looked or wrote
        self._in_line = False  # the last byte is not a newline
        self._cut_at = -1  # at this size, we have waited long enough: on a full disk, we wait once
        self._identity = (0, 0)
        self._next_look = 0.0
        self._next_rotation = 0.0  # while rotation is blocked
        self._busy_since: "float | None" = None  # another process has the lock

    def open(self) -> None:
        """Make the file, if it is not there.

        Raises:
            OSError: the file cannot be written; the next call tries to open it again.
        """
        try:
            self._look()
            self.found = True
        except OSError:
            self.found = False
            self.close()
            raise

    def write(
        self, data: bytes, start: int = 0, stop: "int | None" = None, *, new_line: bool = False
    ) -> None:
        """Append ``data[start:stop]``, rotating on the way; copy none of it.

        With ``new_line`` end an unfinished line first.

        Raises:
            OSError: the file cannot be written; the next call tries to open it again.
        """
        self.written = 0
        try:
            self._look()
            stop = len(data) if stop is None else stop
            here = start
            while here < stop:
                end = self._room(data, here, stop)
                if end == here and not self._rotate():
                    end = stop
                if end > here:
                    if new_line and self._in_line:
                        self._end_line()
                    here += self._append(data, here, end)
                    self.written = here - start
                    new_line = False
            self.found = True
        except OSError:
            self.found = self._fd >= 0
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

    def _room(self, data: bytes, start: int, stop: int) -> int:
        """Return the end of the data that may still go into this file: whole lines, if possible."""
        room = self._maxbytes - self._size
        if not self._maxbytes or stop - start <= room:
            return stop
        whole = data.rfind(b"\n", start, start + max(room, 0)) + 1
        if whole:
            return whole
        if room < 0 or (self._size and not self._in_line):
            return start
        # The line is longer than a whole file, or the file holds its beginning and has no room for
        # the rest. The line stays in one piece as far as ``data`` has it.
        return data.find(b"\n", start, stop) + 1 or stop

    def _end_line(self) -> None:
        """End the last line, which was cut, unless another process is just writing it."""
        end = time.monotonic() + _CUT
        while self._in_line and self._size % _PAGE == 0 and self._size != self._cut_at:
            if time.monotonic() >= end:
                self._cut_at = self._size
                break
            time.sleep(_PEEK)
            self._examine_end(posix.fstat(self._fd).st_size)
        if self._in_line:
            self._append(b"\n", 0, 1)

    def _append(self, data: bytes, start: int, end: int) -> int:
        """Write once; return the number of bytes written: all, unless the disk is full."""
        view = memoryview(data)[start:end]
        written = posix.write(self._fd, view)
        self._size += written
        self._in_line = view[written - 1] != 10
        return written

    def _look(self) -> None:
        """Open the file if it is not open, or if it has been moved, removed or replaced."""
        if self._fd >= 0:
            status = self._in_place()
            now = time.monotonic()
            if status is not None and now >= self._next_look:
                self._next_look = now + _LOOK
                if not self._directory.leads_to(self._identity):
                    status = None  # a directory or link on the way now leads elsewhere
            if status is None:
                self.close()
                self.blocked = None  # whoever has moved the file has cleared the way
                self._busy_since = None
            elif status.st_size != self._size:
                self._examine_end(status.st_size)
        if self._fd < 0:
            self._open()
            self._next_look = time.monotonic() + _LOOK

    def _status(self, name: str) -> "posix.stat_result | None":
        try:
            return posix.stat(name, dir_fd=self._directory.fd, follow_symlinks=False)
        except OSError:
            return None

    def _in_place(self) -> "posix.stat_result | None":
        """Return the status of our file if its name still leads to it."""
        status = self._status(self._directory.name)
        if status is not None and (status.st_dev, status.st_ino) == self._identity:
            return status
        return None

    def _open(self) -> None:
        self._directory.open()
        try:
            fd = posix.open(self._directory.name, _FLAGS, _MODE, dir_fd=self._directory.fd)
        except OSError as error:
            if error.errno == _ELOOP:
                raise OSError(_ELOOP, "it was replaced by a link") from None
            raise
        try:
            status = posix.fstat(fd)
            if status.st_mode & _TYPE != _REGULAR:
                raise OSError(_EINVAL, "not a regular file")
            self._check_owner(status)
        except OSError:
            posix.close(fd)
            raise
        self._fd = fd
        self._identity = status.st_dev, status.st_ino
        self._examine_end(status.st_size)

    def _examine_end(self, size: int) -> None:
        """Note the size of the file, and whether its last line has an end."""
        self._size = size
        self._in_line = bool(size) and posix.pread(self._fd, 1, size - 1) not in {b"\n", b""}

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

    def _rotate(self) -> bool:
        """Go on in a new file, or in this one if it has room again; tell whether there is room.

        If not, the file grows for now, beyond its limit.

        Raises:
            OSError: the new file cannot be opened.
        """
        if self.blocked is not None and time.monotonic() < self._next_rotation:
            return False
        try:
            flock(self._fd, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            self._wait_for_lock()
            return False
        except OSError as error:  # a network's file system without locks
            self._block(f"{self._directory.name}: {error.strerror}")
            return False
        self._busy_since = None
        status = self._in_place()
        if status is not None and status.st_size < self._size:
            self._examine_end(status.st_size)  # another process has emptied it
            flock(self._fd, LOCK_UN)
            return True
        if status is not None:
            try:
                self._rename_all()
            except OSError as error:
                flock(self._fd, LOCK_UN)
                # rename(2) says ENOTDIR if a directory would have to replace a file.
                name = error.filename if isinstance(error, NotADirectoryError) else error.filename2
                self._block(f"{name or error.filename}: {error.strerror}")
                return False
            self.blocked = None
        # Or whoever had the lock before us has moved the file: the new one may have room.
        self._close_file()  # and with it the lock
        self._open()
        return True

    def _wait_for_lock(self) -> None:
        """Try again at the next write: another process may just be rotating the file."""
        now = time.monotonic()
        if self._busy_since is None:
            self._busy_since = now
        elif now - self._busy_since >= _BUSY:
            self._block("another process has locked it")

    def _block(self, why: str) -> None:
        self.blocked = why
        self._next_rotation = time.monotonic() + _BLOCKED

    def _rename_all(self) -> None:
        fd = self._directory.fd
        if not self._backups:
            try:
                posix.unlink(self._directory.name, dir_fd=fd)
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
        return f"{self._directory.name}.{number}" if number else self._directory.name
