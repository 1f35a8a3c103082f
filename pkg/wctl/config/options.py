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


_seconds = values.integer(0, 10_000_000)
_FORWARD = "ForwardToSyslog= of journald.conf(5)"
_EVENTS = "the journal: wctl has no event system"

OPTIONS: tuple[Option, ...] = (
    Option(
        "command", values.text, None, "ExecStart=", "The command to run, without a shell.", True
    ),
    Option(
        "process_name",
        values.text,
        None,
        "SUPERVISOR_PROCESS_NAME",
        "Name of each process, as the worker sees it.",
        True,
    ),
    Option("numprocs", values.integer(0, MOST_PROCESSES), 1, "instances @NN", "How many to run."),
    Option(
        "numprocs_start", values.integer(0, MOST_PROCESSES), 0, "instances @NN", "First number."
    ),
    Option(
        "priority",
        values.integer(-1_000_000, 1_000_000),
        999,
        "After=",
        "Programs of a lower number start first and stop last.",
    ),
    Option("autostart", values.boolean, True, "WantedBy=", "Start at boot and when added."),
    Option(
        "startsecs",
        _seconds,
        1,
        "the wrapper, Type=notify",
        "Seconds of uninterrupted life until a start has succeeded.",
    ),
    Option(
        "startretries",
        values.integer(0, 100_000),
        3,
        "the wrapper",
        "Further tries after a failed start; the wait before each grows by a second.",
    ),
    Option(
        "autorestart",
        values.autorestart,
        "unexpected",
        "Restart=",
        "Start again after an exit: always, never, or where the exit code is not expected.",
    ),
    Option(
        "exitcodes",
        values.exit_codes,
        (0,),
        "SuccessExitStatus=",
        "The expected exit codes, for autorestart=unexpected.",
    ),
    Option(
        "stopsignal", values.stop_signal, signal.SIGTERM, "KillSignal=", "Asks a worker to stop."
    ),
    Option(
        "stopwaitsecs",
        _seconds,
        10,
        "TimeoutStopSec=",
        "Seconds until a worker that does not stop is killed.",
    ),
    Option(
        "stopasgroup",
        values.boolean,
        False,
        "KillMode=control-group",
        "Send the stop signal to the worker's children, too.",
    ),
    Option(
        "killasgroup",
        values.boolean,
        None,
        "KillMode=",
        "Kill the worker's children, too: systemd always does.",
    ),
    Option("user", values.account, None, "User=", "The account to run as."),
    Option("umask", values.octal, None, "UMask=", "File mode creation mask."),
    Option("directory", values.text, None, "WorkingDirectory=", "Where to run the command.", True),
    Option(
        "environment",
        values.environment,
        (),
        "EnvironmentFile=",
        'KEY="value",KEY2="value2"; kept in a file that only root can read.',
        True,
    ),
    Option(
        "redirect_stderr", values.boolean, False, "StandardError=", "stderr goes where stdout goes."
    ),
    Option(
        "stdout_logfile", values.text, None, "the wrapper", "Also log stdout to this file.", True
    ),
    Option(
        "stdout_logfile_maxbytes",
        values.byte_size,
        50 << 20,
        "the wrapper",
        "Rotate the log file at this size; 0: never.",
    ),
    Option(
        "stdout_logfile_backups",
        values.integer(0, 1000),
        10,
        "the wrapper",
        "How many rotated files to keep.",
    ),
    Option(
        "stderr_logfile", values.text, None, "the wrapper", "Also log stderr to this file.", True
    ),
    Option(
        "stderr_logfile_maxbytes",
        values.byte_size,
        50 << 20,
        "the wrapper",
        "Rotate the log file at this size; 0: never.",
    ),
    Option(
        "stderr_logfile_backups",
        values.integer(0, 1000),
        10,
        "the wrapper",
        "How many rotated files to keep.",
    ),
    Option(
        "stdout_capture_maxbytes",
        values.byte_size,
        0,
        "",
        "Process communication events.",
        instead=_EVENTS,
    ),
    Option(
        "stderr_capture_maxbytes",
        values.byte_size,
        0,
        "",
        "Process communication events.",
        instead=_EVENTS,
    ),
    Option("stdout_events_enabled", values.boolean, False, "", "Log events.", instead=_EVENTS),
    Option("stderr_events_enabled", values.boolean, False, "", "Log events.", instead=_EVENTS),
    Option(
        "stdout_syslog",
        values.boolean,
        False,
        "",
        "Log to syslog, too.",
        instead=_FORWARD,
    ),
    Option(
        "stderr_syslog",
        values.boolean,
        False,
        "",
        "Log to syslog, too.",
        instead=_FORWARD,
    ),
    Option(
        "serverurl",
        values.server_url,
        None,
        "Environment=",
        "SUPERVISOR_SERVER_URL of the worker; AUTO: none, as there is no supervisord.",
    ),
    _own("memory_max", values.memory_limit, None, "MemoryMax=", "Memory above which it is killed."),
    _own("memory_swap_max", values.swap_limit, None, "MemorySwapMax=", "Swap it may use."),
    _own(
        "memory_high", values.memory_limit, None, "MemoryHigh=", "Memory above which it is slowed."
    ),
    _own("cpu_quota", values.percentage, None, "CPUQuota=", "Share of one CPU, such as 50%%."),
    _own(
        "cpu_weight", values.integer(1, 10_000), None, "CPUWeight=", "CPU weight; others have 100."
    ),
    _own("io_weight", values.integer(1, 10_000), None, "IOWeight=", "I/O weight; others have 100."),
    _own("tasks_max", values.integer(1, 1 << 22), None, "TasksMax=", "Most processes and threads."),
    _own("nice", values.integer(-20, 19), None, "Nice=", "Scheduling priority."),
    _own("max_runtime", values.time_span, None, "RuntimeMaxSec=", "Recycle a worker of this age."),
    _own(
        "max_runtime_jitter",
        values.time_span,
        None,
        "RuntimeRandomizedExtraSec=",
        "Random extra age, so that workers are not all recycled at once.",
    ),
    _own(
        "ready",
        values.readiness,
        "startsecs",
        "the wrapper",
        "What makes a worker RUNNING: startsecs, notify, exec:, tcp:, file:, log:.",
    ),
    _own(
        "ready_timeout",
        values.integer(1, 1_000_000),
        60,
        "the wrapper, TimeoutStartSec=",
        "Seconds until a worker that is not ready has failed (not for ready=startsecs).",
    ),
    _own(
        "log",
        values.choice("journal", "file", "both", "null"),
        None,
        "StandardOutput=",
        "Where output goes; both where a logfile is given, else journal.",
    ),
    _own(
        "stderr_priority",
        values.priority,
        5,
        "the wrapper",
        "Journal priority of stderr: a syslog level, notice by default.",
    ),
    _own("environment_file", values.paths, (), "EnvironmentFile=", "Files of variables."),
    _own(
        "credential",
        values.credentials,
        (),
        "LoadCredential=",
        "NAME:PATH of secrets.",
    ),
    _own("after", values.words, (), "After=", "Units or programs to start after."),
    _own("requires", values.words, (), "Requires=", "Units or programs it cannot do without."),
    _own("wants", values.words, (), "Wants=", "Units or programs to start along."),
    _own(
        "hardening",
        values.choice("off", "basic", "strict"),
        "basic",
        "sandboxing directives",
        "How much of the system a worker is kept from: off, basic or strict; see HARDENING.",
    ),
    _own(
        "health_command",
        values.command,
        None,
        "wctl doctor",
        "Exits 0 where the services that workers need are there. Run as a worker is, with no shell"
        " around it.",
    ),
    _own(
        "queue_command",
        values.command,
        None,
        "wctl doctor",
        "Prints how many messages wait: a number, or JSON of queue and number such as"
        ' {"high": 0, "low": 12}. Run as health_command is.',
    ),
    _own("wctl_ignore", values.words, (), "wctl check", "Codes of findings that are as intended."),
)

# Options that only an [fcgi-program:x] has.
FCGI_OPTIONS: tuple[Option, ...] = (
    Option("socket", fcgi.address, None, "ListenStream=", "unix:///PATH or tcp://ADDRESS:PORT."),
    Option(
        "socket_owner",
        fcgi.owner,
        None,
        "SocketUser=, SocketGroup=",
        "USER or USER:GROUP of a Unix socket; by default those of the program.",
    ),
    Option("socket_mode", values.octal, None, "SocketMode=", "Mode of a Unix socket; 0700."),
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
