"""What all tests share: the import path of the machines, lanes, limits, no silent skips in CI."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

TESTS = Path(__file__).parent
sys.path.insert(0, str(TESTS))  # for `from machine.driver import Machine`

IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")


FULL = "WCTL_TEST_FULL" in os.environ  # tests/run --full
WITHOUT_CGROUP_V1 = ("forky", "sid")  # as in machine/image.py
MESSAGE = 12  # lines of a failure's message that are shown at once
OTHER_SUITES = os.environ.get("WCTL_TEST_SUITES", "").split()[1:]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "full: takes long, so it runs in tests/run --full alone")
    config.addinivalue_line(
        "markers", "kept: the fixture of the module resets the machine once, for all of its tests"
    )
    config.addinivalue_line("markers", "core: runs on every release; others on the first alone")
    # Markers of plugins that are missing where Debian builds the package.
    config.addinivalue_line("markers", "xdist_group(name): tests that one lane runs in order")
    config.addinivalue_line("markers", "timeout(seconds): a test's limit")
    config.pluginmanager.register(Prompt(config.pluginmanager))


class Prompt:
    """Tells of a failed or flaky test at once: a long run may never come to its end."""

    def __init__(self, plugins: pytest.PytestPluginManager) -> None:
        self._plugins = plugins

    @pytest.hookimpl(trylast=True)  # after the letter that shows the progress
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Adds a line to the progress."""
        outcome = str(report.outcome)
        reporter = self._plugins.get_plugin("terminalreporter")  # a lane of xdist has none
        if reporter is not None and outcome in ("failed", "flaky"):
            reporter.write_line(f"\n{outcome.upper()} {report.nodeid} ({report.when})")
            crash = getattr(report.longrepr, "reprcrash", None)
            for line in crash.message.splitlines()[:MESSAGE] if crash else ():
                reporter.write_line(f"E   {line}")


@pytest.hookimpl(hookwrapper=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, Any, None]:
    """Deselects the tests that this run leaves out; a skip would look like a problem."""
    left_out = {item for item in items if _is_full(item) or _is_elsewhere(item)}
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]
    # During a unit test, Python may close what an end-to-end test left open in the same process.
    # So ResourceWarning is an error only if no end-to-end test runs.
    alone = not any(TESTS / name in item.path.parents for item in items for name in ("e2e", "vm"))
    for item in items:
        _limit(item)
        if any(place in (item.path, *item.path.parents) for place in ATTACKS):
            item.user_properties.append(("attack", _subject(item)))
        if alone and TESTS / "unit" in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("error::ResourceWarning"))
        _group(item)
    yield  # xdist reads the groups, and pytest puts all tests of a release together
    items.sort(key=_order)


# ---- lanes (pytest-xdist) ----------------------------------------------------------------------

# The files that take longest, in seconds. They start first, so that all lanes end together.
LONG = {
    "test_vm": 200, "test_doctor_findings": 170, "test_operate": 130, "test_import": 120,
    "test_logs": 90, "test_kills": 90, "test_update": 80, "test_wrapper_starts": 75,
    "test_wrapper_table": 75, "test_package": 75, "test_doctor_supervisor": 70, "test_states": 70,
    "test_autopkgtest": 65, "test_verbs": 60, "test_main_job": 55, "test_doctor_machine": 55,
    "test_fcgi": 40, "test_wrapper_stops": 40, "test_supervisord": 40, "test_wrapper_bytes": 30,
    "test_fuzz": 30, "test_bombs": 30, "test_wrapper_never": 25, "test_oracle": 20,
    "test_supervisorctl": 45, "test_supervisorctl_scripts": 30, "test_supervisorctl_ansible": 30,
}  # fmt: skip


def _group(item: pytest.Item) -> None:
    """Gives all tests of a file on one release to one lane: they share machines and fixtures.

    A file whose releases share a fixture, too, is marked as one group.
    """
    if _is_end_to_end(item.path) and item.get_closest_marker("xdist_group") is None:
        item.add_marker(pytest.mark.xdist_group(f"{item.path.stem}-{_suite(item) or ''}"))


def _order(item: pytest.Item) -> float:
    """Puts the files that take longest first, and the unit tests last."""
    if TESTS / "unit" in item.path.parents:
        return 0
    return -LONG.get(item.path.stem, 20 if _is_end_to_end(item.path) else 0)


def _limit(item: pytest.Item) -> None:
    """Gives long and end-to-end tests a longer limit than --timeout gives (pytest-timeout)."""
    if item.get_closest_marker("timeout") is not None:
        return
    if item.get_closest_marker("full") is not None:
        item.add_marker(pytest.mark.timeout(1800))
    elif _is_end_to_end(item.path):
        item.add_marker(pytest.mark.timeout(600))


