"""Ansible in a machine: its own module community.general.supervisorctl, and ansible-playbook.

PyPI has the module in its package "ansible" only, among 50,000 files; we unpack this one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from machine.driver import Machine, Result
from machine.image import CACHE, atomic_directory, locked

VERSION = "12.3.0"
# Without what ansible-core needs for its vault and its galaxy. The compiled parts are optional: the
# machine's Python may be of another version than the host's.
NEEDS = "ansible-core==2.19.14 Jinja2==3.1.6 MarkupSafe==3.0.4 packaging==26.4 PyYAML==6.0.4"
COLLECTION = "ansible_collections/community/general"
MODULE = f"{COLLECTION}/plugins/modules/supervisorctl.py"
HOME = "/opt/ansible"


def library() -> Path:
    """Return a directory of packages that has Ansible and the module; make it if need be."""
    directory = CACHE / f"ansible-{VERSION}"
    with locked(directory.name):  # the tests run in several processes
        if not directory.exists():
            with atomic_directory(directory) as work:
                _download_module(work)
                _pip("install", f"--target={work}", *NEEDS.split())
    return directory


def install(machine: Machine) -> None:
    """Put Ansible into the machine."""
    machine.copy_in(library(), HOME)
    machine.copy_in(Path(__file__).parent, HOME, ["tasks.py", "playbook.yml"])


def run_tasks(
    machine: Machine, supervisorctl: str, tasks: list[list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """Run the module as Ansible does on a machine that it manages; return what tasks.py answers."""
    command = ["python3", f"{HOME}/tasks.py", f"{HOME}/{MODULE}", supervisorctl]
    done = machine.run(command, input=json.dumps(tasks), timeout=300)
    assert done.err == ""
    answers: list[dict[str, Any]] = json.loads(done.out)
    return answers


def play(machine: Machine, **variables: str) -> Result:
    """Run playbook.yml on the machine itself."""
    command = ["python3", "-m", "ansible", "playbook", "--inventory=localhost,"]
    variables = {"ansible_python_interpreter": "/usr/bin/python3", **variables}
    command += ["--connection=local", f"--extra-vars={json.dumps(variables)}"]
    command += [f"{HOME}/playbook.yml"]
    return machine.run(command, env={"PYTHONPATH": HOME}, check=False, timeout=300)


def _download_module(work: Path) -> None:
    _pip("download", f"--dest={work}", f"ansible=={VERSION}")
    (wheel,) = work.glob("*.whl")
    with ZipFile(wheel) as packed:
        packed.extract(MODULE, work)
    wheel.unlink()


def _pip(verb: str, *arguments: str) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", verb]
    # An older Python than Ansible's controller needs can run the module, and download it.
    subprocess.run([*pip, "--no-deps", "--ignore-requires-python", *arguments], check=True)
