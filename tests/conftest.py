"""What all tests share: the import path of the machines, and no silent skips in CI."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent
sys.path.insert(0, str(TESTS))  # for `from machine.driver import Machine`

IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")


FULL = "WCTL_TEST_FULL" in os.environ  # tests/run --full
WITHOUT_CGROUP_V1 = ("forky", "sid")  # as in machine/image.py
OTHER_SUITES = os.environ.get("WCTL_TEST_SUITES", "").split()[1:]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "full: takes long, so it runs in tests/run --full alone")
    config.addinivalue_line("markers", "core: runs on every release; others on the first alone")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is marked as full: deselected, not skipped, since nothing is amiss."""
    left_out = {item for item in items if _is_full(item) or _is_elsewhere(item)}
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]


def _is_full(item: pytest.Item) -> bool:
    return not FULL and item.get_closest_marker("full") is not None


def _is_elsewhere(item: pytest.Item) -> bool:
    """Tells a test of a release after the first that is not at the core.

    With --full there is such only where no limits are enforced.
    """
    case = getattr(item, "callspec", None)  # of parametrized tests alone
    suite = case.params.get("suite") if case is not None else None
    rest = WITHOUT_CGROUP_V1 if FULL else OTHER_SUITES
    return suite in rest and item.get_closest_marker("core") is None


def _is_end_to_end(path: Path) -> bool:
    return any(TESTS / name in path.parents for name in ("e2e", "machine", "vm"))


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turns a skip into a failure: what was skipped would look as if it had been tested."""
    if report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"end-to-end tests must not be skipped in CI: {reason}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    outcome = yield
    if IN_CI and _is_end_to_end(item.path):
        _forbid_skip(outcome.get_result())


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, None]:
    outcome = yield
    if IN_CI and _is_end_to_end(collector.path):
        _forbid_skip(outcome.get_result())
