"""Runs the wrapper and measures coverage: covered.py WORKER ARGUMENT...

The wrapper ends by posix._exit() or a signal, or becomes the worker, so no code at its end can save
the measurement. This script saves the measurement before each of these calls.
"""

from __future__ import annotations

import posix
import runpy
import sys
from typing import Any, Callable

import coverage

measured = coverage.process_startup(force=True)


def saving(call: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a system call that first saves the measurement; if it returns, measuring goes on."""

    def saved(*arguments: object) -> object:
        if measured is None or (call is kill and arguments[0] != posix.getpid()):
            return call(*arguments)
        measured.stop()
        measured.save()
        try:
            return call(*arguments)
        finally:
            measured.start()

    return saved


kill = posix.kill
for name in ("_exit", "execve", "kill"):
    setattr(posix, name, saving(getattr(posix, name)))
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
