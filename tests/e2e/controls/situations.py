"""What is asked of both supervisorctls: names and verbs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from e2e.controls.both import Await, Step


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
    "signal WINCH all",
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
    for name in ("''", ":", "*", "w_00", "w:w_02", "nosuch:", "solo:x", "w*", "solo nosuch off:x")
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

SITUATIONS = (
    Situation("names", {"names.conf": NAMES}, (*NAMES_THAT_ARE, *NAMES_THAT_ARE_NOT)),
    Situation("acts", {"names.conf": re.sub("priority=.*\n", "", NAMES)}, ("update", *ACTS)),
)
