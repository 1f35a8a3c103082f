"""Read the last lines of log files, and go on with what workers write, across rotation.

A worker's user may replace the file at any moment, so we open it through trust.files each time.
tail(1) would follow links, and wait for ever for the writer of a FIFO.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from wctl.operate.log_files import LogFile
from wctl.trust import files

_CHUNK = 1 << 16  # bytes
_POLL = 0.25  # seconds between two looks at the files, with "tail -f"


class FileTail:
    """One log file: its end, and what comes after."""

    def __init__(self, log: LogFile) -> None:
        """Open the file.

        Raises:
            OSError: see files.open_log().
        """
        self.log = log
        self._file: BinaryIO = self._open()

    def __enter__(self) -> FileTail:
        """Return the tail; the file is closed at the end of the context."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the file."""
        self._file.close()

    def last_lines(self, count: int) -> Iterator[bytes]:
        """Yield the last ``count`` lines of the file as it is now, in pieces."""
        start, end = _last(self._file.fileno(), count)
        yield from self.between(start, end)

    def last_bytes(self, count: int) -> Iterator[bytes]:
        """Yield the last ``count`` bytes of the file as it is now, in pieces."""
        end = self._file.seek(0, os.SEEK_END)
        yield from self.between(max(0, end - count), end)

    def between(self, start: int, end: int | None) -> Iterator[bytes]:
        """Yield the file from byte ``start`` to ``end``; None: as far as it goes now, in pieces."""
        if end is None:
            end = os.fstat(self._file.fileno()).st_size
        # Not up to the end of the file: a worker may write faster than we read.
        self._file.seek(start)
        while data := self._file.read(max(0, min(_CHUNK, end - self._file.tell()))):
            yield data

    def more(self) -> Iterator[bytes]:
        """Yield what has been written since, in pieces; after a rotation, go on in the new file."""
        yield from self._rest()
        try:
            now = self._open()
        except OSError:
            return  # between two steps of a rotation, or somebody else's; we look again
        old, new = os.fstat(self._file.fileno()), os.fstat(now.fileno())
        if (old.st_dev, old.st_ino) == (new.st_dev, new.st_ino):
            now.close()
            if new.st_size < self._file.tell():  # "wctl clear" truncates the file
                self._file.seek(0)
        else:
            yield from self._rest()
            self._file.close()
            self._file = now
        yield from self._rest()

    def _open(self) -> BinaryIO:
        return files.open_log(self.log.path, self.log.writer)

    def _rest(self) -> Iterator[bytes]:
        while data := self._file.read(_CHUNK):
            yield data


def _last(fd: int, count: int) -> tuple[int, int]:
    """Return where the last ``count`` lines of a file begin and end."""
    end = position = os.fstat(fd).st_size
    if not count:
        return end, end
    while position:
        size = min(_CHUNK, position)
        position -= size
        data = os.pread(fd, size, position)
        cut = len(data)
        if position + size == end and data.endswith(b"\n"):
            cut -= 1  # this one ends the last line
        while (cut := data.rfind(b"\n", 0, cut)) >= 0:
            count -= 1
            if not count:
                return position + cut + 1, end
    return 0, end


def follow(tails: Sequence[FileTail]) -> Iterator[tuple[FileTail, bytes]]:
    """Yield what is written from now on, for ever."""
    while True:
        for tail in tails:
            for data in tail.more():
                yield tail, data
        time.sleep(_POLL)
