"""Runs in the machine: a module of Ansible, for one task after the other.

python3 tasks.py MODULE SUPERVISORCTL

stdin holds a JSON list of tasks; a task is a list with the module's arguments for each of its runs.
stdout gets a JSON list of {"results", "status"}: what the module printed in each run, and what
supervisorctl tells of the processes afterwards. Each run is a fork that has already loaded
Ansible's library, which saves a tenth of a second.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import runpy
import subprocess
import sys
import time
from typing import Any

LIMIT = 30.0  # seconds
PASSING = re.compile(r" (STARTING|BACKOFF|STOPPING) ")


def run(module: str, arguments: dict[str, Any]) -> str:
    """Runs the module; returns what it printed."""
    ours, forks = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(forks, sys.stdout.fileno())
        sys.argv = [module, json.dumps({"ANSIBLE_MODULE_ARGS": arguments})]
        try:
            runpy.run_path(module, run_name="__main__")
        finally:
            sys.stdout.flush()
            os._exit(0)  # the result tells whether the task failed
    os.close(forks)
    with os.fdopen(ours, encoding="utf-8") as printed:
        text = printed.read()
    os.waitpid(child, 0)
    return text


def settled(supervisorctl: str) -> str:
    """Returns what supervisorctl tells of the processes once all have a state that lasts.

    After its last failed start, a program becomes FATAL: a moment later, with either supervisor.
    """
    deadline = time.monotonic() + LIMIT
    while True:
        status = [supervisorctl, "status"]
        told = subprocess.run(status, stdout=subprocess.PIPE, text=True, check=False).stdout
        if not PASSING.search(told) or time.monotonic() > deadline:
            return told
        time.sleep(0.05)


def main() -> None:
    module, supervisorctl = sys.argv[1:]
    importlib.import_module("ansible.module_utils.basic")
    answers = []
    for task in json.load(sys.stdin):
        results = [run(module, arguments) for arguments in task]
        answers.append({"results": results, "status": settled(supervisorctl)})
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
