"""checker: each code has a configuration with exactly this finding, and a similar one without."""

from __future__ import annotations

import os
import pwd
import shutil
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from wctl.check import checker, codes
from wctl.check import machine as machine_module
from wctl.config.load import load
from wctl.errors import Diagnostic
from wctl.install.installed import Layout

ANYBODY = "[program:x]\ncommand=/bin/cat\n"
CAT = "command=/bin/cat\nuser=root\n"
X = f"[program:x]\n{CAT}"
Y = f"[program:y]\n{CAT}"
CONSUME = "[program:x]\nuser=root\nstopwaitsecs=60\ncommand=/bin/cat messenger:consume\n"
LIMITED = f"{CONSUME[:-1]} --memory-limit=64M\nautorestart=true\n"
PLANNED = "[program:x]\nuser=root\ncommand=/bin/cat messenger:consume --time-limit=3600\n"
COUNTED = f"{CONSUME[:-1]} --limit=10\nautorestart=true\n"
ROOT = "[program:x]\nuser=0\n"
OTHER, SECOND, *_ = (
    account.pw_name for account in pwd.getpwall() if account.pw_uid not in (0, os.getuid())
)
THEIRS = f"{ANYBODY}user={OTHER}\n"


@dataclass(frozen=True)
class Case:
    """Two configurations: one with a single finding, ``code``, and one without findings."""

    code: str
    bad: str
    good: str


