"""summary: a section's options without effect become one line, other findings stay as they are."""

from __future__ import annotations

from pathlib import Path

from wctl.check import summary
from wctl.config.load import load

TEXT = """[supervisord]
logfile=/l
pidfile=/p
userr=x
nodaemon=true
loglevel=info
nocleanup=true
[unix_http_server]
file=/s
[inet_http_server]
port=9001
username=me
password=secret
[program:x]
command=/bin/cat
stdout_syslog=true
stdout_events_enabled=true
stderr_events_enabled=true
[eventlistener:y]
command=/bin/cat
events=TICK_60
"""


def test_condensed(tmp_path: Path) -> None:
    """One option alone, passwords, syslog and whole sections keep their own lines."""
    file = tmp_path / "s.conf"
    file.write_text(TEXT)
    found = load([file], {}).diagnostics
    shorter = summary.condensed(found, "wctl check -v -c s.conf")
    assert [
        (finding.place.line, finding.section, finding.key, finding.code) for finding in shorter
    ] == [
        (2, "supervisord", "", "no-effect"),
        (4, "supervisord", "userr", "unknown-key"),
        (9, "unix_http_server", "file", "no-effect"),
        (11, "inet_http_server", "", "no-effect"),
        (13, "inet_http_server", "password", "no-effect"),
        (16, "program:x", "stdout_syslog", "no-effect"),
        (17, "program:x", "", "no-effect"),
        (19, "eventlistener:y", "", "no-effect"),
    ]
    assert str(shorter[0]).endswith(
        "[supervisord]: warning: 5 options have no effect in wctl: logfile, pidfile, nodaemon,"
        " loglevel, …; 'wctl check -v -c s.conf' shows each [no-effect]"
    )


def test_nothing_to_condense(tmp_path: Path) -> None:
    """Findings of other kinds keep their order and their text."""
    file = tmp_path / "s.conf"
    file.write_text("[program:x]\ncommand=/bin/cat\nb=1\na=1\n[supervisord]\nlogfile=/l\n")
    found = load([file], {}).diagnostics
    assert summary.condensed(found, "") == list(found)
