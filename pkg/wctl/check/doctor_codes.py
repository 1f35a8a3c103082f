"""The codes of doctor's own findings: what each code means, and what to do about it.

man/make.py writes this table into wctl(1). It stands here, and not with doctor, because check knows
the codes that wctl_ignore may name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from wctl.check import codes


class Severity(str, Enum):
    """How bad a finding is; the worst comes first."""

    ERROR = "error"  # jobs are not done, or are lost
    WARNING = "warning"  # something is missing, and will be missed
    NOTICE = "notice"  # somebody may have meant it

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Code:
    """One kind of finding."""

    name: str  # stable: scripts and alerts rely on the name
    severity: Severity
    why: str
    remedy: str


# In the order in which doctor examines.
TABLE: tuple[Code, ...] = (
    Code(
        "not-installed",
        Severity.WARNING,
        "A program is configured, but its units are not installed, so it cannot run.",
        "Run wctl update.",
    ),
    Code(
        "variables-lost",
        Severity.ERROR,
        "The file with the program's variables, which only root can read, is missing or damaged. No"
        " start succeeds, or a worker runs with other variables than those that are configured.",
        "Run wctl update. It writes the file again, and restarts the program.",
    ),
    Code(
        "units-outdated",
        Severity.WARNING,
        "The configuration, or wctl itself, has changed since wctl wrote the units.",
        "Run wctl update. It restarts the programs that changed.",
    ),
    Code(
        "unit-edited",
        Severity.NOTICE,
        "A unit that wctl wrote was edited by hand. The next update undoes the edit.",
        "Run wctl update to undo the edit now. To keep it, set the program's options instead, or"
        " use systemctl edit.",
    ),
    Code(
        "update-unfinished",
        Severity.WARNING,
        "wctl update was interrupted (a signal, a closed terminal) before it had restarted all.",
        "Run wctl update again.",
    ),
    Code(
        "left-over",
        Severity.WARNING,
        "Units are installed for a program that is no longer configured.",
        "Run wctl update to stop and remove the program, or configure the program again. An update"
        " keeps programs that came from other files: use wctl stop and wctl remove.",
    ),
    Code(
        "masked",
        Severity.WARNING,
        "systemctl mask has disabled a unit for good, and no start works.",
        "Run systemctl unmask if the program is to run; else remove it from the configuration.",
    ),
    Code(
        "frozen",
        Severity.ERROR,
        "systemctl freeze has stopped the processes of a unit.",
        "Run systemctl thaw.",
    ),
    Code(
        "drop-in-overrides",
        Severity.NOTICE,
        "A drop-in (systemctl edit) sets a directive that wctl writes itself.",
        "Remove the directive from the drop-in, and use the option that sets it (wctl.conf(5)).",
    ),
    Code(
        "journald-down",
        Severity.ERROR,
        "systemd-journald does not run. Programs with log files as a fallback write there.",
        "Start systemd-journald.",
    ),
    Code(
        "journald-stores-nothing",
        Severity.WARNING,
        "Storage=none in journald.conf(5): journald drops what it gets.",
        "Set another Storage=, or log=file for the programs.",
    ),
    Code(
        "journal-unreadable",
        Severity.WARNING,
        "journalctl fails, hangs or is missing, or you may not read the journal. doctor then knows"
        " nothing of crashes, kills and lost lines.",
        "Run doctor as root, or as a user in the group systemd-journal. Otherwise, correct what the"
        " command of the finding shows.",
    ),
    Code(
        "log-file-fails",
        Severity.ERROR,
        "The wrapper cannot write a log file: the disk, a directory, a link of another user. With"
        " log=both, the journal has the lines.",
        "Correct the cause; the wrapper tries again each second.",
    ),
    Code(
        "log-file-grows",
        Severity.WARNING,
        "The wrapper cannot rename a log file, and the file grows beyond its limit.",
        "Move away the file or directory that is in the way, or end the process that has locked the"
        " log file; the wrapper tries again each minute.",
    ),
    Code(
        "starts-not-counted",
        Severity.WARNING,
        "The wrapper cannot write its count of failed starts, so there is no back-off.",
        "Make room in /run.",
    ),
    Code(
        "reload-needed",
        Severity.WARNING,
        "A unit, or one of its drop-ins, has changed on disk, and systemd has not read the change.",
        "Run systemctl daemon-reload. A running worker gets the change at its next restart.",
    ),
    Code(
        "not-at-boot",
        Severity.NOTICE,
        "The program has autostart=true, but somebody has disabled it (wctl disable).",
        "Run wctl enable, or set autostart=false.",
    ),
    Code(
        "no-linger",
        Severity.WARNING,
        "Without lingering, systemd stops a user's units when the user's last session ends, and"
        " starts none at boot.",
        "Run loginctl enable-linger.",
    ),
    Code(
        "supervisor-too",
        Severity.ERROR,
        "A supervisord on this machine runs a program of the same name, or starts it at the next"
        " boot. Then twice as many workers consume, and wctl sees only half of them.",
        "Disable Supervisor when all programs have moved. Until then, remove the program from"
        " Supervisor's configuration.",
    ),
    Code(
        "fatal",
        Severity.ERROR,
        "The first start and startretries further tries have all failed. wctl does not try again.",
        "Fix the cause that the last lines show, then start the instance.",
    ),
    Code(
        "unknown",
        Severity.ERROR,
        "systemd reports a state that this version of wctl does not know.",
        "Look at systemctl status. A newer wctl may know the state.",
    ),
    Code(
        "backoff",
        Severity.ERROR,
        "Several starts in a row have failed. The wrapper waits before the next try.",
        "Fix the cause that the last lines show. The worker then starts by itself, or at once with"
        " wctl restart.",
    ),
    Code(
        "stopped",
        Severity.NOTICE,
        "An instance that starts at boot was stopped by hand.",
        "Start the instance, or run wctl scale NAME 0 if the program should stay stopped.",
    ),
    Code(
        "exited",
        Severity.WARNING,
        "The worker ended by itself, neither with exit status 0 nor with one of exitcodes, and"
        " autorestart does not restart it.",
        "Start the instance. With autorestart=true, systemd would have started it again.",
    ),
    Code(
        "out-of-memory",
        Severity.ERROR,
        "The kernel killed the worker above its memory limit. With control groups of version 1, the"
        " kernel does not tell systemd why it kills. There, doctor assumes this cause for every"
        " SIGKILL of a worker with a limit.",
        "Raise memory_max, or give the worker a lower limit of its own (--memory-limit), at which"
        " the worker exits gracefully.",
    ),
    Code(
        "crashing",
        Severity.ERROR,
        "The worker became RUNNING and then ended uncleanly, at least three times since its last"
        " start by hand.",
        "Look at the last lines that the worker wrote, fix the cause, and restart the instance."
        " The restart resets the count.",
    ),
    Code(
        "log-lines-dropped",
        Severity.WARNING,
        "journald received more lines from the worker than a rate limit allows, and dropped some."
        " wctl writes no such limit into units, so a drop-in or a passed-through directive set it.",
        "Remove LogRateLimitIntervalSec= and LogRateLimitBurst= from that drop-in, or from the"
        " configuration.",
    ),
    Code(
        "child-out-of-memory",
        Severity.WARNING,
        "The kernel killed a process that the worker had started, because the instance was above"
        " its memory limit, and the worker goes on without it. That happens with"
        " OOMPolicy=continue, and with control groups of version 1.",
        "Raise memory_max, or make the worker's commands use less. The next restart resets the"
        " count.",
    ),
    Code(
        "tasks-limit",
        Severity.WARNING,
        "The instance has reached nine tenths of its limit of processes and threads.",
        "Find the leak, or raise tasks_max.",
    ),
    Code(
        "files-limit",
        Severity.WARNING,
        "The worker has reached nine tenths of its limit of open files.",
        "Find the leak, or raise minfds.",
    ),
    Code(
        "log-directory-closed",
        Severity.WARNING,
        "The log files are written as the program's user, who may not write to their directory."
        " Only the journal gets the output.",
        "Give the program a log directory that belongs to its user.",
    ),
    Code(
        "log-file-closed",
        Severity.WARNING,
        "The program's user may not write to a log file, as when Supervisor made the file as root."
        " Only the journal gets the output.",
        "Give the file to the user; or let the user move it away, and the wrapper makes a new one.",
    ),
    Code(
        "health",
        Severity.ERROR,
        "The health_command fails or hangs. For Messenger without a health_command, doctor runs"
        " SELECT 1 instead. If the command fails, doctor does not look at queues.",
        "Start the service that does not answer, then run the command of the finding again.",
    ),
    Code(
        "health-unknown",
        Severity.WARNING,
        "The health_command cannot be run, so doctor cannot tell whether the program is healthy.",
        "Correct the command. doctor runs it without a shell: write sh -c '...' if it needs one.",
    ),
    Code(
        "queue-unknown",
        Severity.WARNING,
        "The queue_command cannot be run, fails, hangs, or prints neither a number nor JSON of name"
        " and number. For Messenger without a queue_command, this is about messenger:stats.",
        "Run the command of the finding, and correct it.",
    ),
    Code(
        "queue-standing",
        Severity.ERROR,
        "Messages wait and workers are RUNNING, but no worker took a message while doctor watched"
        " the queue (--wait).",
        "Restart the workers: they hang, or they consume another queue.",
    ),
    Code(
        "queue-growing",
        Severity.WARNING,
        "The workers are busy, but messages arrive faster than the workers handle them.",
        "Run more workers, if the machine and the database can bear the load.",
    ),
    Code(
        "wrong-queue",
        Severity.ERROR,
        "Messages of Messenger wait where no program of this machine looks: in a queue of the table"
        " that no transport reads, or in a transport that no program consumes.",
        "Give sender and worker the same transport and queue_name. The command of the finding"
        " moves, or consumes, the messages that wait.",
    ),
    Code(
        "messages-stuck",
        Severity.ERROR,
        "A worker took messages and then crashed, or hangs. Messenger does not count these messages"
        " and gives them to no other worker before redeliver_timeout.",
        "Make sure that no worker still handles the messages, then release them with the command of"
        " the finding.",
    ),
    Code(
        "messages-failed",
        Severity.WARNING,
        "Messages are in the failure transport, because all their tries have failed.",
        "Look at the messages with messenger:failed:show, then use messenger:failed:retry or"
        " messenger:failed:remove.",
    ),
    Code(
        "pcntl-missing",
        Severity.WARNING,
        "Without pcntl_signal(), a PHP worker does not notice SIGTERM, so a stop kills it while it"
        " handles a message.",
        "Install the extension pcntl, and remove pcntl_signal from disable_functions.",
    ),
)

OWN = {code.name: code for code in TABLE}

# The warnings of "wctl check" that mean trouble for running workers; its other warnings are advice.
# log-directory-closed and log-file-closed are not listed: doctor tests access as the program's
# user, because file modes do not tell everything. Of log-not-a-file, the wrapper's notes tell.
FROM_CHECK = frozenset(
    {
        "command-not-executable",
        "command-not-found",
        "directory-closed",
        "directory-missing",
        "log-directory-missing",
        "memory-below-own-limit",
        "memory-high-crawls",
        "planned-end-is-final",
        "shell-syntax",
        "user-missing",
    }
)


def known(name: str) -> bool:
    """Tell whether a finding may have this code: one of doctor's own, or one of "wctl check"."""
    return name in OWN or name in FROM_CHECK or (name in codes.CODES and codes.CODES[name].error)


def can_be_ignored(name: str) -> bool:
    """Tell whether wctl_ignore may name this code: no error of check can be silenced."""
    return name in OWN or not codes.CODES[name].error


def severity(name: str) -> Severity:
    """Return how bad a finding with this code is."""
    if name in OWN:
        return OWN[name].severity
    return Severity.ERROR if codes.CODES[name].error else Severity.WARNING
