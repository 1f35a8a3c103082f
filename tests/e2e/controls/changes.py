"""Log files, changes of the configuration, and the end of supervisord, asked of both."""

from __future__ import annotations

from e2e.controls.both import Await, Files, Printed, Row
from e2e.controls.situations import Situation

# ---- log files -----------------------------------------------------------------------------------

LOGS = """\
[program:out]
command=sh -c 'printf "one\\ntwo\\nthree\\n"; printf "error one\\nerror two\\n" >&2; sleep 999'
startsecs=0
stdout_logfile=/srv/%(ENV_SIDE)s/out.log
stderr_logfile=/srv/%(ENV_SIDE)s/out.err
[program:merged]
command=sh -c 'echo one; echo error >&2; exec sleep 1000'
startsecs=0
redirect_stderr=true
stdout_logfile=/srv/%(ENV_SIDE)s/merged.log
[program:auto]
command=sh -c 'printf "one\\ntwo\\n"; echo error >&2; exec sleep 1000'
startsecs=0
[program:automerged]
command=sh -c 'echo one; echo error >&2; exec sleep 1000'
startsecs=0
redirect_stderr=true
[program:silent]
command=sh -c 'echo one; exec sleep 1000'
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
[program:long]
command=sh -c 'seq -f "line %%g" 1000; exec sleep 1000'
startsecs=0
stdout_logfile=/srv/%(ENV_SIDE)s/long.log
[program:autolong]
command=sh -c 'seq -f "line %%g" 1000; exec sleep 1000'
startsecs=0
[program:words]
command=sh -c 'printf "zwölf Wörter\\n"; exec sleep 1000'
startsecs=0
stdout_logfile=/srv/%(ENV_SIDE)s/words.log
[program:bytes]
command=sh -c 'printf "\\200\\n"; exec sleep 1000'
startsecs=0
stdout_logfile=/srv/%(ENV_SIDE)s/bytes.log
[program:open]
command=sh -c 'printf "no newline"; exec sleep 1000'
startsecs=0
stdout_logfile=/srv/%(ENV_SIDE)s/open.log
[program:never]
command=sleep 1000
autostart=false
stdout_logfile=/srv/%(ENV_SIDE)s/never.log
[program:autonever]
command=sleep 1000
autostart=false
[program:w]
command=sh -c 'echo number %(process_num)d; exec sleep 1000'
startsecs=0
numprocs=2
process_name=%(program_name)s_%(process_num)02d
stdout_logfile=/srv/%(ENV_SIDE)s/w%(process_num)d.log
"""
TAILS = (
    "update",
    Printed(Row("tail out"), "three"),
    Printed(Row("tail out stderr"), "two"),
    Printed(Row("tail merged"), "error"),
    Printed(Row("tail auto"), "two"),
    Printed(Row("tail automerged"), "error"),
    Printed(Row("tail -10 long"), "1000"),
    Printed(Row("tail -10 autolong"), "1000"),
    Printed(Row("tail open"), "newline"),
    Printed(Row("tail words"), "rter"),
    "tail out",
    "tail out stdout",
    "tail out stderr",
    "tail out STDERR",
    "tail -5 out",
    "tail -5 out stderr",
    "tail -0 out",
    "tail -1 out",
    "tail -100000 out",
    "tail +5 out",
    "tail -x out",
    "tail --5 out",
    "tail -5.5 out",
    "tail - out",
    "tail -5",
    "tail -n 5 out",
    "tail -n5 out",
    "tail out nosuch",
    "tail out merged",
    "tail out stdout stderr",
    "tail -5 out stdout stderr",
    "'tail -5' out",
    "'tail -5 out'",
    "'tail out' stderr",
    "tail nosuch",
    "tail nosuch stderr",
    "tail -f nosuch nosuch",
    "tail auto",
    "tail -3 auto",
    "tail auto stderr",
    "tail automerged",
    "tail automerged stderr",
    "tail merged",
    "tail merged stderr",
    "tail silent",
    "tail silent stderr",
    "tail long",
    "tail -20 long",
    "tail autolong",
    "tail -20 autolong",
    "tail words",
    "tail -3 words",
    "tail -10 words",
    "tail bytes",
    "tail open",
    "tail never",
    "tail never stderr",
    "tail autonever",
    "tail autonever stderr",
    "tail w:w_01",
    "tail w",
    "tail w:*",
    Row("tail -f out", until="three"),
    Row("tail -f out stderr", until="two"),
    Row("tail -f long", until="1000"),
    Row("tail -f auto", until="two"),
    Row("'tail -f' w:w_00", until="number 0"),
    "tail -f nosuch",
    Row("", "tail out\ntail -3 out\ntail nosuch\n"),
    "clear out",
    "tail out",
    "tail out stderr",
    "clear silent never w:w_01 nosuch",
    "tail w:w_01",
    "clear auto",
    "tail auto",
    "restart out",
    Printed(Row("tail out"), "three"),
    Printed(Row("tail out stderr"), "two"),
    "tail out",
    "clear all",
    "tail long",
    "stop out",
    "tail out",
    "clear out",
)

# ---- changes -------------------------------------------------------------------------------------


