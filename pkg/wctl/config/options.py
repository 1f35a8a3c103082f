"""The dialect: one row for each option of a program.

The parsing, the manual and the check for unknown keys derive from the row. An option also needs a
field of Program (model.py), and a line where it takes effect, for example in units/service.py or
units/limits.py.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wctl.config import fcgi, values
from wctl.config.values import Parser

MOST_PROCESSES = 10_000
_LAST_START = 65_535  # numprocs_start is often a port; with MOST_PROCESSES it has 5 digits at most
_MOST_PRIORITY = 10**15
_FOREVER = 10_000_000  # seconds, and tries: people write any number of nines


@dataclass(frozen=True)
class Option:
    """One option of [program:x]."""

    name: str
    parse: Parser
    default: Any
    becomes: str  # the directive that it sets, or the part of wctl that implements it
    help: str
    expands: bool = False  # may contain %(process_num)d, so the value is a Template
    instead: str = ""  # what to use instead, if the option has no effect in wctl
    ours: bool = False  # an option that Supervisor does not have


def _own(name: str, parse: Parser, default: Any, becomes: str, help: str) -> Option:
    return Option(name, parse, default, becomes, help, ours=True)


_seconds = values.clamped(0, _FOREVER)
_FORWARD = "ForwardToSyslog= in journald.conf(5)"
_EVENTS = "the journal, since wctl has no event system"

_OURS: tuple[Option, ...] = (
    _own(
        "memory_max", values.memory_limit, None, "MemoryMax=",
        "Memory above which the kernel kills a worker and what it has started: bytes, also with K,"
        " M, G or T, a share of the machine's memory in %%, or infinity. If it is missing and"
        " the command has an option with the memory at which the worker ends by itself (such as"
        " messenger:consume --memory-limit, or queue:work --memory), the limit is twice that, and"
        " at least 256M above it. There is no such limit in a file written for Supervisor.",
    ),
    _own(
        "memory_swap_max", values.swap_limit, None, "MemorySwapMax=",
        "Maximum swap of a worker, written as memory_max; 0 means none.",
    ),
    _own(
        "memory_high", values.memory_limit, None, "MemoryHigh=",
        "Memory above which the kernel slows a worker down, written as memory_max.",
    ),
    _own(
        "cpu_quota", values.percentage, None, "CPUQuota=",
        "Maximum share of one CPU; 200%% are two CPUs (% is doubled in the file).",
    ),
    _own(
        "cpu_weight", values.integer(1, 10_000), None, "CPUWeight=",
        "Share of the CPUs when all are busy, from 1 to 10000; the default of units is 100.",
    ),
    _own(
        "io_weight", values.integer(1, 10_000), None, "IOWeight=",
        "Share of the disks when they are busy, from 1 to 10000; the default of units is 100.",
    ),
    _own(
        "tasks_max", values.integer(1, 1 << 22), None, "TasksMax=",
        "Maximum number of processes and threads.",
    ),
    _own(
        "nice", values.integer(-20, 19), None, "Nice=",
        "Scheduling priority of a worker, from -20 (first) to 19 (last).",
    ),
    _own(
        "max_runtime", values.time_span, None, "RuntimeMaxSec=",
        "Age at which systemd stops a worker and starts it again: seconds, or a time such as 90min"
        " or 1h 30min.",
    ),
    _own(
        "max_runtime_jitter", values.time_span, None, "RuntimeRandomizedExtraSec=",
        "Random extra age, so that workers are not all recycled at once; written as max_runtime.",
    ),
    _own(
        "ready", values.readiness, "startsecs", "the wrapper",
        "What makes a worker RUNNING: startsecs (it has lived for that long); notify (it sends"
        " READY=1, sd_notify(3)); exec:COMMAND (the command exits with 0); tcp:HOST:PORT (something"
        " accepts connections there); file:PATH (the file exists); or log:REGEX (the worker writes"
        " a line that matches). The wrapper tries every 0.1 s, and runs the command as the worker's"
        " user, without a shell.",
    ),
    _own(
        "ready_timeout", values.integer(1, 1_000_000), 60, "the wrapper and TimeoutStartSec=",
        "Seconds until a start fails because the worker is not ready (not for ready=startsecs).",
    ),
    _own(
        "log", values.choice("journal", "file", "both", "null"), None, "StandardOutput=",
        "Where output goes: journal; file (stdout_logfile and stderr_logfile alone); both; or null"
        " (nowhere). By default both if the program has a log file, otherwise journal.",
    ),
    _own(
        "stderr_priority", values.priority, 5, "the wrapper",
        "Journal priority of stderr, as a syslog level: 0 to 7, or emerg, alert, crit, err,"
        " warning, notice, info or debug.",
    ),
    _own(
        "environment_file", values.paths, (), "EnvironmentFile=",
        "Files with variables (NAME=VALUE lines), or patterns of such files, separated by blanks."
        " Of equal names, the last one counts. A file must exist, unless a - stands before it."
        " systemd reads it as root.",
    ),
    _own(
        "credential", values.credentials, (), "LoadCredential=",
        "Secrets, as NAME:PATH, separated by blanks. The worker reads each as the file NAME in the"
        " directory of the variable CREDENTIALS_DIRECTORY; the file at PATH may be root's alone.",
    ),
    _own(
        "after", values.words, (), "After=",
        "Units or programs, separated by blanks, after which this program starts.",
    ),
    _own(
        "requires", values.words, (), "Requires=",
        "Units or programs without which this program cannot run: it is stopped with them.",
    ),
    _own(
        "wants", values.words, (), "Wants=",
        "Units or programs to start together with this program.",
    ),
    _own(
        "hardening", values.choice("off", "basic", "strict"), "basic",
        "the directives under HARDENING",
        "How much of the system is closed to a worker: off, basic or strict; see HARDENING. In a"
        " file written for Supervisor, the default is off.",
    ),
    _own(
        "health_command", values.command, None, "wctl doctor",
        "A command that exits with 0 if the services that workers need are available. wctl runs it"
        " in the same way as a worker, without a shell.",
    ),
    _own(
        "queue_command", values.command, None, "wctl doctor",
        "A command that prints how many messages wait: a number, or JSON with a number for each"
        ' queue, such as {"high": 0, "low": 12}. wctl runs it in the same way as health_command.',
    ),
    _own(
        "wctl_ignore", values.words, (), "wctl check, wctl doctor",
        "Codes to silence: of warnings of wctl check, and of findings of wctl doctor.",
    ),
)  # fmt: skip

OPTIONS: tuple[Option, ...] = (
    Option(
        "command", values.text, None, "ExecStart=", "The command to run, without a shell.", True
    ),
    Option(
        "process_name",
        values.text,
        None,
        "the variable SUPERVISOR_PROCESS_NAME",
        "The name of each process, as the worker sees it.",
        True,
    ),
    Option(
        "numprocs",
        values.clamped(0, MOST_PROCESSES, over=False),
        1,
        "the instances @NN",
        "How many processes to run.",
    ),
    Option(
        "numprocs_start",
        values.integer(0, _LAST_START),
        0,
        "the instances @NN",
        "The number of the first process.",
    ),
    Option(
        "priority",
        values.clamped(-_MOST_PRIORITY, _MOST_PRIORITY),
        999,
        "After=",
        "Programs with a lower number start first and stop last.",
    ),
    Option(
        "autostart",
        values.boolean,
        True,
        "WantedBy=",
        "Start the program at boot and when it is added.",
    ),
    Option(
        "startsecs",
        _seconds,
        1,
        "the wrapper and Type=notify",
        "Seconds that a worker must live without interruption before its start has succeeded.",
    ),
    Option(
        "startretries",
        values.clamped(0, _FOREVER),
        3,
        "the wrapper",
        "The number of further tries after a failed start; the wait before each grows by a second.",
    ),
    Option(
        "autorestart",
        values.autorestart,
        "unexpected",
        "Restart=",
        "When to start a worker again after it exits: true (always), false (never) or unexpected"
        " (if exitcodes does not list the exit code).",
    ),
    Option(
        "exitcodes",
        values.exit_codes,
        (0,),
        "SuccessExitStatus=",
        "The expected exit codes, for autorestart=unexpected.",
    ),
    Option(
        "stopsignal",
        values.stop_signal,
        signal.SIGTERM,
        "KillSignal=",
        "The signal that asks a worker to stop.",
    ),
    Option(
        "stopwaitsecs",
        _seconds,
        10,
        "TimeoutStopSec=",
        "Seconds after which systemd kills a worker that does not stop.",
    ),
    Option(
        "stopasgroup",
        values.boolean,
        False,
        "KillMode=control-group",
        "Also send the stop signal to the worker's children.",
    ),
    Option(
        "killasgroup",
        values.boolean,
        None,
        "KillMode=",
        "Also kill the worker's children; systemd always does this. See SHELLS.",
    ),
    Option("user", values.account, None, "User=", "The account that the worker runs as."),
    Option("umask", values.octal, None, "UMask=", "The file mode creation mask of the worker."),
    Option(
        "directory",
        values.text,
        None,
        "WorkingDirectory=",
        "The working directory of the command.",
        True,
    ),
    Option(
        "environment",
        values.environment,
        (),
        "EnvironmentFile=",
        'Variables: KEY="value",KEY2="value2"; kept in a file that only root can read.',
        True,
    ),
    Option(
        "redirect_stderr",
        values.boolean,
        False,
        "StandardError=",
        "Send stderr to where stdout goes.",
    ),
    Option(
        "stdout_logfile", values.text, None, "the wrapper", "Also log stdout to this file.", True
    ),
    Option(
        "stdout_logfile_maxbytes",
        values.log_size,
        50 << 20,
        "the wrapper",
        "Rotate the log file at this size; 0 means never.",
    ),
    Option(
        "stdout_logfile_backups",
        values.clamped(0, 1_000_000),
        10,
        "the wrapper",
        "How many rotated files to keep.",
    ),
    Option(
        "stderr_logfile", values.text, None, "the wrapper", "Also log stderr to this file.", True
    ),
    Option(
        "stderr_logfile_maxbytes",
        values.log_size,
        50 << 20,
        "the wrapper",
        "Rotate the log file at this size; 0 means never.",
    ),
    Option(
        "stderr_logfile_backups",
        values.clamped(0, 1_000_000),
        10,
        "the wrapper",
        "How many rotated files to keep.",
    ),
    Option(
        "stdout_capture_maxbytes",
        values.log_size,
        0,
        "",
        "The size of process communication events.",
        instead=_EVENTS,
    ),
    Option(
        "stderr_capture_maxbytes",
        values.log_size,
        0,
        "",
        "The size of process communication events.",
        instead=_EVENTS,
    ),
    Option("stdout_events_enabled", values.boolean, False, "", "Emit log events.", instead=_EVENTS),
    Option("stderr_events_enabled", values.boolean, False, "", "Emit log events.", instead=_EVENTS),
    Option("stdout_syslog", values.boolean, False, "", "Also log to syslog.", instead=_FORWARD),
    Option("stderr_syslog", values.boolean, False, "", "Also log to syslog.", instead=_FORWARD),
    Option(
        "serverurl",
        values.server_url,
        None,
        "Environment=",
        "The worker's SUPERVISOR_SERVER_URL; with AUTO it has none, as there is no supervisord. A"
        " URL with a password is kept in a file that only root can read.",
    ),
    *_OURS,
)

# Options that only an [fcgi-program:x] has.
FCGI_OPTIONS: tuple[Option, ...] = (
    Option(
        "socket",
        fcgi.address,
        None,
        "ListenStream=",
        "The socket of the workers, as unix:///PATH or tcp://ADDRESS:PORT.",
    ),
    Option(
        "socket_owner",
        fcgi.owner,
        None,
        "SocketUser= and SocketGroup=",
        "Owner of a Unix socket, as USER or USER:GROUP; by default the program's user and group.",
    ),
    Option(
        "socket_mode", values.octal, None, "SocketMode=", "Mode of a Unix socket; by default 0700."
    ),
    Option(
        "socket_backlog",
        values.integer(1, 65_535),
        None,
        "Backlog=",
        "How many connections may wait.",
    ),
)

OPTION: Mapping[str, Option] = {option.name: option for option in (*OPTIONS, *FCGI_OPTIONS)}

VERBATIM = "systemd."  # begins the key of a directive that wctl passes through
