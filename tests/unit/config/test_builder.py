"""builder: the entries of a section become a Program; everything wrong in them is reported."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from wctl.config.expansion import Number, Template
from wctl.config.fcgi import Socket
from wctl.config.load import load
from wctl.config.model import Config, Directive, Program
from wctl.config.options import OPTIONS

ENVIRON = {"HOME": "/home/me", "PLAIN": "value", "BLANKS": "two words"}
TWO = Number("02d")
LEAST = "[program:x]\ncommand=/bin/cat\n"


def plain(value: str) -> Template:
    """Returns the template of a text without numbers."""
    return Template((value,))


def configured(tmp_path: Path, text: str) -> Config:
    """Returns the configuration of a file with this text."""
    file = tmp_path / "x.conf"
    file.write_text(text)
    return load([file], ENVIRON)


def program(tmp_path: Path, text: str) -> Program:
    """Returns the only program of a file that has no diagnostics."""
    config = configured(tmp_path, text)
    assert config.diagnostics == ()
    (found,) = config.programs
    return found


def findings(tmp_path: Path, text: str) -> list[str]:
    """Returns the diagnostics of a file as text, without the directory."""
    found = configured(tmp_path, text).diagnostics
    return [str(diagnostic).replace(f"{tmp_path}/", "") for diagnostic in found]


def test_defaults(tmp_path: Path) -> None:
    """A program that has only a command gets the default of every other option."""
    found = program(tmp_path, LEAST)
    defaults = {option.name: option.default for option in OPTIONS}
    given = {"command": (plain("/bin/cat"),), "process_name": plain("x")}
    assert {name: getattr(found, name) for name in defaults} == {**defaults, **given}
    names = (found.name, found.title, found.group, found.group_title, found.section)
    assert names == ("x", "x", "x", "x", "program:x")
    assert (found.minfds, found.minprocs, found.socket) == (None, None, None)
    assert found.passed_through == ()


VALUES: dict[str, tuple[str, Any]] = {
    "command": ("php 'a b'", (plain("php"), plain("a b"))),
    "process_name": (" p_%(process_num)02d", Template(("p_", TWO))),
    "numprocs": ("3", 3),
    "numprocs_start": ("98", 98),
    "priority": ("-5", -5),
    "autostart": ("no", False),
    "startsecs": ("0", 0),
    "startretries": ("10", 10),
    "autorestart": ("yes", "true"),
    "exitcodes": ("0,2", (0, 2)),
    "stopsignal": ("QUIT", signal.SIGQUIT),
    "stopwaitsecs": ("60", 60),
    "stopasgroup": ("true", True),
    "killasgroup": ("true", True),
    "user": ("www-data", "www-data"),
    "umask": ("027", 0o27),
    "directory": ("/srv/%(process_num)02d", Template(("/srv/", TWO))),
    "environment": ('A="1",B="%%"', (("A", plain("1")), ("B", plain("%")))),
    "redirect_stderr": ("on", True),
    "stdout_logfile": ("/l/%(process_num)02d", Template(("/l/", TWO))),
    "stdout_logfile_maxbytes": ("1MB", 1 << 20),
    "stdout_logfile_backups": ("3", 3),
    "stderr_logfile": ("NONE", plain("NONE")),
    "stderr_logfile_maxbytes": ("0", 0),
    "stderr_logfile_backups": ("0", 0),
    "stdout_capture_maxbytes": ("1KB", 1 << 10),
    "stderr_capture_maxbytes": ("1KB", 1 << 10),
    "stdout_events_enabled": ("yes", True),
    "stderr_events_enabled": ("yes", True),
    "stdout_syslog": ("yes", True),
    "stderr_syslog": ("yes", True),
    "serverurl": ("unix:///s", "unix:///s"),
    "memory_max": ("1G", str(1 << 30)),
    "memory_swap_max": ("0", "0"),
    "memory_high": ("10%%", "10%"),
    "cpu_quota": ("50%%", "50%"),
    "cpu_weight": ("10000", 10000),
    "io_weight": ("1", 1),
    "tasks_max": ("9", 9),
    "nice": ("-20", -20),
    "max_runtime": ("1h 30min", "1h 30min"),
    "max_runtime_jitter": ("10min", "10min"),
    "ready": ("tcp:localhost:80", "tcp:localhost:80"),
    "ready_timeout": ("5", 5),
    "log": ("Both", "both"),
    "stderr_priority": ("err", 3),
    "environment_file": ("/a -/b", ("/a", "-/b")),
    "credential": ("a:/b", ("a:/b",)),
    "after": ("x, postgresql.service", ("x", "postgresql.service")),
    "requires": ("x", ("x",)),
    "wants": ("a.target", ("a.target",)),
    "hardening": ("strict", "strict"),
    "health_command": ("php bin/console x", ("php", "bin/console", "x")),
    "queue_command": ("sh -c 'wc -l'", ("sh", "-c", "wc -l")),
    "wctl_ignore": ("short-stop, unknown-key", ("short-stop", "unknown-key")),
}


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option(tmp_path: Path, option: Any) -> None:
    """The value of each option is in the Program's attribute of the same name.

    The key may be in upper or lower case. An option without effect has a warning.
    """
    value, expected = VALUES[option.name]
    name = option.name.title()
    config = configured(tmp_path, f"[program:x]\ncommand=c\n{name} = {value} ; comment\n")
    named = {"command": ["repeated-key"]}.get(option.name, ["no-effect"] * bool(option.instead))
    assert [diagnostic.code for diagnostic in config.diagnostics] == named
    assert getattr(config.programs[0], option.name) == expected
    assert config.programs[0].place_of(option.name).line == 3


@pytest.mark.parametrize(
    ("lines", "option", "expected"),
    [
        ("stdout_logfile=~/x.log", "stdout_logfile", plain("/home/me/x.log")),
        ("stderr_logfile=~/%(process_num)02d", "stderr_logfile", Template(("/home/me/", TWO))),
        ("numprocs=2", "process_name", Template(("x_", TWO))),
        ("stdout_logfile=/l/%(numprocs)d", "stdout_logfile", plain("/l/1")),
        ("directory=%(here)s", "directory", "here"),
        ("directory=\n  /srv", "directory", plain("/srv")),
        ("stdout_logfile=\n  AUTO", "stdout_logfile", plain("AUTO")),
        ("stdout_logfile=%(here)s/%(ENV_A)s\nenvironment=A=1", "stdout_logfile", "here/1"),
        ("environment=A=%(ENV_PLAIN)s,B=%(program_name)s.%(group_name)s", "environment",
         (("A", plain("value")), ("B", plain("x.x")))),
        ('process_name=%(ENV_N)s\nenvironment=N="n%(process_num)02d"', "process_name",
         Template(("n", TWO))),
        ("priority=%(ENV_P)s\n[supervisord]\nenvironment=P=7", "priority", 7),
    ],
)  # fmt: skip
def test_expansions(tmp_path: Path, lines: str, option: str, expected: object) -> None:
    """wctl replaces each name by its value, also a variable of the program's own environment."""
    if isinstance(expected, str):
        expected = plain(str(tmp_path) + expected[len("here") :])
    assert getattr(program(tmp_path, f"{LEAST}{lines}\n"), option) == expected


