"""Every difference in how Supervisor and wctl read a configuration, with its reason."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from oracle.both import Processes


@dataclass(frozen=True)
class Difference:
    """One kind of difference.

    ``pattern`` matches a line of differences(), ``text`` matches the configuration. ``example`` has
    all sections, or the lines of [program:x], of a configuration that both read differently.
    """

    name: str
    reason: str
    pattern: str
    example: str
    text: str = ""


# "refused by X: why" means that the other parser accepts the configuration.
TABLE: tuple[Difference, ...] = (
    Difference(
        "missing-supervisord",
        "there is no supervisord to set up, so no section has to say how",
        "refused by Supervisor: .*does not include supervisord section",
        "[program:x]\ncommand=/bin/cat",
    ),
    Difference(
        "log-directory",
        "the directory of a log file may not exist yet: a warning of the check, no error",
        "refused by Supervisor: .*directory named as part of the path .* does not exist",
        "command=/bin/cat\nstdout_logfile=/nonesuch/x.log",
    ),
    Difference(
        "no-such-user",
        "a user may not exist yet where units are rendered: a warning of the check",
        "refused by Supervisor: .*Invalid user (name|id)",
        "command=/bin/cat\nuser=nonesuch",
    ),
    Difference(
        "byte-suffixes",
        "1M means 1MB, since everybody writes it",
        r"refused by Supervisor: .*invalid literal for int\(\).*'\d+ ?[kmgt]'",
        "command=/bin/cat\nstdout_logfile_maxbytes=10M",
    ),
    Difference(
        "exit-code-list",
        "a trailing comma in a list is no offence",
        "refused by Supervisor: .*not a valid list of exit codes",
        "command=/bin/cat\nexitcodes=0,",
        text=r"(?im)^exitcodes *[=:]\s*[\d ,]+(\s|$)",
    ),
    Difference(
        "program-list",
        "a trailing comma, or blanks between the names, in a list of programs are no offence",
        "refused by Supervisor: .*names unknown program",
        "[supervisord]\n[program:x]\ncommand=/bin/cat\n[group:g]\nprograms=x,",
        text=r"(?m)^programs *= *.*(,\s*$|\w\s+\w)",
    ),
    Difference(
        "value-on-the-next-line",
        "a value that begins on the line below its key is that value, for every kind of option",
        r"refused by Supervisor: .*'\\n|\w+: '\\n|refused by Supervisor: .*path \n",
        "command=/bin/cat\nautostart=\n  no",
    ),
    Difference(
        "process-name-default",
        "several processes without a process_name are called NAME_00, NAME_01",
        r"refused by Supervisor: .*%\(process_num\) must be present within process_name",
        "command=/bin/cat\nnumprocs=2",
    ),
    Difference(
        "eventlistener",
        "it is not run here (a warning says so), so nothing in it is an error",
        'refused by Supervisor: .*requires an "events" line',
        "[supervisord]\n[eventlistener:x]\ncommand=/bin/cat",
    ),
    Difference(
        "sections-without-effect",
        "what only supervisord would use is named in a warning, right or wrong",
        "refused by Supervisor: .*(bad logging level|has no (port|file) value)",
        "[supervisord]\nloglevel=nonesuch",
    ),
    Difference(
        "log-file-expanded-twice",
        "Supervisor expands the name of a log file twice, so that %% fails; we expand it once",
        "refused by Supervisor: .*(badly formatted|cannot be expanded).*",
        "command=/bin/cat\nstdout_logfile=/tmp/100%%.log",
        text=r"(?is)std(out|err)_logfile *[=:].*(%%|PERCENT)|(%%|PERCENT).*std(out|err)_logfile",
    ),
    Difference(
        "percent-before-here",
        "%%(here)s is %(here)s as it is written; Supervisor fills it in where it includes files",
        "refused by Supervisor: .*badly formatted|(environment|directory|processes): .*",
        'command=/bin/cat\nenvironment=A="%%(here)s"\n[include]\nfiles=*.none',
        text=r"%%\(here\)s",
    ),
    Difference(
        "format-without-a-name",
        "%s without a name is the whole table of names as Python prints it: an error here",
        "refused by wctl: .*a lone % is not allowed",
        "command=/bin/cat\ndirectory=/tmp/%s",
        text="%s",
    ),
    Difference(
        "names-of-variables",
        "a variable whose name no shell can use is one that systemd drops: an error here",
        "refused by wctl: .* passes on no variable of this name",
        "command=/bin/cat\nenvironment=A-B=1",
    ),
    Difference(
        "relative-paths",
        "relative to the directory that supervisord happened to be started in: an error here",
        "refused by wctl: .*expected an absolute path",
        "command=/bin/cat\ndirectory=sub",
    ),
    Difference(
        "numbers-in-range",
        "numbers without a meaning: signal 0, process -1, more than 10,000 processes, a file mode"
        " of 5 digits: an error here",
        "refused by wctl: .*expected (a whole number|a signal|a size|an octal number)",
        "command=/bin/cat\nstopsignal=0",
    ),
    Difference(
        "numbers-clamped",
        "less than 0 is as 0 to Supervisor, and more than wctl counts to is for ever: a warning",
        r"(startsecs|startretries|stopwaitsecs|(group_)?priority"
        r"|std(out|err)_logfile_(backups|maxbytes)): (-\d+ and 0|\d{7,} and 10{6,})$",
        "command=/bin/cat\nstartretries=999999999\nstdout_logfile_maxbytes=-1",
    ),
    Difference(
        "empty-log-file",
        "a log file without a name is no log file there, and the journal here",
        r"std(out|err)_logfile: '' and 'AUTO'",
        "command=/bin/cat\nstdout_logfile=",
    ),
    Difference(
        "directory-of-supervisord",
        "Supervisor uses it only when it goes to the background; here it is a default of programs",
        "directory: None and ",
        "[supervisord]\ndirectory=/tmp\n[program:x]\ncommand=/bin/cat",
        text=r"(?im)\[supervisord\][^\[]*^directory *[=:]",
    ),
    Difference(
        "process-num-in-sizes",
        "one unit serves all processes, so sizes cannot depend on the number",
        "refused by wctl: .*is not valid here",
        "command=/bin/cat\nstdout_logfile_backups=%(process_num)d",
    ),
    Difference(
        "process-num-formats",
        "formats that make no number, or pad with blanks that are split away: an error here",
        r"refused by wctl: .*(%\(process_num\)\S+ does not fit|padded with blanks)",
        "command=/bin/echo %(process_num)5d",
    ),
    Difference(
        "empty-command",
        "Supervisor accepts a command that cannot be split, and fails at the start: an error here",
        "refused by wctl: .*empty, expected the command",
        "command=''",
    ),
    Difference(
        "process-name-characters",
        "a process's name is checked before it is expanded there, and after it here",
        "refused by wctl: .*expected a name without blanks",
        "command=/bin/cat\nprocess_name=%(ENV_BLANKS)s",
    ),
    Difference(
        "no-processes",
        "Supervisor does not look at a program without processes; wctl scale may start some later",
        "refused by wctl: .*",
        "numprocs=0",
        text=r"(?im)^numprocs *[:=]\s*[-0]",
    ),
    Difference(
        "program-in-two-groups",
        "Supervisor would run it once for each group; one unit cannot: an error here",
        "refused by wctl: .*expected in one group only",
        "[supervisord]\n[program:x]\ncommand=/bin/cat\n"
        "[group:g]\nprograms=x\n[group:h]\nprograms=x",
    ),
    Difference(
        "program-and-group-of-one-name",
        "Supervisor makes two groups of one name, and runs one of them: an error here",
        "refused by wctl: .*both would be the same",
        "[supervisord]\n[program:x]\ncommand=/bin/cat\n"
        "[program:y]\ncommand=/bin/cat\n[group:x]\nprograms=y",
    ),
    Difference(
        "processes-of-one-name",
        "Supervisor runs one of the processes with one name in a group, wctl all: a warning",
        "twice: ",
        "[supervisord]\n[program:x]\ncommand=/bin/cat\nprocess_name=a\n"
        "[program:y]\ncommand=/bin/cat\nprocess_name=a\n[group:g]\nprograms=x,y",
    ),
    Difference(
        "fcgi-in-a-group",
        "in a [group:x] Supervisor forgets the socket; it stays here",
        "socket: None and .*",
        "[supervisord]\n[fcgi-program:x]\ncommand=/bin/cat\nsocket=unix:///tmp/s\n"
        "[group:g]\nprograms=x",
    ),
    Difference(
        "socket-by-address",
        "systemd resolves no host names: only localhost and IPv4 addresses are accepted",
        r"socket: .*tcp://(localhost|0|127\.1):.*tcp://(127\.0\.0\.1|0\.0\.0\.0):"
        r"|refused by wctl: .*with an IPv4 address",
        "[supervisord]\n[fcgi-program:x]\ncommand=/bin/cat\nsocket=tcp://localhost:9000",
    ),
    Difference(
        "here-of-defaults",
        "in [DEFAULT] %(here)s is the file's own directory, there the one of the file that has"
        " the section",
        "directory: .*",
        "[DEFAULT]\ndirectory=%(here)s\n[supervisord]\n[include]\nfiles=conf.d/*.conf",
        text=r"(?s)\[DEFAULT\][^\[]*%\(here\)",
    ),
)


def differences(theirs: Processes | str, ours: Processes | str) -> list[str]:
    """Return a line for each difference."""
    if isinstance(theirs, str) and isinstance(ours, str):
        return []
    if isinstance(theirs, str):
        return [f"refused by Supervisor: {theirs}"]
    if isinstance(ours, str):
        return [f"refused by wctl: {line}" for line in ours.splitlines()]
    counts = Counter((process["group"], process["name"]) for process in ours)
    twice = {name for name, count in counts.items() if count > 1}
    missing = twice - {(process["group"], process["name"]) for process in theirs}
    if missing:
        return [f"processes: none and {sorted(missing)}"]
    # Where names repeat, we do not know which of our processes Supervisor's one is.
    ordered = [
        sorted((one for one in processes if (one["group"], one["name"]) not in twice), key=_key)
        for processes in (theirs, ours)
    ]
    if list(map(_key, ordered[0])) != list(map(_key, ordered[1])):
        return [f"processes: {list(map(_key, ordered[0]))} and {list(map(_key, ordered[1]))}"]
    found = [f"twice: {group}:{name}" for group, name in sorted(twice)]
    return found + [
        f"{name}: {one[name]!r} and {other[name]!r}"
        for one, other in zip(*ordered)
        for name in sorted({*one, *other})
        if one.get(name, "missing") != other.get(name, "missing")
    ]


def unexplained(found: list[str], text: str) -> list[str]:
    """Return the differences that the table does not name."""
    return [line for line in found if explanation(line, text) is None]


def explanation(line: str, text: str) -> Difference | None:
    """Return the row of the table that explains one line of differences()."""
    for row in TABLE:
        if re.match(row.pattern, line, re.DOTALL) and re.search(row.text, text):
            return row
    return None


def _key(process: dict[str, Any]) -> tuple[str, str, list[str]]:
    return process["group"], process["name"], process["argv"]
