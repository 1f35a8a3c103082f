"""The codes of doctor's own findings: what each code means, and what to do about it.

man/make.py writes this table into wctl(1).
"""

from __future__ import annotations

from dataclasses import dataclass

from wctl.check import codes


@dataclass(frozen=True)
class Code:
    """One kind of finding."""

    name: str  # stable: scripts and alerts rely on the name
    why: str
    remedy: str


# In the order in which doctor examines.
TABLE: tuple[Code, ...] = (
    Code(
        "not-installed",
        "A program is configured and has no units, so nothing of it can run.",
        "Run wctl update.",
    ),
    Code(
        "units-outdated",
        "The configuration, or wctl itself, was changed and the units were not.",
        "Run wctl update: it restarts what changed.",
    ),
    Code(
        "unit-edited",
        "A unit that wctl wrote was edited, and the next update undoes that.",
        "Run wctl update to undo it now. To keep it, put it into the program's options, or use"
        " systemctl edit.",
    ),
    Code(
        "left-over",
        "Units are installed whose program is no longer configured.",
        "Run wctl update, which stops and removes it, or put it back into the configuration.",
    ),
    Code(
        "reload-needed",
        "A unit, or a drop-in of it, was changed on disk and systemd has not read it.",
        "Run systemctl daemon-reload. A worker that runs has the change after its next restart.",
    ),
    Code(
        "not-at-boot",
        "The program has autostart=true, but its target was disabled.",
        "Enable the target, or set autostart=false.",
    ),
    Code(
        "no-linger",
        "Without lingering, systemd ends a user's units with the last session, and starts none at"
        " boot.",
        "Run loginctl enable-linger.",
    ),
    Code(
        "supervisor-too",
        "A supervisord on this machine runs a program of the same name, or starts it at the next"
        " boot: twice the workers consume, and half of them nobody looks at here.",
        "Disable Supervisor once everything has moved. Until then, take the program out of its"
        " configuration.",
    ),
    Code(
        "fatal",
        "Every start has failed, startretries times over, and no further one is tried.",
        "Mend what the last lines tell, then start it.",
    ),
    Code(
        "unknown",
        "systemd reports a state that this wctl does not know.",
        "Look at systemctl status; a newer wctl may know it.",
    ),
    Code(
        "backoff",
        "Starts fail one after the other; the next try waits for its turn.",
        "Mend what the last lines tell. It then starts by itself, or at once with wctl restart.",
    ),
    Code(
        "stopped",
        "Somebody stopped what starts at boot.",
        "Start it, or have it stay down: wctl scale NAME 0.",
    ),
    Code(
        "exited",
        "It ended by itself, and autorestart has it stay so.",
        "Start it; with autorestart=true it would have come back.",
    ),
    Code(
        "out-of-memory",
        "The kernel killed it above its limit. With control groups of version 1 nobody tells"
        " systemd why, so that there a SIGKILL of a worker with a limit counts as one.",
        "Raise memory_max, or give the worker a lower limit of its own (--memory-limit), at which"
        " it ends gracefully.",
    ),
    Code(
        "crashing",
        "It became RUNNING and then ended uncleanly, at least three times since the last start by"
        " hand.",
        "Look at what it wrote before, mend that, and restart it: so it begins to count anew.",
    ),
    Code(
        "log-lines-dropped",
        "journald had more lines of it than a limit allows, and threw some away. Units of wctl"
        " have no such limit, so a drop-in or a passed-through directive set one.",
        "Take LogRateLimitIntervalSec= and LogRateLimitBurst= out of it.",
    ),
    Code(
        "tasks-limit",
        "It has nine tenths of the processes and threads that it may have.",
        "Find what leaks, or raise tasks_max.",
    ),
    Code(
        "files-limit",
        "It has nine tenths of the files open that it may have.",
        "Find what leaks, or raise minfds.",
    ),
    Code(
        "log-directory-closed",
        "The program's user writes the log files, and may not write there; the journal has the"
        " output.",
        "Give it a directory of its own.",
    ),
    Code(
        "health",
        "health_command fails or hangs; for Messenger without one, SELECT 1 does. Queues are not"
        " looked at.",
        "Start the service that does not answer, then run the command of the finding again.",
    ),
    Code(
        "health-unknown",
        "health_command cannot be run, so it tells nothing.",
        "Correct it. It is run without a shell: write sh -c '...' where it needs one.",
    ),
    Code(
        "queue-unknown",
        "queue_command cannot be run, fails, hangs, or prints neither a number nor JSON of name"
        " and number. For Messenger without one the same goes for messenger:stats.",
        "Run the command of the finding, and correct it.",
    ),
    Code(
        "queue-standing",
        "Messages wait, workers are RUNNING, and for as long as doctor looked (--wait) none was"
        " taken.",
        "Restart the workers: they hang, or they consume another queue.",
    ),
    Code(
        "queue-growing",
        "The workers are busy, and messages come faster than they go.",
        "Run more workers, if the machine and the database can take it.",
    ),
    Code(
        "wrong-queue",
        "Messenger's messages wait where no program of this machine looks: in a queue of the table"
        " that no transport reads, or in a transport that nobody consumes.",
        "Give sender and worker the same transport and queue_name; the command of the finding"
        " moves, or consumes, what waits.",
    ),
    Code(
        "messages-stuck",
        "A worker took messages and crashed, or hangs. They are not counted, and not given to"
        " another worker before redeliver_timeout.",
        "See that no worker is still at them, then release them by the command of the finding.",
    ),
    Code(
        "messages-failed",
        "Messages are in the failure transport: they were tried as often as they may be.",
        "Look at them (messenger:failed:show), then messenger:failed:retry or"
        " messenger:failed:remove.",
    ),
    Code(
        "pcntl-missing",
        "Without pcntl_signal() a worker written in PHP does not see SIGTERM: a stop kills the"
        " message in hand.",
        "Install the extension pcntl, and take pcntl_signal out of disable_functions.",
    ),
)

OWN = {code.name: code for code in TABLE}

# The warnings of "wctl check" that mean trouble for running workers; its other warnings are advice.
# log-directory-closed is not listed: doctor tests access as the program's user, because file modes
# do not tell everything.
FROM_CHECK = frozenset(
    {
        "command-not-found",
        "directory-closed",
        "directory-missing",
        "interrupting-stop",
        "log-directory-missing",
        "memory-below-own-limit",
        "memory-high-crawls",
        "planned-end-is-final",
        "shell-syntax",
        "startsecs-0",
        "user-missing",
    }
)


def known(name: str) -> bool:
    """Tell whether a finding may have this code: one of doctor's own, or one of "wctl check"."""
    return name in OWN or name in FROM_CHECK or (name in codes.CODES and codes.CODES[name].error)