def test_words_come_before_variables_do(tmp_path: Path) -> None:
    """As in Supervisor, wctl fills in a variable before it splits the command."""
    found = program(tmp_path, "[program:x]\ncommand=/bin/echo %(ENV_BLANKS)s '%(ENV_BLANKS)s'\n")
    assert [word.text(0) for word in found.command] == ["/bin/echo", "two", "words", "two words"]


_WHOLE = "expected a whole number from"
_PATH = "expected an absolute path; %(here)s is the directory of this file [bad-value]"
_TOGETHER = "false, but stopasgroup is true; expected true, or no killasgroup [bad-value]"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            "numprocs=many\ndirectory=/%(numprocs)d",
            f"numprocs: 'many': {_WHOLE} 0 to 10000 [bad-value]",
        ),
        (
            f"startretries={'9' * 49}",
            f"startretries: warning: '{'9' * 49}': wctl counts to 10000000, and uses that"
            " [number-clamped]",
        ),
        (
            "stdout_logfile_backups=-1",
            "stdout_logfile_backups: warning: '-1': less than 0 means 0, in Supervisor too"
            " [number-clamped]",
        ),
        (
            f"nice={'9' * 100}",
            f"nice: '{'9' * 57}…': {_WHOLE} -20 to 19 [bad-value]",
        ),
        (
            "cpu_quota=50",
            "cpu_quota: '50': expected a percentage of one CPU such as 50%% or 200%%"
            " (% is doubled in the file) [bad-value]",
        ),
        ("command=", "command: empty, expected the command to run [bad-value]"),
        ("command='' a", "command: empty, expected the command to run [bad-value]"),
        ("command='a", "command: \"'a\": no closing quotation [bad-value]"),
        (
            "command=sh -c 'a ; b'",
            "command: \"sh -c 'a\": no closing quotation; what follows ' ;' is a comment, also"
            " within quotes [bad-value]",
        ),
        (
            'user="www-data"',
            "user: '\"www-data\"': expected the name or the number of a user; the quotes are part"
            " of the value, leave them out [bad-value]",
        ),
        (
            "user=%(ENV_OWN)s",
            "user: '%(ENV_OWN)s': %(ENV_OWN)s is not known here, did you mean %(ENV_HOME)s?"
            " [bad-value]",
        ),
        (
            "stdout_logfile_backups=%(process_num)d",
            "stdout_logfile_backups: '%(process_num)d': %(process_num)d is not valid here: all"
            " processes have one value [bad-value]",
        ),
        ("stopasgroup=1\nkillasgroup=0", f"killasgroup: {_TOGETHER}"),
        (
            "process_name=p\nnumprocs=2",
            "process_name: all processes have one name, expected %(process_num)02d in the name"
            " [process-name]",
        ),
        (
            "process_name=a b",
            "process_name: 'a b': expected a name without blanks, ':' or '/' [process-name]",
        ),
        ("directory=srv", f"directory: 'srv': {_PATH}"),
        ("stdout_logfile=x.log", f"stdout_logfile: 'x.log': {_PATH}"),
        (
            'stdout_logfile="/x"',
            "stdout_logfile: '\"/x\"': expected an absolute path; %(here)s is the directory of this"
            " file; the quotes are part of the value, leave them out [bad-value]",
        ),
        ("stderr_logfile=~me/x", f"stderr_logfile: '~me/x': {_PATH}"),
        ("autostrat=1", "autostrat: warning: unknown key, did you mean autostart? [unknown-key]"),
        (
            "socket=unix:///s",
            "socket: warning: unknown key, expected in [fcgi-program:x] only [unknown-key]",
        ),
        ("zzz=1", "zzz: warning: unknown key [unknown-key]"),
        ("port=1", "port: warning: unknown key [unknown-key]"),
        (
            "depends_on=y",
            "depends_on: warning: unknown key; Supervisor ignores it; wctl has after, requires and"
            " wants [unknown-key]",
        ),
        ("retry=3", "retry: warning: unknown key; use startretries [unknown-key]"),
        (
            "stderr_syslog=1",
            "stderr_syslog: warning: without effect in wctl; use ForwardToSyslog= in"
            " journald.conf(5) [no-effect]",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong(tmp_path: Path, lines: str, expected: str) -> None:
    """Each mistake is one finding that has its line and key, and says what wctl expected."""
    least = "[program:x]\n" if "command" in lines else LEAST
    line = least.count("\n") + 1 + (lines.count("\n") if expected.startswith("killasgroup") else 0)
    found = findings(tmp_path, f"{least}{lines}\nenvironment=OWN=1\n")
    assert found == [f"x.conf:{line}: [program:x] {expected}"]


def test_everything_that_is_wrong_is_found_at_once(tmp_path: Path) -> None:
    """No bad value hides another or becomes a default: wctl leaves the program out."""
    lines = "\n".join(f"{name}={value}" for name, value in (
        ("umask", "9"), ("numprocs", "many"), ("environment", "A"), ("stopsignal", "X"),
        ("ready", "soon"), ("memory_max", "-1"), ("systemd.Service", "x"), ("unknwon", "1"),
    ))  # fmt: skip
    config = configured(tmp_path, f"what\n[program:x]\n{lines}\n")
    assert [
        (diagnostic.place.line, diagnostic.section, diagnostic.key, diagnostic.code)
        for diagnostic in config.diagnostics
    ] == [
        (1, "", "", "syntax"),
        (2, "program:x", "command", "missing"),
        (3, "program:x", "umask", "bad-value"),
        (4, "program:x", "numprocs", "bad-value"),
        (5, "program:x", "environment", "bad-value"),
        (6, "program:x", "stopsignal", "bad-value"),
        (7, "program:x", "ready", "bad-value"),
        (8, "program:x", "memory_max", "bad-value"),
        (9, "program:x", "systemd.Service", "bad-value"),
        (10, "program:x", "unknwon", "unknown-key"),
    ]
    assert config.programs == ()


def test_passed_through(tmp_path: Path) -> None:
    """systemd.SECTION.KEY goes into the unit unchanged, in its own case."""
    found = program(
        tmp_path,
        f"{LEAST}systemd.Service.ReadWritePaths = /a %%i \"%i\" ö ; comment\n  /b\n"
        "systemd.Unit.After=x.service\nsystemd.Install.Alias=\nsystemd.Service.X=a\tb\n",
    )  # fmt: skip
    assert found.passed_through == (
        Directive("Service", "ReadWritePaths", '/a %%i "%i" ö /b'),
        Directive("Unit", "After", "x.service"),
        Directive("Install", "Alias", ""),
        Directive("Service", "X", "a\tb"),
    )


_KEY = "expected systemd.Unit.KEY, systemd.Service.KEY or systemd.Install.KEY"
_LINE = "expected one line of printable characters that does not end with \\"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("systemd.Service=1", _KEY),
        ("systemd.service.Nice=1", _KEY),
        ("systemd.Slice.Nice=1", _KEY),
        ("systemd.Service.=1", _KEY),
        ("systemd.Service.A-b=1", _KEY),
        ("systemd.Service.A.b=1", _KEY),
        ("systemd.Service.A=x\\", _LINE),
        ("systemd.Service.A=x\x07y", _LINE),
        ("systemd.Service.A=x\x7f", _LINE),
    ],
)
def test_what_cannot_be_passed_through(tmp_path: Path, line: str, problem: str) -> None:
    """A systemd.* key or value that could break out of its line in the unit is an error."""
    key = line.partition("=")[0]
    assert findings(tmp_path, f"{LEAST}{line}\n") == [
        f"x.conf:3: [program:x] {key}: {problem} [bad-value]"
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("socket=unix:///s", Socket("/s", None, None, None, 0o700, None)),
        ("socket=unix:///s\nuser=u", Socket("/s", None, "u", None, 0o700, None)),
        (
            "socket=unix:///s\nuser=u\nsocket_owner=a:b\nsocket_mode=0770\nsocket_backlog=9",
            Socket("/s", None, "a", "b", 0o770, 9),
        ),
        ("socket=tcp://localhost:80", Socket(None, "127.0.0.1:80", None, None, 0o700, None)),
    ],
)
def test_socket(tmp_path: Path, lines: str, expected: Socket) -> None:
    """An [fcgi-program:x] has a socket; by default only the program's user may connect."""
    assert program(tmp_path, f"[fcgi-program:x]\ncommand=c\n{lines}\n").socket == expected


def test_socket_that_cannot_be(tmp_path: Path) -> None:
    """An [fcgi-program:x] without a socket, or a tcp:// socket with owner or mode, is an error."""
    section = "[fcgi-program:x]"
    assert findings(tmp_path, f"{section}\ncommand=c\n") == [
        f"x.conf:1: {section} socket: missing, expected unix:///PATH or tcp://ADDRESS:PORT"
        " [missing]"
    ]
    lines = "command=c\nsocket=tcp://127.0.0.1:80\nsocket_mode=0700\nsocket_owner=u"
    problem = "a tcp:// socket has no owner or mode, expected a unix:// socket [bad-value]"
    assert findings(tmp_path, f"{section}\n{lines}\n") == [
        f"x.conf:4: {section} socket_mode: {problem}",
        f"x.conf:5: {section} socket_owner: {problem}",
    ]
