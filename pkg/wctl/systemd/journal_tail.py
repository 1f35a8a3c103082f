"""The end of what the journal has, in bytes; journald can only be asked for lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice

from wctl.systemd import journal
from wctl.systemd.journal import Line


def as_written(line: Line) -> bytes:
    """Return a line as the worker wrote it."""
    return line.data + b"\n"


def last_bytes(
    query: journal.Query, size: int, form: Callable[[Line], bytes] = as_written
) -> bytes:
    """Return the last ``size`` bytes of the lines that ``query`` finds, written in a ``form``."""
    count = size // 80 + 1
    while True:
        found = length = 0
        last: deque[bytes] = deque()
        # No more lines than these: a worker may write faster than we read.
        for line in islice(journal.reader().read(query, count), count):
            found += 1
            last.append(form(line))
            length += len(last[-1])
            while length - len(last[0]) > size:
                length -= len(last.popleft())
        if length >= size or found < count:
            return b"".join(last)[max(0, length - size) :]
        count *= 4