CASES = (
    Case("syntax", f"{X}key\n", f"{X}; key\n"),
    Case("unreadable", f"{X}[include]\nfiles=large\n", f"{X}[include]\nfiles=readable/*\n"),
    Case("missing", "[program:x]\n", X),
    Case("missing", "[include]\n", "[include]\nfiles=readable/*\n"),
    Case("missing", f"[fcgi-program:x]\n{CAT}",
         f"[fcgi-program:x]\n{CAT}socket=unix:///s\n"),
    Case("bad-value", f"{X}startsecs=soon\n", f"{X}startsecs=5\n"),
    Case("bad-value", "[supervisord]\nminfds=x\n", "[supervisord]\nminfds=0\n"),
    Case("name", f"[program:a b]\n{CAT}", f"[program:a+b]\n{CAT}"),
    Case("name", f"{X}{Y}[group:x]\nprograms=y\n", f"{X}{Y}[group:z]\nprograms=y\n"),
    Case("process-name", f"{X}numprocs=2\nprocess_name=p\n",
         f"{X}numprocs=2\nprocess_name=p%(process_num)d\n"),
    Case("unknown-program", f"{X}after=y\n", f"{X}after=y.service\n"),
    Case("unknown-program", f"{X}[group:g]\nprograms=x,y\n", f"{X}[group:g]\nprograms=x\n"),
    Case("two-groups", f"{X}[group:g]\nprograms=x\n[group:h]\nprograms=x\n",
         f"{X}{Y}[group:g]\nprograms=x\n[group:h]\nprograms=y\n"),
    Case("name-taken", f"[program:taken]\n{CAT}", f"[program:ours]\n{CAT}"),
    Case("name-taken", f"{X}[group:packaged]\nprograms=x\n", f"{X}[group:g]\nprograms=x\n"),
    Case("name-taken", f"[fcgi-program:busy]\n{CAT}socket=unix:///s\n",
         f"[program:busy]\n{CAT}"),
    Case("include", f"{X}[include]\nfiles=*.none\n", f"{X}[include]\nfiles=readable/*\n"),
    Case("include", f"{X}[include]\nfiles=dangling\n", f"{X}[include]\nfiles=readable/*\n"),
    Case("include", f"{X}[include]\nfiles=readable\n", f"{X}[include]\nfiles=readable/*\n"),
    Case("empty-group", "[group:g]\n", f"{X}[group:g]\nprograms=x\n"),
    Case("group-renamed", f"{X}{Y}[group:x]\nprograms=x,y\n",
         f"{X}{Y}[group:x]\nprograms=x\n"),
    Case("process-name-twice", f"{X}process_name=a\n{Y}process_name=a\n[group:g]\nprograms=x,y\n",
         f"{X}process_name=a\n{Y}process_name=a\n[group:g]\nprograms=x\n"),
    Case("number-clamped", f"{X}startretries=999999999\n", f"{X}startretries=99999\n"),
    Case("environment-cut", f"{X}environment=A=a#b\n", f"{X}environment=A='a#b'\n"),
    Case("unknown-key", f"{X}autostrat=1\n", f"{X}autostart=1\n"),
    Case("unknown-key", "[supervisord]\nuserr=u\n", f"[supervisord]\nuser={OTHER}\n"),
    Case("unknown-section", "[programme:x]\n", "[supervisord]\n"),
    Case("unknown-code", f"{X}wctl_ignore=short-stopp\n", f"{X}wctl_ignore=short-stop\n"),
    Case("unknown-code", f"{X}wctl_ignore=syntax\n", f"{X}wctl_ignore=include\n"),
    Case("repeated-key", f"{X}nice=1\nnice=1\n", f"{X}nice=1\n"),
    Case("no-effect", f"{X}stdout_events_enabled=1\n", f"{X}stdout_events_enabled=0\n"),
    Case("no-effect", "[supervisord]\nlogfile=/l\n", "[supervisord]\numask=022\n"),
    Case("command-not-found", f"{ROOT}command=/bin/nonesuch\n", X),
    Case("command-not-found", f"{ROOT}command=cat\nenvironment=PATH=/nonesuch\n",
         f"{ROOT}command=cat\nenvironment=PATH=/bin:/usr/bin\n"),
    Case("command-not-executable", f"{ROOT}command=%(here)s/readable/empty\n",
         f"{ROOT}command=/bin/sh %(here)s/readable/empty\n"),
    Case("foreign-configuration", f"{X}[include]\nfiles=open/*\n",
         f"{X}[include]\nfiles=readable/*\n"),
    Case("foreign-file", f"{X}environment_file=%(here)s/open/empty\n",
         f"{X}environment_file=/etc/hostname\n"),
    Case("foreign-file", f"{ANYBODY}user={OTHER}\nenvironment_file=-%(here)s/open/empty\n",
         f"{ANYBODY}user={OTHER}\nenvironment_file=-%(here)s/open/none\n"),
    Case("foreign-file", f"{X}credential=key:%(here)s/open/empty\n",
         f"{X}credential=key:/etc/hostname\n"),
    Case("foreign-file", "[program:x]\nuser=root\ncommand=%(here)s/open/run\n",
         "[program:x]\nsystemd.Service.DynamicUser=1\ncommand=%(here)s/open/run\n"),
    Case("foreign-file", "[program:x]\nuser=0\ncommand=/bin/sh -e %(here)s/open/run\n",
         "[program:x]\nuser=0\ncommand=/bin/cat %(here)s/open/run\n"),
    Case("foreign-file", f"{X}health_command=%(here)s/open/run\n", f"{X}health_command=run\n"),
    Case("foreign-file", f"{X}queue_command=sh %(here)s/open/run\n",
         f"{X}queue_command=sh open/run\n"),
    Case("root-worker", ANYBODY, X),
    Case("root-worker", ANYBODY, f"{ANYBODY}[supervisord]\nuser={OTHER}\n"),
    Case("root-worker", f"{ANYBODY}systemd.Service.Group=nogroup\n",
         f"{ANYBODY}systemd.Service.DynamicUser=yes\n"),
    Case("root-worker", f"{ANYBODY}systemd.Service.DynamicUser=no\n",
         f"{ANYBODY}systemd.Service.User={OTHER}\n"),
    Case("root-worker", f"{ANYBODY}systemd.Unit.User={OTHER}\n",
         f"{ANYBODY}systemd.Service.User=root\n"),
    Case("user-missing", f"{ANYBODY}user=nonesuch\n", f"{ANYBODY}user={OTHER}\n"),
    Case("user-missing", f"{ANYBODY}user=4294967294\n", f"{ANYBODY}user=0\n"),
    Case("user-missing", f"[fcgi-program:x]\n{CAT}socket=unix:///s\nsocket_owner=nonesuch\n",
         f"[fcgi-program:x]\n{CAT}socket=unix:///s\nsocket_owner={OTHER}\n"),
    Case("user-missing", f"[fcgi-program:x]\n{CAT}socket=unix:///s\nsocket_owner=0:nonesuch\n",
         f"[fcgi-program:x]\n{CAT}socket=unix:///s\nsocket_owner=0:0\n"),
    Case("directory-missing", f"{X}directory=%(here)s/none\n", f"{X}directory=%(here)s/open\n"),
    Case("directory-closed", f"{ANYBODY}user={OTHER}\ndirectory=%(here)s/closed\n",
         f"{ANYBODY}user={OTHER}\ndirectory=%(here)s/open\n"),
    Case("log-directory-missing", f"{ANYBODY}user={OTHER}\nstdout_logfile=%(here)s/none/l\n",
         f"{ANYBODY}user={OTHER}\nstdout_logfile=%(here)s/open/l\n"),
    Case("log-directory-missing", f"{ANYBODY}user={OTHER}\nstderr_logfile=%(here)s/none/l\n",
         f"{ANYBODY}user={OTHER}\nstderr_logfile=%(here)s/none/l\nredirect_stderr=1\n"),
    Case("log-directory-closed", f"{ANYBODY}user={OTHER}\nstdout_logfile=%(here)s/closed/l\n",
         f"{ANYBODY}user={OTHER}\nstdout_logfile=%(here)s/open/l\n"),
    Case("log-directory-closed", f"{ANYBODY}user={OTHER}\nstderr_logfile=/l\n",
         f"{X}stderr_logfile=/l\n"),
    Case("log-file-closed", f"{THEIRS}stdout_logfile=%(here)s/logs/shut\n",
         f"{THEIRS}stdout_logfile=%(here)s/logs/ours\n"),
    Case("log-file-closed", f"{THEIRS}stderr_logfile=%(here)s/logs/shut\n",
         f"{THEIRS}stderr_logfile=%(here)s/logs/shut\nlog=journal\n"),
    Case("log-not-a-file", f"{X}stdout_logfile=/dev/tty1\n", f"{X}stdout_logfile=/dev/null\n"),
    Case("log-not-a-file", f"{X}stderr_logfile=/proc/7/fd/1\n",
         f"{X}stderr_logfile=/proc/1/fd/1\n"),
    Case("log-not-a-file", f"{X}stderr_logfile=/dev/tty1\n",
         f"{X}stderr_logfile=/dev/tty1\nlog=journal\n"),
    Case("log-not-a-file", f"{THEIRS}stderr_logfile=%(here)s/logs/fifo\n",
         f"{THEIRS}stderr_logfile=%(here)s/logs/link\n"),
    Case("log-not-a-file", f"{THEIRS}stdout_logfile=/usr\n",
         f"{THEIRS}stdout_logfile=%(here)s/logs/link\n"),
    Case("shared-log-file",
         f"{THEIRS}stdout_logfile=%(here)s/logs/l\n"
         f"[program:y]\nuser={SECOND}\ncommand=/bin/cat\nstdout_logfile=%(here)s/logs/l\n",
         f"{X}numprocs=2\nstdout_logfile=/l\nstderr_logfile=//l\n{Y}stderr_logfile=/./l\n"),
    Case("shared-log-file",
         f"{X}stdout_logfile=/l\n{Y}stdout_logfile=/l\nstdout_logfile_backups=3\n",
         f"{X}stdout_logfile=/l\nlog=journal\n{Y}stdout_logfile=/l\nstdout_logfile_backups=3\n"),
    Case("shared-log-file", f"{X}stdout_logfile=/l\nstderr_logfile=/l\nstderr_logfile_maxbytes=0\n",
         f"{X}stdout_logfile=/l\nstderr_logfile=/l\n"
         "stdout_logfile_maxbytes=0\nstderr_logfile_maxbytes=0\n"),
    Case("log-directory-foreign", f"{X}stdout_logfile=%(here)s/open/l\n",
         f"{ANYBODY}user={OTHER}\nstdout_logfile=%(here)s/open/l\n"),
    Case("log-directory-foreign", f"{ANYBODY}systemd.Service.User=0\nstderr_logfile=/tmp/l\n",
         f"{ANYBODY}systemd.Service.User={OTHER}\nstderr_logfile=/tmp/l\n"),
    Case("log-directory-foreign", f"{X}stderr_logfile=/tmp/l\n", f"{X}stderr_logfile=/var/l\n"),
    Case("planned-end-is-final", f"{PLANNED}stopwaitsecs=60\n",
         f"{PLANNED}stopwaitsecs=60\nexitcodes=2\n"),
    Case("planned-end-is-final", f"{PLANNED}stopwaitsecs=60\nautorestart=false\n",
         f"{PLANNED}stopwaitsecs=60\nautorestart=true\n"),
    Case("ends-before-ready", COUNTED, f"{COUNTED}startsecs=0\n"),
    Case("ends-before-ready", COUNTED.replace("--limit=10", "-l 1"),
         COUNTED.replace("--limit=10", "-t 1")),
    Case("ends-before-ready", COUNTED, f"{COUNTED}ready=notify\n"),
    Case("daemonizes", f"{ROOT}killasgroup=1\ncommand=/bin/sh -c '/bin/cat &'\n",
         f"{ROOT}killasgroup=1\ncommand=/bin/sh -c '/bin/cat & wait'\n"),
    Case("short-stop", f"{PLANNED}autorestart=true\n",
         f"{PLANNED}autorestart=true\nstopwaitsecs=10\n"),
    Case("short-stop", f"{ROOT}command=/bin/cat messenger:consume async\n",
         f"{ROOT}command=/bin/cat messenger:stats async\n"),
    Case("short-stop", f"{ROOT}command=/bin/env artisan queue:work\nstopwaitsecs=59\n",
         f"{ROOT}command=/bin/env artisan queue:work\nstopwaitsecs=60\n"),
    Case("short-stop", f"{ROOT}command=/bin/env sidekiq\nstopwaitsecs=25\n",
         f"{ROOT}command=/bin/env sidekiq\nstopwaitsecs=26\n"),
    Case("short-stop", f"{ROOT}command=/bin/env sidekiq -t 10\n",
         f"{ROOT}command=/bin/env sidekiq -t 9\n"),
    Case("group-stop", f"{ROOT}command=/bin/env rq worker\nstopwaitsecs=99\nstopasgroup=true\n",
         f"{ROOT}command=/bin/env rq worker\nstopwaitsecs=99\nkillasgroup=true\n"),
    Case("group-stop",
         f"{ROOT}command=/bin/env celery worker -P prefork\nstopwaitsecs=99\nstopasgroup=1\n",
         f"{ROOT}command=/bin/env celery worker -P solo\nstopwaitsecs=99\nstopasgroup=1\n"),
    Case("interrupting-stop", f"{CONSUME}stopsignal=INT\n", f"{CONSUME}stopsignal=TERM\n"),
    Case("interrupting-stop", f"{CONSUME}stopsignal=QUIT\n", f"{X}stopsignal=QUIT\n"),
    Case("interrupting-stop", f"{ROOT}command=/bin/env huey_consumer x\nstopwaitsecs=99\n",
         f"{ROOT}command=/bin/env huey_consumer x\nstopwaitsecs=99\nstopsignal=INT\n"),
    Case("abrupt-stop", f"{X}stopsignal=KILL\n", f"{X}stopsignal=INT\n"),
    Case("shell-syntax", "[program:x]\nuser=0\ncommand=/bin/cat a | b\n",
         "[program:x]\nuser=0\ncommand=/bin/cat a '|b'\n"),
    Case("shell-syntax", "[program:x]\nuser=0\ncommand=/bin/cat ${HOME}\n",
         "[program:x]\nuser=0\ncommand=/bin/sh -c 'exec cat ${HOME} >/b' && x\n"),
    Case("shell-syntax", "[program:x]\nuser=0\ncommand=/bin/env cat /opt/app/*.jar\n",
         "[program:x]\nuser=0\ncommand=/bin/env java -cp /opt/app/* com.example.Main\n"),
    Case("shell-between", "[program:x]\nuser=0\ncommand=/bin/sh -c 'worker eu'\n",
         "[program:x]\nuser=0\ncommand=/bin/sh -c 'exec worker eu'\n"),
    Case("shell-between", "[program:x]\nuser=0\ncommand=/bin/sh -c 'exec worker | tee log'\n",
         "[program:x]\nuser=0\ncommand=/bin/bash -c 'cd /srv && worker eu'\n"),
    Case("shell-between", "[program:x]\nuser=0\ncommand=/bin/sh -c 'while worker; do :; done'\n",
         "[program:x]\nuser=0\ncommand=/bin/sh -c 'while worker; do :; done'\nstopasgroup=1\n"),
    Case("shell-between", "[program:x]\nuser=0\ncommand=/bin/sh -c 'worker eu'\n",
         "[program:x]\nuser=0\ncommand=/bin/sh -c 'trap : TERM; worker eu'\nkillasgroup=0\n"),
    Case("shell-between", f"{ANYBODY}user=0\n".replace("/bin/cat", "%(here)s/keeps.sh"),
         f"{ANYBODY}user=0\n".replace("/bin/cat", "%(here)s/execs.sh")),
    Case("shell-between", f"{ANYBODY}user=0\n".replace("/bin/cat", "%(here)s/keeps"),
         f"{ANYBODY}user=0\n".replace("/bin/cat", "%(here)s/python")),
    Case("shell-between",
         f"{X}directory=%(here)s\n".replace("cat", "bash ./keeps"),
         f"{X}directory=%(here)s\n".replace("cat", "bash ./traps")),
    Case("user-by-command", f"{X}".replace("cat", "su root -c 'exec worker'"),
         f"{X}".replace("cat", "env -i worker su root")),
    Case("memory-below-own-limit", f"{LIMITED}memory_max=64M\n", f"{LIMITED}memory_max=65M\n"),
    Case("memory-below-wrapper", f"{X}memory_max=9M\n", f"{X}memory_max=10M\n"),
    Case("memory-below-wrapper", f"{X}memory_high=1M\n", f"{X}memory_high=1%%\n"),
    Case("memory-high-crawls", f"{LIMITED}memory_high=64M\n", f"{LIMITED}memory_high=65M\n"),
    Case("open-secret", f"{X}systemd.Service.Environment=TOKEN=x\n",
         f"{X}systemd.Service.Environment=TOKEN=\n"),
    Case("secret-in-configuration", f"{X}environment=DB_PASSWORD=x\n",
         f"{X}environment=DB_USER=x\n"),
    Case("secret-in-configuration", f'{X}environment=DSN="amqp://me:x@host"\n',
         f'{X}environment=DSN="amqp://me@host:5672"\n'),
    Case("secret-in-configuration", f"{X}serverurl=http://u:x@localhost:9001\n",
         f"{X}serverurl=http://localhost:9001\n"),
    Case("secret-in-command", "[program:x]\nuser=0\ncommand=/bin/cat --password=hunter2\n",
         "[program:x]\nuser=0\ncommand=/bin/cat --password-file=hunter2\n"),
    Case("restart-steps", f"{X}systemd.Service.RestartSteps=5\n",
         f"{X}systemd.Service.RestartSec=5\n"),
    Case("overrides-wctl", f"{X}systemd.Service.Type=exec\n", f"{X}systemd.Unit.After=a.service\n"),
    Case("priority-crowd",
         "".join(f"[program:{n}]\n{CAT}priority=1\n" for n in range(101)) + X,
         "".join(f"[program:{n}]\n{CAT}priority=1\n" for n in range(100)) + X),
)  # fmt: skip
WARNINGS = [case for case in CASES if not codes.CODES[case.code].error]
ERRORS = [case for case in CASES if codes.CODES[case.code].error]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine's directories, some of them closed, and units that are not wctl's."""
    modes = {"open": 0o777, "logs": 0o777, "readable": 0o755, "closed": 0o700}
    for name, mode in modes.items():
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
    for name in ("open", "readable"):
        (tmp_path / name / "empty").touch()
    (tmp_path / "open/run").write_text("#!/bin/sh\n")
    (tmp_path / "open/run").chmod(0o755)
    (tmp_path / "logs/shut").touch(0o600)
    (tmp_path / "logs/ours").touch()
    os.mkfifo(tmp_path / "logs/fifo")
    (tmp_path / "logs/link").symlink_to("none")
    for name in ("ours", "fifo"):
        (tmp_path / "logs" / name).chmod(0o666)
    (tmp_path / "dangling").symlink_to("nonesuch")
    with (tmp_path / "large").open("wb") as large:
        large.truncate((64 << 20) + 1)
    for name, text in (
        ("keeps", "#!/bin/sh -e\n# exec worker\nworker eu\n"),
        ("keeps.sh", "#! /usr/bin/env bash\n. /etc/env\nworker eu\n"),
        ("execs.sh", "#!/bin/sh\ncd /srv || exit\nexec worker eu\n"),
        ("traps", "#!/bin/sh\ntrap 'kill $!' TERM\nworker & wait\n"),
        ("python", "#!/usr/bin/python3\nimport this\n"),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    for unit in ("etc/taken@.service", "etc/busy.socket", "usr/packaged.target"):
        (tmp_path / unit).parent.mkdir(exist_ok=True)
        (tmp_path / unit).write_text("[Unit]\n")
    return tmp_path


def found(machine: Path, text: str, *, user: bool = False) -> list[Diagnostic]:
    """Returns what "wctl check" finds."""
    file = machine / "main"
    file.write_text(text)
    etc = machine / "etc"
    layout = Layout(user, units=etc, vendor=(machine / "usr",), configuration=etc, environment=etc)
    config = load([file], {})
    return [*config.diagnostics, *checker.check(config, layout)]


def found_in(machine: Path, text: str) -> list[str]:
    """Returns the codes of what is found."""
    return [diagnostic.code for diagnostic in found(machine, text)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
def test_exactly_this_finding(machine: Path, case: Case) -> None:
    """The bad configuration has only this finding; the good one, nearly the same, has none."""
    findings = found(machine, case.bad)
    assert [(diagnostic.code, diagnostic.error) for diagnostic in findings] == [
        (case.code, codes.CODES[case.code].error)
    ]
    assert found_in(machine, case.good) == []


def test_every_code_has_a_case() -> None:
    """A new code without a case fails here; the cases stand in the order of the table."""
    assert list(dict.fromkeys(case.code for case in CASES)) == [code.name for code in codes.TABLE]


@pytest.mark.parametrize("case", WARNINGS, ids=lambda case: case.code)
def test_a_warning_is_silenced_by_its_code_alone(machine: Path, case: Case) -> None:
    """wctl_ignore = CODE in its section silences a warning; another code does not."""
    section = found(machine, case.bad)[0].section or "supervisord"
    unsilenced = case.bad
    if "wctl_ignore=" not in unsilenced:
        unsilenced += f"[{section}]\nwctl_ignore=\n"
    other = "include" if case.code != "include" else "no-effect"
    for code, left in ((case.code, []), (other, [case.code])):
        text = unsilenced.replace("wctl_ignore=", f"wctl_ignore={code} ")
        assert found_in(machine, text) == left


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: case.code)
def test_an_error_is_not_silenced(machine: Path, case: Case) -> None:
    """wctl_ignore = CODE does not silence an error."""
    section = found(machine, case.bad)[0].section or "program:x"
    kept = found_in(machine, f"{case.bad}[{section}]\nwctl_ignore={case.code}\n")
    assert [code for code in kept if code != "unknown-code"] == [case.code]


@pytest.mark.parametrize("code", codes.TABLE, ids=lambda code: code.name)
def test_every_code_says_why_and_what_to_do(code: codes.Code) -> None:
    """Each code has two sentences, for the manual and --json, and a name that users can type."""
    assert code.name == code.name.lower().strip()
    assert code.why[0].isupper() or code.why.startswith(("wctl", "memory_"))
    assert (code.why[-1], code.remedy[-1]) == (".", ".")


@pytest.mark.parametrize(
    "text",
    [
        ANYBODY,
        f"{ANYBODY}user=nonesuch\n",
        f"{ANYBODY}user={OTHER}\ndirectory=%(here)s/closed\n",
        f"{ANYBODY}user={OTHER}\nstdout_logfile=%(here)s/closed/l\n",
        f"{X}stdout_logfile=%(here)s/open/l\n",
        "[program:x]\ncommand=%(here)s/open/run\n",
    ],
)
def test_users_own_units_run_as_that_user(machine: Path, text: str) -> None:
    """With --user, user= has no effect: check reports neither users nor others' directories."""
    assert found(machine, text, user=True) == []