# ---- a second try ------------------------------------------------------------------------------

MOST_FLAKY = 1  # a second flaky test fails the run


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """In CI, runs a failed end-to-end test again in new machines; if it then passes, it is FLAKY.

    The run prints the first failure at its end. The failure is a defect: find its cause.
    """
    if not IN_CI or not _is_end_to_end(item.path):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    first = [report for report in reports if report.failed]
    if first:
        item.session._setupstate.teardown_exact(None)  # all fixtures, the session's included
        item._initrequest()  # type: ignore[attr-defined] # pytest.Function has it
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        if not any(report.failed for report in reports):
            for report in first:
                report.outcome = "flaky"  # type: ignore[assignment] # an outcome of our own
            reports += first
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    return ("flaky", "K", "FLAKY") if str(report.outcome) == "flaky" else None


# ---- the table of attacks and faults -----------------------------------------------------------

ATTACKS = (TESTS / "e2e/attacks", TESTS / "e2e/test_kills.py", TESTS / "fuzz/test_injections.py")


def _subject(item: pytest.Item) -> str:
    """Returns what a file of tests attacks: the first sentence of its docstring."""
    assert isinstance(item, pytest.Function)
    return (item.module.__doc__ or "").partition("\n")[0].rstrip(".")


def _attacks(reports: Iterable[Any]) -> list[str]:
    """Returns a table: what was attacked, how many tests tried, and how many of them wctl held."""
    tried: dict[str, list[bool]] = {}
    for report in reports:
        subject = dict(report.user_properties).get("attack")
        if subject is not None and report.when == "call":
            tried.setdefault(subject, []).append(report.passed)
    return [f"{subject:90} {len(held):5} {sum(held):5}" for subject, held in sorted(tried.items())]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    flaky = reporter.stats.get("flaky", []) if reporter else []
    if exitstatus == 0 and len(flaky) > MOST_FLAKY:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    ended = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    attacks = _attacks(ended)
    if attacks:
        terminalreporter.section("attacks and faults")
        terminalreporter.write_line(f"{'':90} tried  held")
        for line in attacks:
            terminalreporter.write_line(line)
    flaky = terminalreporter.stats.get("flaky", [])
    for report in flaky:
        terminalreporter.section(f"FLAKY: {report.nodeid} ({report.when})")
        terminalreporter._outrep_summary(report)  # with its sections: what the machines did
    if flaky:
        terminalreporter.line(
            f"FLAKY: {len(flaky)} passed only at the second try; {MOST_FLAKY + 1} fail the run",
            red=True,
        )


# ---- what runs ---------------------------------------------------------------------------------


def _is_full(item: pytest.Item) -> bool:
    return not FULL and item.get_closest_marker("full") is not None


def _is_elsewhere(item: pytest.Item) -> bool:
    """Tells whether a test is left out on its release, because it is not marked core.

    All releases after the first run core tests only. With --full, only the releases whose machines
    cannot enforce limits do so.
    """
    rest = WITHOUT_CGROUP_V1 if FULL else OTHER_SUITES
    return _suite(item) in rest and item.get_closest_marker("core") is None


def _suite(item: pytest.Item) -> str | None:
    """Returns the Debian release that a parametrized test runs on."""
    case = getattr(item, "callspec", None)
    return case.params.get("suite") if case is not None else None


def _is_end_to_end(path: Path) -> bool:
    return any(TESTS / name in path.parents for name in ("e2e", "machine", "vm"))


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turns a skip into a failure: otherwise a skipped test would look as if it had passed."""
    if report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"end-to-end tests must not be skipped in CI: {reason}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    outcome = yield
    report = outcome.get_result()
    if not _is_end_to_end(item.path):
        return
    if IN_CI:
        _forbid_skip(report)
    if report.failed:
        report.sections += _machines(item)


def _machines(item: pytest.Item) -> list[tuple[str, str]]:
    """Returns what the machines of a failed test were doing: their processes and last messages."""
    from machine.driver import Machine

    machines: dict[str, Machine] = {}
    for value in getattr(item, "funcargs", {}).values():
        machine = getattr(value, "machine", value)  # a Fleet has one
        if isinstance(machine, Machine):
            machines[machine.name] = machine
    return [(f"machine {name}", machine.condition()) for name, machine in machines.items()]


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, None]:
    outcome = yield
    if IN_CI and _is_end_to_end(collector.path):
        _forbid_skip(outcome.get_result())
