"""What is asked of both supervisorctls: a table of situation, verb and form."""

from __future__ import annotations

from dataclasses import dataclass

from e2e.controls.both import CONFIGURATION, SOCKET, Await, Row, Step


@dataclass(frozen=True)
class Situation:
    """Programs, and what is done to them; both start without a program."""

    name: str
    files: dict[str, str]
    steps: tuple[Step, ...]


# ---- names ---------------------------------------------------------------------------------------

NAMES = """\
[program:solo]
command=sleep 1000
startsecs=0
[program:w]
command=sleep 1000
startsecs=0
numprocs=2
process_name=%(program_name)s_%(process_num)02d
[program:mc]
command=sleep 1000
startsecs=0
numprocs=2
process_name=worker-%(process_num)d
[program:one]
command=sleep 1000
startsecs=0
process_name=other
priority=5
[program:ga]
command=sleep 1000
startsecs=0
[program:gb]
command=sleep 1000
startsecs=0
autostart=false
[group:g]
programs=ga,gb
[program:off]
command=sleep 1000
startsecs=0
autostart=false
priority=2000
"""

NAMES_THAT_ARE = (
    "update",
    "status",
    "avail",
    "pid",
    "pid all",
    "status all",
    "status solo",
    "status solo:solo",
    "status solo:*",
    "status solo:",
    "status w:w_00",
    "status w:*",
    "status w:",
    "status mc:worker-1",
    "status mc:*",
    "status one:other",
    "status g:ga",
    "status g:gb",
    "status g:*",
    "status off",
    "status off solo",
    "status w:w_01 solo w:w_00",
    "status solo solo",
    "status w:* w:w_00 g:gb",
    "status all nosuch",
    "pid solo",
    "pid w:w_00",
    "pid w:w_01 solo w:w_00",
    "pid off",
    "pid off solo",
    "pid solo off",
    "'status w:w_00'",
    "'pid solo' w:w_00",
    "status  'solo off'",
)
NAMES_THAT_ARE_NOT = tuple(
    f"{verb} {name}"
    for verb in ("status", "pid", "start", "stop", "restart", "signal WINCH", "tail", "clear", "fg")
    for name in ("nosuch", "w", "one", "ga", "g", "w:nosuch", "g:nosuch", "nosuch:x", "nosuch:*")
) + tuple(
    f"{verb} {name}"
    for verb in ("status", "start", "stop", "signal WINCH")
    for name in ("''", ":", "*", "w_00", "w:w_02", "nosuch:", "solo:other", "w*", "solo nosuch off:x")
) + (
    "pid g:*",
    "pid solo nosuch",
    "pid nosuch all",
    "tail w:*",
    "clear w:*",
    "fg w:*",
    "fg solo off",
    "fg off",
)  # fmt: skip
ACTS = (
    "start solo",
    "stop solo",
    "stop solo",
    "status solo",
    "pid solo",
    "start solo",
    "restart solo",
    "start off",
    "restart off",
    "stop off",
    "restart off",
    "stop off",
    "start w:*",
    "stop w:*",
    "stop w:*",
    "status w:*",
    "start w:w_01",
    "start w:*",
    "start w:*",
    "restart w:*",
    "restart w:w_00 w:w_01",
    "start g:*",
    "start g:",
    "start g:gb",
    "stop g:gb",
    "stop g:gb",
    "restart g:*",
    "restart mc:worker-0",
    "stop one:other",
    "restart one:other",
    "restart solo nosuch off:x",
    "stop solo solo",
    "start solo solo nosuch:* w:w_00",
    "start w:w_00 nosuch",
    "start nosuch w:w_00",
    "start nosuch:* nosuch",
    "start nosuch nosuch:*",
    "stop all",
    "stop all",
    "status",
    "restart nosuch:*",
    "start all",
    "start all",
    "status all",
    "restart all",
    "stop all nosuch",
    "start nosuch all",
    "signal HUP",
    "signal",
    "signal solo",
    "signal WINCH solo",
    "signal SIGWINCH solo",
    "signal winch solo",
    "signal sigwinch w:w_00 solo",
    "signal 28 solo",
    "'signal WINCH' solo",
    "'signal WINCH solo w:*'",
    "signal WINCH w:*",
    "signal WINCH w:",
    "signal WINCH all",
    "signal WINCH all nosuch",
    "signal WINCH solo nosuch w:w_00",
    "signal NOSUCH solo",
    "signal NOSUCH w:*",
    "signal NOSUCH all",
    "signal NOSUCH nosuch",
    "signal 0 solo",
    "signal 99 solo",
    "signal -1 solo",
    "signal 1.5 solo",
    "signal NOSUCH off",
    "stop off w:w_00",
    "signal WINCH off",
    "signal WINCH w:*",
    "signal WINCH off w:w_01",
    "stop w:*",
    "signal WINCH w:*",
    "signal NOSUCH w:*",
    "start w:* off",
    "signal TERM off",
    Await({"off": "RUNNING"}),
    "stop off",
    "clear solo",
    "clear w:w_00 solo",
    "clear all",
    "clear off",
    "clear solo nosuch w:w_00",
)
VERBS = (
    "add", "avail", "clear", "exit", "fg", "help", "maintail", "open", "pid", "quit", "reload",
    "remove", "reread", "restart", "shutdown", "signal", "start", "status", "stop", "tail",
    "update", "version",
)  # fmt: skip
FORMS = (
    *(f"help {verb}" for verb in VERBS),
    "help",
    "help nosuch",
    "help help",
    "help status stop",
    "'help status'",
    "?",
    "'? status'",
    "version",
    "version x",
    "avail x",
    "reread x",
    "reload x",
    "shutdown x",
    "start",
    "stop",
    "restart",
    "tail",
    "clear",
    "add",
    "remove",
    "fg",
    "open",
    "open nosuch",
    "open ftp://localhost",
    "exit",
    "quit",
    "exit now",
    "EOF",
    "nosuch",
    "nosuch solo",
    "'nosuch verb'",
    "Status",
    "stauts solo",
    "status-all",
    "''",
    "' '",
    "'' status solo",
    "' status solo'",
    "!ls",
    "shell ls",
    "add solo",
    "add nosuch",
    "add solo nosuch w",
    "add w:*",
    "remove solo",
    "remove nosuch",
    "remove nosuch solo g",
    "remove w:w_00",
    "reread",
    "update",
    "update all",
    "update solo",
    "update nosuch",
    "update w:*",
    "update all nosuch",
    "status # a comment",
    "status -- solo",
    "status -h",
    "status --help",
    "tail -f",
    "maintail x",
    "maintail -x",
    "maintail -1 -2",
)
OPTIONS = (
    "-c {file} status solo",
    "-c{file} status solo",
    "--configuration {file} status solo",
    "--configuration={file} status solo",
    "--config {file} status solo",
    "--conf={file} pid off",
    "-s {url} status solo",
    "-s{url} status solo",
    "--serverurl {url} status solo",
    "--serverurl={url} status solo",
    "--server {url} pid off",
    "-u user -p word status solo",
    "-uuser -pword status solo",
    "--username user --password word status solo",
    "--username=user --password=word status solo",
    "--user=user --pass word pid off",
    "-i status solo",
    "--interactive pid off",
    "-ic {file} status solo",
    "-c {file} -s {url} -u user -p word status nosuch",
    "-r /tmp/history status solo",
    "-- status solo",
    "status -c {file}",
    "-x status",
    "--nosuch status",
    "-c",
    "--configuration",
    "-s",
    "-u",
    "-p",
    "--s {url} status solo",
    "--h status solo",
    "--interactive=1 status solo",
    "-i -i status solo",
    "-c {file} -c {file} status solo",
    "-s nosuch status solo",
    "-s ftp://localhost status solo",
    "-c /nonesuch status solo",
    "-c '' status solo",
    "-h",
    "--help",
    "-?",
    "-h status solo",
    "status solo -h",
    "-i version",
    "-i nosuch",
)
INPUT = (
    Row("", "status solo\nstatus off\n"),
    Row("", "status off"),
    Row("", ""),
    Row("", "\n\n"),
    Row("", "exit\nstatus solo\n"),
    Row("", "quit\n"),
    Row("", "EOF\n"),
    Row("", "version\nexit"),
    Row("", "# a comment\nversion\n; another\n! and\n"),
    Row("", "nosuch\nnosuch with words\nstatus nosuch\n"),
    Row("", "  status solo  \n\tstatus off\n"),
    Row("", "start solo\nstop off\nrestart off\nstop off\n"),
    Row("", "pid solo\nstop solo w:w_00\nstart solo w:w_00\nsignal WINCH solo\n"),
    Row("", "status solo\r\nexit\r\n"),
    Row("", "reread\nupdate\navail\n"),
    Row("", "add\nremove nosuch\nadd solo\nclear solo\ntail nosuch\n"),
    Row("", "help nosuch\n"),
    Row("", "fg\nfg off\nmaintail x\nopen x\n"),
    Row("", "reload x\nshutdown x\nversion\n"),
    Row("-i shutdown", "n\n"),
    Row("-i reload", "no\n"),
    Row("-i", "version\n"),
    Row("-u user", "version\nexit\n"),
    Row("-i status solo", "version\n"),
    Row("version", "status\n"),
)