@pytest.mark.parametrize(
    ("option", "autorestart", "remedy"),
    [
        ("--once", "true", "use startsecs=0"),
        ("--stop-when-empty", "false", "use startsecs=0"),
        ("--stop-when-empty", "true", "do without --stop-when-empty, so that the worker waits"),
    ],
)
def test_remedy_of_an_early_end(machine: Path, option: str, autorestart: str, remedy: str) -> None:
    """A worker that is started again at every empty queue would start without end."""
    text = f"{ROOT}command=/bin/env artisan queue:work {option}\nautorestart={autorestart}\n"
    problems = {one.code: one.problem for one in found(machine, text)}
    assert f"; {remedy}" in problems["ends-before-ready"]


def test_findings_are_in_the_order_of_the_lines(machine: Path) -> None:
    """Findings are sorted by line; each has the line of its option or of its program."""
    text = "[program:y]\ncommand=/bin/cat\nstopsignal=KILL\nnice=1\nuser=nonesuch\n"
    text += "[program:x]\nuser=0\ncommand=/bin/none messenger:consume --limit=1\n"
    assert [
        (diagnostic.place.line, diagnostic.section, diagnostic.key, diagnostic.code)
        for diagnostic in found(machine, text)
    ] == [
        (3, "program:y", "stopsignal", "abrupt-stop"),
        (5, "program:y", "user", "user-missing"),
        (6, "program:x", "autorestart", "planned-end-is-final"),
        (6, "program:x", "startsecs", "ends-before-ready"),
        (6, "program:x", "stopwaitsecs", "short-stop"),
        (8, "program:x", "command", "command-not-found"),
    ]


