"""Sizes as systemd writes them (systemd.resource-control(5))."""

from __future__ import annotations


def readable(size: str) -> str:
    """Return bytes with the largest binary suffix that is exact."""
    if not size.isdecimal():
        return size
    count = int(size)
    for suffix in ("", "K", "M", "G"):
        if count % 1024 or not count:
            return f"{count}{suffix}"
        count //= 1024
    return f"{count}T"
