"""examine: one program after the other, whatever one of them brings about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from wctl.config import load
from wctl.doctor import examine, history, lost_output, overrides, units
from wctl.doctor.examine import Examination, Timeouts
from wctl.doctor.finding import Commands, Finding
from wctl.doctor.runner import Identity
from wctl.doctor.workers import ExaminedProgram
from wctl.errors import UnknownNamesError, WctlError
from wctl.install.installed import Layout
from wctl.operate.inventory import Inventory
from wctl.systemd.manager import Unit
from wctl.units.host import Host
from wctl.units.marker import MARK

FINDING = Finding("frozen", "b", "what", (), "true")


def nothing(*_arguments: object, **_options: object) -> Iterator[Finding]:
    """Finds nothing, in place of what needs a systemd."""
    return iter(())


@pytest.fixture
def examination(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Examination:
    """An examination of two programs, of which only commands and drop-ins are examined."""
    variables = tmp_path / "variables"
    variables.write_text("A=1\0\n")
    file = tmp_path / "x.conf"
    file.write_text(
        f"[program:a]\ncommand=a\nhealth_command=true\nenvironment_file={variables}\n"
        "[program:b]\ncommand=b\n"
    )
    config = load.load([file], {})
    programs = [
        SimpleNamespace(
            name=name, group=name, instance="{}".format, numprocs_start=0, shipped=False
        )
        for name in "ab"
    ]
    layout = SimpleNamespace(user=False, environment=tmp_path)
    nobody: Any = SimpleNamespace(
        programs=programs, dormant=(), installed=programs, layout=layout, manager=None
    )
    for name in ("_of_units", "_of_boot", "_beside", "_processes"):
        monkeypatch.setattr(Examination, name, nothing)
    for name in ("of_journald", "of_journal", "by_notes"):
        monkeypatch.setattr(lost_output, name, nothing)
    monkeypatch.setattr(overrides, "findings", nothing)
    monkeypatch.setattr(history, "read", nothing)
    monkeypatch.setattr(examine, "Workers", lambda *_: SimpleNamespace(findings=nothing))
    monkeypatch.setattr(examine, "identity", lambda *_: Identity())
    return Examination(config, nobody, Host(), Timeouts(), Commands())


def failing(error: BaseException) -> object:
    """Returns an examination that fails for the program a, and finds something about b."""

    def findings(_manager: object, examined: ExaminedProgram) -> Iterator[Finding]:
        if examined.program.name == "a":
            raise error
        yield FINDING

    return findings


def test_one_program_does_not_end_the_examination_of_others(
    examination: Examination, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes wrong with one program is told, in one printable line; the next one follows."""
    monkeypatch.setattr(overrides, "findings", failing(KeyError("pcntl\x1b[2J\n")))
    assert list(examination.findings([])) == [FINDING]
    (line,) = examination.unexamined
    assert line == (
        "a: not fully examined: KeyError: 'pcntl\\x1b[2J\\n'; please report this as a bug of wctl"
    )