def test_shared_log_file_names_the_other(machine: Path) -> None:
    """The finding names the other option, and its program if that is another one.

    check compares paths, not their spelling.
    """
    text = f"{X}stdout_logfile=/var/l\n{Y}stderr_logfile=/var/./l\nstderr_logfile_backups=1\n"
    assert [(diagnostic.key, diagnostic.problem) for diagnostic in found(machine, text)] == [
        (
            "stderr_logfile",
            "/var/l is also the stdout_logfile of x, with another maxbytes or backups: the lowest"
            " of both count; expected the same for both",
        )
    ]
    text = f"{X}stdout_logfile=/var/l\nstderr_logfile=/var/l\nstdout_logfile_maxbytes=1\n"
    assert [diagnostic.problem for diagnostic in found(machine, text)] == [
        "/var/l is also the stdout_logfile, whose maxbytes and backups count for both; expected"
        " the same here"
    ]


def test_nothing_that_supervisor_runs_is_refused(machine: Path) -> None:
    """The files of Laravel's and Celery's documentation have no finding about logs."""
    log = f"stdout_logfile=/var/log/shared.log\nredirect_stderr=true\n{CAT}"
    laravel = f"[program:x]\nnumprocs=8\nprocess_name=x_%(process_num)02d\n{log}"
    assert found_in(machine, laravel) == []
    celery = f"[program:{{0}}]\n{CAT}stdout_logfile=/var/log/c\nstderr_logfile=/var/log/c\n"
    assert found_in(machine, celery.format("x") + celery.format("y")) == []
    null = f"{X}stdout_logfile=/dev/null\nstderr_logfile=/dev/null\n"
    assert found_in(machine, null) == []
    container = f"{X}stdout_logfile=/proc/1/fd/1\nstderr_logfile=/dev/stderr\n"
    assert found_in(machine, container + Y + "stdout_logfile=/proc/1/fd/1\n") == []