def program(name: str, command: str = "sleep 1000", *lines: str) -> str:
    """Returns the section of a program that counts as started at once."""
    return "\n".join([f"[program:{name}]", f"command={command}", "startsecs=0", *lines, ""])


TWO = ("numprocs=2", "process_name=%(program_name)s_%(process_num)02d")
MANUAL = "autostart=false"
BASE = (
    program("a")
    + program("b", "sleep 1000", *TWO)
    + program("x")
    + program("y", "sleep 1000", MANUAL)
    + "[group:g]\nprograms=x,y\n"
)
ONE = BASE.replace("numprocs=2", "numprocs=1")
GROUP = program("n1") + program("n2", "sleep 1000", MANUAL) + "[group:ng]\nprograms=n1,n2\n"
ONCE = program("once", "true", "autorestart=false")
CHANGES = (
    "status",
    "status a",
    "avail",
    "start a",
    "reread",
    "avail",
    "status",
    "start a",
    "add a",
    "status",
    "avail",
    "reread",
    "update nosuch",
    "update g",
    "status",
    "update",
    "status",
    "reread",
    # a program is added
    Files({"c.conf": program("c") + program("d")}),
    "status c",
    "update nosuch",
    "status c",
    "reread",
    "reread",
    "avail",
    "add c",
    "add c",
    "add c nosuch d",
    "status c d",
    "reread",
    "update",
    # a program is changed
    Files({"base.conf": BASE.replace("1000", "2000", 1)}),
    "status a",
    "update b",
    "update nosuch",
    "reread",
    "add a",
    "restart a",
    "reread",
    "update a",
    "status a",
    "reread",
    # a program is removed
    Files({"c.conf": program("d")}),
    "reread",
    "status c",
    "remove c",
    "stop c",
    "remove c",
    "remove c",
    "status c",
    "update",
    Files({"c.conf": ""}),
    "update",
    "status d",
    "update d",
    # a group is added
    Files({"ng.conf": GROUP}),
    "reread",
    "update n1",
    "update nosuch ng",
    "status ng:*",
    "stop ng:*",
    "remove n1",
    "remove ng",
    "add ng",
    "status ng:*",
    # all at once
    Files({"base.conf": BASE, "c.conf": program("e") + program("c"), "ng.conf": None}),
    "reread",
    "update",
    "status",
    # all, and one of several
    Files({"c.conf": program("f") + program("e", "sleep 2000")}),
    "update nosuch f",
    "reread",
    "update all nosuch",
    "status",
    # into a group
    Files({"base.conf": BASE.replace("programs=x,y", "programs=x,y,a")}),
    "reread",
    "update",
    "status",
    Files({"base.conf": BASE}),
    "update",
    "status",
    # other changes
    Files({"base.conf": f"; a comment\n\n{BASE}"}),
    "reread",
    "update",
    Files({"base.conf": BASE.replace("numprocs=2", "numprocs=3")}),
    "reread",
    "update",
    "status b:*",
    Files({"base.conf": ONE}),
    "reread",
    "update",
    "status b:*",
    Files({"base.conf": "[program:a]\npriority=5" + ONE.removeprefix("[program:a]")}),
    "reread",
    "update",
    "avail",
    # what is stopped, or has ended, or cannot start
    Files({"c.conf": ONCE + program("e")}),
    "update",
    Await({"once": "EXITED"}),
    "stop e",
    Files({"c.conf": ONCE.replace("true", "true again") + program("e", "sleep 3000")}),
    "reread",
    "update",
    Await({"once": "EXITED"}),
    "status e",
    "stop e",
    Files({"c.conf": program("e", "sleep 4000", MANUAL)}),
    "update",
    "status e",
    Files({"c.conf": ""}),
    "update",
    Files({"c.conf": program("bad", "/nonesuch", "startretries=0") + "startsecs=1\n"}),
    "reread",
    "update",
    Await({"bad": "FATAL"}),
    Files({"c.conf": ""}),
    "update",
    "status",
    # errors
    Files({"c.conf": "[program:bad]\nstartsecs=0\n"}),
    "reread",
    "update",
    "add bad",
    "status",
    "status bad",
    "restart a",
    "avail",
    Files({"c.conf": program("bad", "true", "numprocs=x")}),
    "reread",
    Files({"c.conf": "command=true\n"}),
    "reread",
    Files({"c.conf": program("good")}),
    "reread",
    "update",
    "status good",
)  # fmt: skip

# ---- the end -------------------------------------------------------------------------------------

RUNNING = {"a": "RUNNING", "b:b_00": "RUNNING", "b:b_01": "RUNNING", "g:x": "RUNNING"}
ENDS = (
    "update",
    "stop a",
    "start g:y",
    "reload",
    Await({**RUNNING, "g:y": "STOPPED"}),
    "status",
    Files({"c.conf": program("c")}),
    "reload",
    Await({**RUNNING, "c": "RUNNING"}),
    "reread",
    "update",
    "shutdown",
)

SITUATIONS = (
    Situation("logs", {"logs.conf": LOGS}, TAILS),
    Situation("changes", {"base.conf": BASE}, CHANGES),
    Situation("ends", {"base.conf": BASE}, ENDS),
)
