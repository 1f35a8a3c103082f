"""unsupported: warnings for options of supervisord and its clients name what to use instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from wctl.config.load import load
from wctl.config.unsupported import CARRIED_OUT, KINDS, SINGLE, TABLE, Elsewhere


def findings(tmp_path: Path, text: str) -> list[str]:
    """Returns the diagnostics of a file as text."""
    file = tmp_path / "x"
    file.write_text(text)
    return [
        str(diagnostic)[len(str(tmp_path)) + 1 :] for diagnostic in load([file], {}).diagnostics
    ]


def section(row: Elsewhere) -> str:
    """Returns the name of a section that has the option."""
    return f"{row.section}:y" if row.section in KINDS else row.section


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.section}-{row.option}")
def test_every_option_has_one_warning(tmp_path: Path, row: Elsewhere) -> None:
    """The warning says what the option does in Supervisor, and what to use instead.

    A section without effect has one warning as a whole.
    """
    name = section(row)
    subject = "this section" if row.option == "*" else "this option"
    problem = f"warning: without effect in wctl: {subject} {row.does}; {row.instead} [no-effect]"
    if row.option == "*":
        text, expected = "command=c\nevents=TICK_5\n", f"x:2: [{name}]: {problem}"
    else:
        text, expected = f"{row.option}=1\n", f"x:3: [{name}] {row.option}: {problem}"
    assert findings(tmp_path, f"\n[{name}]\n{text}") == [expected]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.section}-{row.option}")
def test_every_row_reads_as_a_sentence(row: Elsewhere) -> None:
    """Both halves fit into a sentence: the first begins in lower case, none ends with a stop."""
    assert row.does and row.instead
    assert row.does[0].islower() and not row.does.endswith(".")
    assert not row.instead.endswith(".")


def test_the_table_is_whole() -> None:
    """The table has no option twice, no option that wctl carries out, and no unknown section."""
    rows = [(row.section, row.option) for row in TABLE]
    assert len(rows) == len(set(rows))
    carried_out = {
        (section, option) for section, options in CARRIED_OUT.items() for option in options
    }
    assert carried_out.isdisjoint(rows)
    assert {row.section for row in TABLE} | {*CARRIED_OUT} <= {*KINDS, *SINGLE}


# Every option of Supervisor 4.3.0 that belongs neither to a program nor to a group.
SUPERVISORS = {
    "supervisord": (
        "logfile", "logfile_maxbytes", "logfile_backups", "loglevel", "pidfile", "nodaemon",
        "silent", "minfds", "minprocs", "umask", "user", "identifier", "directory", "nocleanup",
        "childlogdir", "environment", "strip_ansi",
    ),
    "unix_http_server": ("file", "chmod", "chown", "username", "password"),
    "inet_http_server": ("port", "username", "password"),
    "supervisorctl": ("serverurl", "username", "password", "prompt", "history_file"),
    "rpcinterface:supervisor": ("supervisor.rpcinterface_factory",),
}  # fmt: skip


@pytest.mark.parametrize("name", SUPERVISORS)
def test_nothing_of_supervisors_is_unknown(tmp_path: Path, name: str) -> None:
    """wctl carries out each option of Supervisor, or warns that the option has no effect."""
    values = {"environment": "A=1", "umask": "022", "directory": "/srv", "user": "u"}
    lines = "".join(f"{option}={values.get(option, 1)}\n" for option in SUPERVISORS[name])
    found = findings(tmp_path, f"[{name}]\n{lines}")
    assert [finding for finding in found if "[no-effect]" not in finding] == []
    kind = name.partition(":")[0]
    without = [row for row in TABLE if row.section == kind]
    assert len(found) == len(without)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[supervisord]\nlogfil=1\n", "2: [supervisord] logfil: warning: unknown key, did you mean"
         " logfile? [unknown-key]"),
        ("[supervisord]\nuserr=1\n", "2: [supervisord] userr: warning: unknown key, did you mean"
         " user? [unknown-key]"),
        ("[supervisorctl]\nzzz=1\n", "2: [supervisorctl] zzz: warning: unknown key [unknown-key]"),
        ("[include]\nfiles=%(here)s/x\nfile=x\n", "3: [include] file: warning: unknown key, did you"
         " mean files? [unknown-key]"),
        ("[supervisor]\n", "1: [supervisor]: warning: unknown section, did you mean supervisord?"
         " [unknown-section]"),
        ("[programm:x]\na=1\n", "1: [programm:x]: warning: unknown section, did you mean program?"
         " [unknown-section]"),
        ("[Program:x]\n", "1: [Program:x]: warning: unknown section, did you mean program?"
         " [unknown-section]"),
        ("[eventlistner:x]\n", "1: [eventlistner:x]: warning: unknown section, did you mean"
         " eventlistener? [unknown-section]"),
        ("[group]\nprograms=x\n", "1: [group]: warning: unknown section [unknown-section]"),
        ("[supervisord:x]\n", "1: [supervisord:x]: warning: unknown section [unknown-section]"),
        ("[zzz]\na=1\n", "1: [zzz]: warning: unknown section [unknown-section]"),
        (f"[{'program' * 10}]\n", f"1: [{'program' * 10}]: warning: unknown section"
         " [unknown-section]"),
    ],
)  # fmt: skip
def test_what_is_unknown(tmp_path: Path, text: str, expected: str) -> None:
    """An unknown section or key is one warning, with the nearest name of its kind."""
    assert findings(tmp_path, text) == [f"x:{expected}"]
