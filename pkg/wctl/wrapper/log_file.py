"""A worker's log file as the pump sees it: writing never fails, what is dropped is told."""

import time

from . import journald
from .rotation import RotatedFile

_RETRY = 1.0  # seconds between two tries to write to a file that could not be written


class LogFile:
    """The log file of one stream of ``unit``."""

    def __init__(self, unit: str, file: RotatedFile) -> None:
        self.path = file.path
        self._unit = unit
        self._file = file
        self._dropped = 0  # bytes, since the file could last be written
        self._lines = 0
        self._mid_line = False  # what was dropped last is the beginning of a line
        self._next_try = 0.0

    def write(self, data: bytes) -> None:
        """Append ``data``, or drop it, in whole lines: a full disk must not stop the worker."""
        resumes = self._dropped > 0
        if resumes:
            if time.monotonic() < self._next_try:
                self._drop(data)
                return
            if self._mid_line:
                cut = data.find(b"\n") + 1 or len(data)
                self._drop(data[:cut])
                data = data[cut:]
        try:
            self._file.write(data, new_line=resumes)
        except OSError as error:
            self._fail(error, data[self._file.written :])
            return
        if resumes and data:
            self._tell_dropped()

    def close(self) -> None:
        """Close the file; the worker has ended."""
        self._file.close()
        if self._dropped:
            self._tell_dropped()

    def _fail(self, error: OSError, data: bytes) -> None:
        self._next_try = time.monotonic() + _RETRY
        if not self._dropped:
            journald.say(f"<3>{self._unit}: {self.path}: {error.strerror}: lines are dropped")
        self._drop(data)

    def _drop(self, data: bytes) -> None:
        if data:
            self._dropped += len(data)
            self._lines += data.count(b"\n")
            self._mid_line = not data.endswith(b"\n")

    def _tell_dropped(self) -> None:
        journald.say(
            f"<4>{self._unit}: {self.path}: {self._lines} lines ({self._dropped} bytes) were"
            " dropped"
        )
        self._dropped = self._lines = 0
        self._mid_line = False
