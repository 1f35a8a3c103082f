"""The imports of the wrapper before the worker: they cost time at every start of every worker."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import wctl

WORKER = Path(wctl.__file__).with_name("worker.py")

OURS = {"wrapper", "wrapper.launch", "wrapper.command_line", "wrapper.starts"}
# Some of Python's modules that take milliseconds to import.
SLOW = {"argparse", "dataclasses", "enum", "os", "pathlib", "re", "signal", "socket", "subprocess"}


@pytest.fixture(scope="module")
def imported() -> set[str]:
    """The modules that the wrapper imports until it executes the worker."""
    shown = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "importtime", WORKER, "--log=none",
         "w@00.service", "--", "/bin/true"],
        env={key: value for key, value in os.environ.items() if key != "NOTIFY_SOCKET"},
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    lines = [line for line in shown.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


def test_only_what_the_hand_off_needs_is_ours(imported: set[str]) -> None:
    """A hand-off imports no modules for readiness, retries, residence or logs.

    The notifier, which the wrapper forks, writes its imports to the same list.
    """
    beside = {"wrapper.notifier", "wrapper.sd_notify", "wrapper.readiness"}
    ours = {name for name in imported if name.partition(".")[0] == "wrapper"}
    assert ours - beside == OURS


def test_nothing_slow_is_imported(imported: set[str]) -> None:
    """A hand-off imports no module that takes milliseconds to import."""
    assert imported & SLOW == set()


@pytest.mark.parametrize("options", ["--log=none --retry", "--log=both", "--log=file"])
def test_a_resident_wrapper_imports_nothing_once_the_worker_runs(
    tmp_path: Path, options: str
) -> None:
    """When a worker is killed and its log file cannot be written, Python may have been upgraded."""
    files = f"--stdout-file={tmp_path}/missing/out.log --stderr-file={tmp_path}/missing/err.log"
    script = "echo mark >/proc/$PPID/fd/2; echo out; kill -KILL $$"
    tmp_path.chmod(0o777)  # so that the wrapper does not make the directory
    shown = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "importtime", WORKER, *options.split(),
         *files.split(), "w@00.service", "--", "sh", "-c", script],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert shown.returncode == -9
    before, after = shown.stderr.split("mark\n")
    assert "import time:" in before
    assert "import time:" not in after


def _imports(module: str, path: Path, modules: set[str]) -> set[str]:
    """Returns wctl's modules that a module imports: at its top, in functions, or for types."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom):
            continue
        source = node.module or ""
        if node.level:  # within the wrapper, which imports itself relatively
            source = f"{module.rpartition('.')[0]}.{source}".rstrip(".")
        if source.startswith("wctl"):
            names = {f"{source}.{alias.name}" for alias in node.names}
            found |= names & modules or {source}
    return found - {module}


def test_imports_go_one_way() -> None:
    """A module imports only from lower floors, also in the wrapper's late imports."""
    root = WORKER.parents[1]
    modules = {
        ".".join(path.relative_to(root).with_suffix("").parts): path
        for path in WORKER.parent.rglob("*.py")
        if path.name != "__init__.py"
    }
    imports = {name: _imports(name, path, set(modules)) for name, path in modules.items()}
    TopologicalSorter(imports).prepare()  # a circle is an error that names its modules
