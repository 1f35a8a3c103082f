"""Sizes, times and signals as systemd counts and writes them, and in words."""

from __future__ import annotations

import signal
from typing import Any

# systemd's number for "no limit" and for "unknown", of bytes, of microseconds and of a count.
INFINITY = (1 << 64) - 1


def known(value: Any) -> int | None:
    """Return a number that systemd counts; None for no limit, and for an unknown number."""
    return None if value == INFINITY else int(value)


def exact_size(size: str) -> str:
    """Return ``size`` bytes with the largest exact suffix (systemd.resource-control(5))."""
    if not size.isdecimal():
        return size
    count = int(size)
    for suffix in ("", "K", "M", "G"):
        if count % 1024 or not count:
            return f"{count}{suffix}"
        count //= 1024
    return f"{count}T"


def size_in_words(count: int) -> str:
    """Return ``count`` bytes with a binary suffix, in three digits: 512B, 97.7K, 256M, 1.5G."""
    size = float(count)
    for suffix in ("B", "K", "M", "G"):
        if size < 1000:
            return f"{size:.3g}{suffix}"
        if size < 1024:
            return f"{size:.0f}{suffix}"
        size /= 1024
    return f"{size:.4g}T"


def span_in_words(microseconds: int) -> str:
    """Return a time span without the units that are 0: "100 ms", and 90 s as "1 min 30 s"."""
    if microseconds < 1_000_000:
        return f"{microseconds // 1000} ms"
    seconds = microseconds // 1_000_000
    parts = []
    for name, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= size:
            parts.append(f"{seconds // size} {name}")
            seconds %= size
    return " ".join(parts)


def signal_name(number: int) -> str:
    """Return the name of a signal. Most real-time signals have none of their own: SIGRTMIN+3."""
    try:
        return signal.Signals(number).name
    except ValueError:
        real_time = signal.SIGRTMIN < number < signal.SIGRTMAX
        return f"SIGRTMIN+{number - signal.SIGRTMIN}" if real_time else f"signal {number}"
