"""Where wctl's supervisorctl answers other than Supervisor's, with the reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from e2e.controls.both import CONFIGURATION, Pair


@dataclass(frozen=True)
class Difference:
    """A command line, and what both print, masked, with the exit code in brackets."""

    line: str
    real: str
    face: str
    why: str = field(default="", compare=False)


def found(pairs: Iterable[Pair]) -> list[Difference]:
    """Returns the rows whose answers differ."""
    return [
        Difference(pair.row.line or repr(pair.row.input), str(pair.real), str(pair.face))
        for pair in pairs
        if pair.real != pair.face
    ]


TWICE = "an option that is given twice is no error; the last one counts"
PROMPT = "there is no supervisord that would end"
WHY_NOT = "wctl status says more"
READS = "wctl has no memory of an earlier reread: each verb reads the configuration"
SCALED = "wctl starts and stops only the processes that come and go"
PRIORITY = "a priority decides about the order alone, so nothing has to restart"
REMEMBERS = "Supervisor forgets with the old program, or with the old supervisord; systemd does not"
ERRORS = "wctl says where each error is"

USAGE = "stderr: a usage error[2]"
SOLO = "solo                             RUNNING   pid N, uptime T\n[0]"
SIGNALLED = """\
{first}g:ga: signalled
mc:worker-0: signalled
mc:worker-1: signalled
{others}solo: signalled
w:w_00: signalled
w:w_01: signalled
[0]"""
AVAILABLE = """\
a                                avail     auto      999:999
b:b_00                           avail     auto      999:999
b:b_01                           avail     auto      999:999
g:x                              avail     auto      999:999
g:y                              avail     manual    999:999
[0]"""
RELOADED = """\
a                                RUNNING   pid N, uptime T
b:b_00                           RUNNING   pid N, uptime T
b:b_01                           RUNNING   pid N, uptime T
g:x                              RUNNING   pid N, uptime T
g:y                              STOPPED   {}
[3]"""
FILE = "/etc/wctl/conf.d/c.conf"
NO_COMMAND = (
    "CANT_REREAD: program section program:bad does not specify a command in section 'program:bad'"
    f" (file: '{FILE}')"
)
FAULT_92 = f"<class 'xmlrpc.client.Fault'>, <Fault 92: \"{NO_COMMAND}\">: file: F line: N\n[1]"
MISSING = (
    f"CANT_REREAD: {FILE}:1: [program:bad] command: missing, expected the command to run"
    " [missing]\n"
)
HELD = f"bad: not installed, because of the error in {FILE}:1\n[1]"

DIFFERENCES: dict[str, list[Difference]] = {
    "names": [
        Difference(
            "signal WINCH all",
            SIGNALLED.format(first="one:other: signalled\n", others=""),
            SIGNALLED.format(first="", others="one:other: signalled\n"),
            "processes come by name, as in status: their units know no priority",
        )
    ],
    "forms": [
        Difference(
            "--s unix:///opt/supervisor/socket status solo",
            SOLO,
            USAGE,
            "a long option may be shortened to two letters, not to one",
        ),
        Difference("-i -i status solo", USAGE, SOLO, TWICE),
        Difference(f"-c {CONFIGURATION} -c {CONFIGURATION} status solo", USAGE, SOLO, TWICE),
        Difference(
            "-s ftp://localhost status solo",
            "error: <class 'ValueError'>, Unknown protocol for serverurl ftp://localhost:"
            " file: F line: N\n[1]",
            USAGE,
            "a wrong URL is a usage error, whatever is wrong",
        ),
        Difference(
            "-c '' status solo",
            "http://localhost:9001 refused connection\n[4]",
            USAGE,
            "wctl looks for no supervisord elsewhere",
        ),
        Difference(
            "-i shutdown",
            "Really shut the remote supervisord process down y/N? [0]",
            "Really stop all processes y/N? [0]",
            PROMPT,
        ),
        Difference(
            "-i reload",
            "Really restart the remote supervisord process y/N? [0]",
            "Really restart all processes y/N? [0]",
            PROMPT,
        ),
    ],
    "states": [
        Difference(
            "status fatal",
            "fatal                            FATAL     Exited too quickly (process log may have"
            " details)\n[3]",
            "fatal                            FATAL     Exited too quickly: gave up after 1 failed"
            " start\n[3]",
            WHY_NOT,
        ),
        Difference(
            "status lost",
            "lost                             FATAL     can't find command"
            " '/nonesuch/program'\n[3]",
            "lost                             FATAL     Exited too quickly: gave up after 1 failed"
            " start\n[3]",
            "in a unit, the wrapper finds that out, and ends",
        ),
    ],
    "logs": [
        Difference(
            "tail bytes",
            "error: <class 'xmlrpc.client.ProtocolError'>, <ProtocolError for 127.0.0.1/RPC2: 500"
            " Internal Server Error>: file: F line: N\n[1]",
            "\udc80\n\n[0]",
            "Supervisor can only show UTF-8",
        ),
        Difference(
            "tail -f nosuch",
            "==> Press Ctrl-C to exit <==\nstderr: unix:///opt/supervisor/socket/logtail/nosuch"
            "/stdout Cannot read, status code 404\n[0]",
            "==> Press Ctrl-C to exit <==\nnosuch: ERROR (no such process name)\n[1]",
            "Supervisor shows a failed request, and exits as if nothing were wrong",
        ),
        Difference("tail auto", "\n[0]", "one\ntwo\n\n[0]", "clear cannot clear the journal"),
    ],
    "changes": [
        Difference("avail", "[0]", AVAILABLE, READS),
        Difference(
            "update",
            "b: stopped\nb: updated process group\n[0]",
            "b: updated process group\n[0]",
            SCALED,
        ),
        Difference(
            "update",
            "b: stopped\nb: updated process group\n[0]",
            "b: updated process group\n[0]",
            SCALED,
        ),
        Difference("reread", "a: changed\n[0]", "No config updates to processes\n[0]", PRIORITY),
        Difference("update", "a: stopped\na: updated process group\n[0]", "[0]", PRIORITY),
        Difference(
            "status e",
            "e                                STOPPED   Not started\n[3]",
            "e                                STOPPED   DATE\n[3]",
            REMEMBERS,
        ),
        Difference("reread", f"ERROR: {NO_COMMAND}\n[1]", f"ERROR: {MISSING}{HELD}", ERRORS),
        Difference("update", f"error: {FAULT_92}", f"error: {MISSING}{HELD}", ERRORS),
        Difference(
            "add bad", "ERROR: no such process/group: bad\n[1]", f"ERROR: {MISSING}[1]", READS
        ),
        Difference(
            "reread",
            "ERROR: CANT_REREAD: invalid literal for int() with base 10: 'x' in section"
            f" 'program:bad' (file: '{FILE}')\n[1]",
            f"ERROR: CANT_REREAD: {FILE}:4: [program:bad] numprocs: 'x': expected a whole number"
            " from 0 to 10000 [bad-value]\n"
            f"bad: not installed, because of the error in {FILE}:4\n[1]",
            ERRORS,
        ),
        Difference(
            "reread",
            f"ERROR: CANT_REREAD: File contains no section headers.\nfile: '{FILE}', line: 1\n"
            "'command=true\\n'\n[1]",
            f"ERROR: CANT_REREAD: {FILE}:1: 'command=true' stands before the first [section]"
            " [syntax]\n[1]",
            ERRORS,
        ),
    ],
    "ends": [
        Difference("status", RELOADED.format("Not started"), RELOADED.format("DATE"), REMEMBERS)
    ],
}
