"""Runs the wrapper and measures coverage: covered.py WORKER ARGUMENT...

The wrapper ends by posix._exit() or a signal, or becomes the worker, so that no code runs at its
end that could save what was measured. It is saved before each of these calls.
"""

from __future__ import annotations

import posix
import runpy
import sys
from typing import Any, Callable

import coverage

measured = coverage.process_startup(force=True)


def saving(call: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a system call that saves first; where it returns, measuring goes on."""

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
