"""Nothing in wctl goes round the rooms that open files and print.

ruff bans functions, and import-linter modules (see pyproject.toml). The methods of
pathlib.Path have no name that either could ban.
"""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import wctl

PACKAGE = Path(wctl.__file__).parent
READS = {"open", "read_text", "read_bytes", "write_text", "write_bytes"}
ROOMS = {"trust", "wrapper"}  # the wrapper runs as the worker's user
# They follow the links of other users, and raise errors when those remove a file meanwhile.
LOOKS = {"stat", "exists", "is_file", "is_dir", "iterdir", "isfile", "isdir", "listdir", "scandir"}
# Modules with the number of their look-ups, and why these may go round trust.
LOOKING = {
    "check/commands.py": (1, "whether there is a command; errors are caught"),
    "check/foreign.py": (1, "whether there is what trust examines next"),
    "check/machine.py": (3, "tells who may enter, and a file's type; errors are caught"),
    "cli/migrate/back.py": (2, "a file of our own configuration"),
    "cli/foreground/terminal.py": (1, "our own descriptors in /proc"),
    "cli/foreground/run_as.py": (2, "/run/systemd, and the file of a unit that systemd has loaded"),
    "cli/edit.py": (2, "a file of our own configuration"),
    "config/load.py": (1, "the directory of the configuration"),
    "cli/help.py": (1, "files of wctl's own installation"),
    "doctor/supervisor.py": (1, "a configuration that no other user can change"),
    "operate/executable.py": (1, "follows links, as the execution would; opens nothing"),
    "doctor/units.py": (6, "modes, times, drop-ins; errors are caught, or the place is root's"),
    "doctor/usage.py": (2, "/sys and /proc"),
    "doctor/workers.py": (1, "units"),
    "install/changes.py": (2, "directories of units"),
    "install/files.py": (2, "directories that wctl writes to, which are the administrator's"),
    "install/installed.py": (5, "directories of units, and of RuntimeDirectory="),
    "operate/apply.py": (1, "a unit that systemd has loaded"),
    "operate/ends.py": (1, "whether there is an EnvironmentFile=; errors are caught"),
    "presets/application.py": (1, "whether there is a file; errors are caught"),
    "operate/limits.py": (1, "drop-ins in systemd's own directory"),
    "operate/log_files.py": (1, "the user's own directory, with --user"),
    "supervisor/back.py": (1, "a file of our own configuration"),
    "supervisor/daemons.py": (3, "/proc; and a program that is examined by trust next"),
    "supervisor/migration.py": (4, "the configuration"),
    "systemd/bus.py": (2, "/run/systemd, and the user's own socket"),
}


def test_files_are_opened_in_one_room() -> None:
    """No module calls Path.open() and its like; they would follow links, and wait for FIFOs."""
    found = []
    for path in PACKAGE.rglob("*.py"):
        module = path.relative_to(PACKAGE)
        if module.parts[0] in ROOMS:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in READS:
                owner = node.value.id if isinstance(node.value, ast.Name) else ""
                if owner != "os":  # ruff bans os.open where it is not needed
                    found.append(f"{module}:{node.lineno}: {ast.unparse(node)}")
    assert found == []


def test_look_ups_go_round_trust_for_a_reason() -> None:
    """A new Path.stat() and its like is seen, and so is one that is gone.

    What other users may have put there, lstat() examines, or trust.files opens.
    """
    found: Counter[str] = Counter()
    for path in PACKAGE.rglob("*.py"):
        module = path.relative_to(PACKAGE)
        if module.parts[0] not in ROOMS:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and node.attr in LOOKS:
                    found[str(module)] += 1
    assert found == {module: number for module, (number, _) in LOOKING.items()}
