"""unit_properties: what systemd would make of the units that wctl writes."""

from __future__ import annotations

import pytest

from golden import render
from wctl.operate import explain, unit_properties
from wctl.systemd.quantities import INFINITY
from wctl.systemd.unit_file import Raw, Section, words
from wctl.units.render import File

TEMPLATES = [
    pytest.param(file, id=f"{source.stem}-{file.name}")
    for source in render.sources()
    for _, host in render.hosts(source)[:1]
    for file in render.rendered(source, host)
    if file.name.endswith("@.service")
]


@pytest.mark.parametrize("file", TEMPLATES)
def test_every_unit_of_ours_can_be_explained(file: File) -> None:
    """Nothing that wctl writes is unknown, and the command is the whole one."""
    unit = file.name.replace("@", "@00")
    found = unit_properties.properties(file.text, unit)
    assert found["ExecStart"][0][1][-1] != ""
    sentences = {one.when: one.then for one in explain.explain_text(file.text, unit)}
    assert "drop-in" not in sentences["It runs"]


@pytest.mark.parametrize(
    "argument", ["a b", 'say "x"', "back\\slash", "tab\tline\n", "\x01", "100%", "it's", "", "$x"]
)
def test_words_are_read_back(argument: str) -> None:
    """Quotes and escapes are undone; %% and $$ stay, which systemd replaces later."""
    section = Section("Service")
    section.command("ExecStart", [["/bin/echo"], [argument], [Raw("%n")]])
    (line,) = section.lines
    shown = argument.replace("%", "%%").replace("$", "$$")
    assert words(line.partition("=")[2]) == ["/bin/echo", shown, "%n"]


def test_values() -> None:
    """Numbers are those that systemd counts in."""
    text = (
        "[Service]\nRuntimeMaxSec=1h 30min\nMemoryMax=2G\nCPUQuota=150%%\nTasksMax=infinity\n"
        "SuccessExitStatus=0 3 SIGTERM\nProtectHome=true\nProtectSystem=full\nPrivateTmp=no\n"
        "[Unit]\nMemoryMax=1\n"
    )
    found = unit_properties.properties(text, "w@07.service")
    assert found["RuntimeMaxUSec"] == 5400 * 10**6
    assert (found["MemoryMax"], found["TasksMax"]) == (2 << 30, INFINITY)
    assert found["CPUQuotaPerSecUSec"] == 1_500_000
    assert found["SuccessExitStatus"] == ([0, 3], [15])
    assert [found[key] for key in ("ProtectHome", "ProtectSystem", "PrivateTmp")] == [
        "yes", "full", False,
    ]  # fmt: skip
    assert found["TimeoutStopUSec"] == 90_000_000


def test_values_that_only_systemd_reads() -> None:
    """What an administrator passes through may be anything: it is no traceback."""
    text = (
        "[Service]\nMemoryMax=1.5G\nMemoryMax=\nNice=abc\nKillSignal=SIGRTMIN+3\nCPUQuota=many\n"
        "SuccessExitStatus=TEMPFAIL 3\nRuntimeMaxSec=soon\nTasksMax=10%%\n"
    )
    found = unit_properties.properties(text, "w@00.service")
    assert (found["MemoryMax"], found["Nice"]) == (3 << 29, 0)
    assert found["SuccessExitStatus"] == ([3], [])
    explain.explain_text(text, "w@00.service")