def test_an_access_list_may_open_a_log_file(machine: Path) -> None:
    """Symfony's documentation shares var/log by access lists, of which the mode shows the mask."""
    shut = machine / "logs/shut"
    shut.chmod(0o660)
    text = f"{THEIRS}stdout_logfile={shut}\n"
    assert found_in(machine, text) == ["log-file-closed"]
    nobody = 0xFFFFFFFF
    entries = [(1, 6, nobody), (2, 6, 1), (4, 6, nobody), (16, 6, nobody), (32, 0, nobody)]
    listed = b"".join(struct.pack("<HHI", *entry) for entry in entries)
    os.setxattr(shut, "system.posix_acl_access", struct.pack("<I", 2) + listed)
    assert found_in(machine, text) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has directories that others cannot change")
def test_the_remedy_for_a_closed_log_file(machine: Path) -> None:
    """Root gives the file away where nobody else can exchange it; else its user makes room."""
    own = Path(tempfile.mkdtemp(dir="/var/log"))
    try:
        for name in ("l", "l.1", "l.2", "l.log"):
            (own / name).touch(0o600)
        assert machine_module.give([f"{own}/l"], "u") == [
            "chown", "-h", "u:", f"{own}/l", f"{own}/l.1", f"{own}/l.2"
        ]  # fmt: skip
        os.chown(own, 0, 12345)
        own.chmod(0o775)
        machine_module._may.cache_clear()
        assert machine_module.give([f"{own}/l"], OTHER) == ["namei", "-l", f"{own}/l"]
    finally:
        shutil.rmtree(own)
    shut = machine / "logs/shut"
    (machine / "readable/link").symlink_to(shut)
    assert machine_module.give([f"{machine}/readable/link"], OTHER)[0] == "namei"
    assert machine_module.give([str(shut)], OTHER)[:5] == ["runuser", "-u", OTHER, "--", "sh"]
    text = f"{THEIRS}stdout_logfile={shut}\n"
    (problem,) = (diagnostic.problem for diagnostic in found(machine, text))
    assert problem.startswith(f"{shut}: {OTHER} may not write to this file; run: runuser -u ")
