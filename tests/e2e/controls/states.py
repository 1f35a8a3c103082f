"""What is asked of both supervisorctls: programs that end, fail, or cannot start."""

from __future__ import annotations

from e2e.controls.both import Await
from e2e.controls.situations import Situation

STATES = """\
[program:backoff]
command=sh -c 'exit 3'
startretries=100
[program:fatal]
command=sh -c 'exit 3'
startretries=0
[program:done]
command=sleep 0.3
startsecs=0
autorestart=false
[program:failed]
command=sh -c 'sleep 0.3; exit 1'
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
    Await({"done": "EXITED"}),
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

SITUATIONS = (Situation("states", {"states.conf": STATES}, ENDED),)
