"""codes: the manual has every code of a finding, and no others."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from wctl import doctor
from wctl.check import doctor_codes as codes
from wctl.doctor.finding import Finding

DOCTOR = Path(doctor.__file__).parent
FINDERS = ("Finding", "_finding", "self._finding", "self._past")  # their first argument is a code


def test_every_code_is_in_the_table() -> None:
    """doctor uses exactly the codes that wctl(1) explains, and refuses any other code."""
    used = set()
    for file in DOCTOR.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in FINDERS and node.args:
                used |= {part.value for part in ast.walk(node.args[0])
                         if isinstance(part, ast.Constant)}  # fmt: skip
    # doctor makes the codes of limits in a loop.
    assert {*used, "tasks-limit", "files-limit"} == set(codes.OWN)
    with pytest.raises(AssertionError):
        Finding("no-such-code", "x", "what", (), "true")