@pytest.mark.parametrize("error", [WctlError("the bus is gone"), KeyboardInterrupt()])
def test_what_concerns_all_ends_the_examination(
    examination: Examination, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """Without systemd, and after Ctrl-C, no program is examined further."""
    monkeypatch.setattr(overrides, "findings", failing(error))
    with pytest.raises(type(error)):
        list(examination.findings([]))


def of(code: str, program: str) -> Finding:
    return Finding(code, program, "what", (), "true")


def test_findings_stand_together(examination: Examination, monkeypatch: pytest.MonkeyPatch) -> None:
    """What concerns the machine comes first, then all that is about each program."""
    early = [of("units-outdated", "b"), of("no-linger", ""), of("left-over", "aa")]
    monkeypatch.setattr(Examination, "_of_units", lambda _self: iter(early))
    monkeypatch.setattr(
        overrides, "findings", lambda _manager, each: iter([of("fatal", each.program.name)])
    )
    found = [(finding.program, finding.code) for finding in examination.findings([])]
    assert found == [
        ("", "no-linger"), ("a", "fatal"), ("aa", "left-over"), ("b", "units-outdated"),
        ("b", "fatal"),
    ]  # fmt: skip


def test_findings_are_silenced_by_their_codes(
    examination: Examination, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program's wctl_ignore silences its own; that of the whole file, what has no program."""
    early = [of("no-linger", ""), of("fatal", "a"), of("fatal", "b"), of("backoff", "b")]
    early += [of("missing", "b"), of("bad-value", "")]  # errors of check: nothing silences them
    monkeypatch.setattr(Examination, "_of_units", lambda _self: iter(early))
    program = examination._programs["b"]
    examination._programs["b"] = replace(program, wctl_ignore=("fatal", "missing"))
    examination._config = replace(examination._config, wctl_ignore=("no-linger", "bad-value"))
    found = [(finding.program, finding.code) for finding in examination.findings([])]
    assert found == [("", "bad-value"), ("a", "fatal"), ("b", "backoff"), ("b", "missing")]


def test_variables_that_systemd_does_not_read(examination: Examination, tmp_path: Path) -> None:
    """A file of variables with a NUL character is told; it is not a bug of wctl."""
    assert list(examination.findings([])) == []
    assert examination.unexamined == [
        f"a: doctor runs none of its commands: {tmp_path}/variables:1: has a NUL character;"
        " systemd does not read such a file"
    ]


CONFIGURED = """
[program:app+x]
command=/nosuch/app
[program:one]
command=/nosuch/one
[program:two]
command=/nosuch/two
[program:web]
command=true
[group:g]
programs=one,two
[group:web]
programs=web,nosuch
"""


class Bus:
    """Stands in for the manager of a machine on which nothing is loaded."""

    def units(self, patterns: list[str]) -> list[Unit]:
        return []


@pytest.fixture
def configured(tmp_path: Path) -> Examination:
    """An examination of programs that are configured, but not installed, as only old is."""
    file = tmp_path / "x.conf"
    file.write_text(CONFIGURED)
    (tmp_path / "old@.service").write_text(f"# {MARK} from y.\n[Unit]\nX-Wctl-Group=older\n")
    wants = tmp_path / "old.target.wants"
    wants.mkdir()
    (wants / "old@00.service").symlink_to("../old@.service")
    bus: Any = Bus()
    inventory = Inventory(Layout(False, tmp_path, (), tmp_path, tmp_path), bus)
    return Examination(load.load([file], {}), inventory, Host(), Timeouts(), Commands())


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        (["app+x"], {r"app\x2bx"}),
        ([r"app\x2bx"], {r"app\x2bx"}),
        (["g"], {"one", "two"}),
        (["g:*", "web"], {"one", "two", "web"}),
        (["web:"], {"web"}),
        (["o*"], {"one", "old"}),
        (["old"], {"old"}),
        (["older:*"], {"old"}),
        (["old@00", "one"], {"old", "one"}),
    ],
)
def test_names_of_programs(configured: Examination, chosen: list[str], names: set[str]) -> None:
    """doctor takes the names that other verbs take, also of what is not installed yet."""
    assert configured._names(chosen) == names


def test_names_that_nothing_has(configured: Examination) -> None:
    """All of them are in one error; the command line adds what is configured and not installed."""
    with pytest.raises(UnknownNamesError) as raised:
        configured._names(["one", "onee", "odl", "old@07"])
    assert [str(unknown) for unknown in raised.value.unknown] == [
        "onee: no such process",
        "odl: no such process, did you mean old?",
        "old@07: no such process, old is scaled to 1",
    ]
    assert raised.value.exit_code == 4


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (["app+x"], {(r"app\x2bx", "command-not-found")}),
        (["one"], {("one", "command-not-found")}),
        (["g:*"], {("one", "command-not-found"), ("two", "command-not-found")}),
        (["web"], {("web", "unknown-program")}),
    ],
)
def test_findings_of_check_about_the_chosen_ones(
    configured: Examination,
    monkeypatch: pytest.MonkeyPatch,
    chosen: list[str],
    found: set[tuple[str, str]],
) -> None:
    """What check says about a program, or about its group, is told under the unit's name."""
    for name in ("_of_boot", "_beside"):
        monkeypatch.setattr(Examination, name, nothing)
    for name in ("units", "loaded"):
        monkeypatch.setattr(units, name, nothing)
    for name in ("of_journald", "of_journal"):
        monkeypatch.setattr(lost_output, name, nothing)
    monkeypatch.setattr(history, "read", nothing)
    monkeypatch.setattr(examine, "hold", lambda config, *_: (config, ()))
    monkeypatch.setattr(configured, "_layout", Layout.of_system())
    findings = configured.findings(chosen)
    assert {(finding.program, finding.code) for finding in findings} == found
