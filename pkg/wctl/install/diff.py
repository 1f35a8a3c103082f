"""How the files of a plan change, for people to read."""

from __future__ import annotations

import difflib
from pathlib import Path

from wctl.install.changes import Plan, is_secret
from wctl.units.marker import own_text


def diff(plan: Plan) -> str:
    """Return all changes to files as one unified diff; secret files are only named."""
    parts: list[str] = []
    for file in plan.writes:
        if file.secret:
            parts.append(f"# {file.path}: {'new' if file.before is None else 'changed'}\n")
        else:
            parts += _unified(file.path, file.before or "", file.text)
    for path in plan.deletes:
        if is_secret(path):
            parts.append(f"# {path}: deleted\n")
        else:
            parts += _unified(path, own_text(path) or "", "")
    return "".join(parts)


def _unified(path: Path, before: str, after: str) -> list[str]:
    old, new = (str(path) if text else "/dev/null" for text in (before, after))
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), old, new
    )
    return list(lines)
