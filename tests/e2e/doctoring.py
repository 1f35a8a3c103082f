"""What tests of wctl doctor do: examine a machine, and follow a remedy."""

from __future__ import annotations

import json
from typing import Any

from machine.driver import Machine


def examine(machine: Machine, *arguments: str, wait: int = 2) -> list[dict[str, Any]]:
    """Returns doctor's findings; asserts that its exit code agrees."""
    command = ["wctl", "doctor", "--json", f"--wait={wait}", *arguments]
    result = machine.run(command, check=False)
    assert result.err == ""
    findings: list[dict[str, Any]] = json.loads(result.out)
    severe = [finding for finding in findings if finding["severity"] != "notice"]
    assert result.code == (1 if severe else 0)
    return findings


def codes(machine: Machine, *arguments: str, wait: int = 2) -> dict[str, set[str]]:
    """Returns the codes of what doctor finds, by program."""
    found: dict[str, set[str]] = {}
    for finding in examine(machine, *arguments, wait=wait):
        found.setdefault(finding["program"], set()).add(finding["code"])
    return found


def only(findings: list[dict[str, Any]], code: str) -> dict[str, Any]:
    """Returns the one finding, which must have this code."""
    assert [finding["code"] for finding in findings] == [code]
    return findings[0]


def paste(machine: Machine, finding: dict[str, Any], **environment: str) -> None:
    """Runs the remedy of a finding."""
    machine.run(["bash", "-c", finding["remedy"]], env=environment)
