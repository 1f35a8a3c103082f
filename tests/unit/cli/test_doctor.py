"""doctor: how findings are counted, and which of them make the exit code 1."""

from __future__ import annotations

import pytest

from wctl.cli import doctor
from wctl.doctor.finding import Finding

ERROR, WARNING, NOTICE = (
    Finding(code, "w", "what", (), "true") for code in ("fatal", "no-linger", "stopped")
)


@pytest.mark.parametrize(
    ("limit", "failing"),
    [
        ("never", []),
        ("error", [ERROR]),
        ("warning", [ERROR, WARNING]),
        ("notice", [ERROR, WARNING, NOTICE]),
    ],
)
def test_which_findings_fail(limit: str, failing: list[Finding]) -> None:
    """A finding of a severity, or of a worse one."""
    findings = (ERROR, WARNING, NOTICE)
    assert [finding for finding in findings if doctor._fails(finding, limit)] == failing


def test_the_last_line() -> None:
    """It counts by severity, the worst first."""
    assert doctor._summary([NOTICE, ERROR, NOTICE]) == "1 error, 2 notices"
    assert doctor._summary([WARNING]) == "1 warning"
    assert doctor._summary([]) == "no findings"