def with_paths(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Returns command lines with the path of supervisord.conf and the URL of supervisord."""
    return tuple(line.format(file=CONFIGURATION, url=f"unix://{SOCKET}") for line in lines)


# ---- states --------------------------------------------------------------------------------------

STATES = """\
[program:backoff]
command=sh -c 'exit 3'
startretries=100
[program:fatal]
command=sh -c 'exit 3'
startretries=0
[program:done]
command=true
startsecs=0
autorestart=false
[program:failed]
command=sh -c 'sleep 0.2; exit 1'
startsecs=0
autorestart=false
[program:quick]
command=sh -c 'exit 1'
autostart=false
startretries=0
[program:missing]
command=/nonesuch/program
autostart=false
startretries=0
[program:unknown]
command=nonesuch-program
autostart=false
startretries=0
[program:plain]
command=/etc/hostname
autostart=false
startretries=0
[program:directory]
command=/etc
autostart=false
startretries=0
[program:lost]
command=/nonesuch/program
startretries=0
[program:slow]
command=sleep 1000
startsecs=1
autostart=false
[program:stubborn]
command=python3 -c "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(1000)"
startsecs=1
stopwaitsecs=1
autostart=false
[program:many]
command=sh -c 'exit 1'
numprocs=2
process_name=%(program_name)s_%(process_num)02d
autostart=false
startretries=0
"""
ENDED = (
    "update",
    Await({"backoff": "BACKOFF"}),
    # It is STARTING for a moment again and again: only what is the same in both states.
    "start backoff",
    "stop backoff",
    "status backoff",
    "stop backoff",
    Await({"fatal": "FATAL", "done": "EXITED", "failed": "EXITED", "lost": "FATAL"}),
    "status fatal",
    "status lost",
    "status done",
    "status failed",
    "status missing",
    "pid fatal",
    "pid done",
    "pid missing",
    "pid all",
    "signal WINCH fatal",
    "signal WINCH done",
    "signal WINCH missing",
    "signal WINCH all",
    "stop fatal",
    "stop done",
    "stop missing",
    "stop all",
    "status done missing",
    "start done",
    Await({"done": "EXITED"}),
    "restart done",
    "start failed",
    Await({"failed": "EXITED"}),
    "restart failed",
    "start fatal",
    Await({"fatal": "FATAL"}),
    "restart fatal",
    "start quick",
    Await({"quick": "FATAL"}),
    "start missing",
    "status missing",
    "restart missing",
    "start unknown",
    "status unknown",
    "start plain",
    "status plain",
    "restart plain",
    "start directory",
    "start lost",
    "start missing plain quick",
    "start many:many_00",
    Await({"many:many_00": "FATAL"}),
    "start many:*",
    "start slow",
    "status slow",
    "start slow",
    "restart slow",
    "start slow done",
    "stop slow missing done",
    "start stubborn",
    "stop stubborn",
    "status stubborn",
    Await({"many:many_00": "FATAL", "many:many_01": "FATAL", "quick": "FATAL"}),
    "start all",
    Await({"fatal": "FATAL", "failed": "EXITED", "quick": "FATAL", "done": "EXITED"}),
    Await({"many:many_00": "FATAL", "many:many_01": "FATAL"}),
    "stop all",
    "avail",
)

SITUATIONS = (
    Situation("names", {"names.conf": NAMES}, (*NAMES_THAT_ARE, *NAMES_THAT_ARE_NOT)),
    Situation("acts", {"names.conf": NAMES}, ("update", *ACTS)),
    Situation("forms", {"names.conf": NAMES}, ("update", *FORMS, *with_paths(OPTIONS), *INPUT)),
    Situation("states", {"states.conf": STATES}, ENDED),
)
