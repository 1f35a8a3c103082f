"""Nothing in wctl goes round the rooms that open files and print.

ruff bans functions, and import-linter modules (see pyproject.toml). The methods of
pathlib.Path have no name that either could ban.
"""

from __future__ import annotations

import ast
from pathlib import Path

import wctl

PACKAGE = Path(wctl.__file__).parent
READS = {"open", "read_text", "read_bytes", "write_text", "write_bytes"}
ROOMS = {"trust", "wrapper"}  # the wrapper runs as the worker's user


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
