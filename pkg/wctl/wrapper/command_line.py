"""The worker wrapper's own command line, as the generator writes it into ExecStart=.

``[--NAME=VALUE | --FLAG]… UNIT -- COMMAND [ARGUMENT]…``

No argparse and no dataclass: both take longer to import than the rest of the wrapper takes to run.
"""

import posix
import sys

# Seconds that one try to start may take in addition to the time until the worker is READY. A start
# that takes longer has hung. TimeoutStartSec= and every extension of it include these seconds.
START_GRACE = 30

NO_FILE = "NONE"  # in place of a log file's name: the stream has no file


def encoded(text: str) -> bytes:
    """Return the bytes that the system has for ``text``, as os.fsencode does."""
    return text.encode(sys.getfilesystemencoding(), "surrogateescape")


def decoded(data: bytes) -> str:
    """Return the text of the system's ``data``, as os.fsdecode does."""
    return data.decode(sys.getfilesystemencoding(), "surrogateescape")


def is_null(fd: int) -> bool:
    """Tell whether ``fd`` is /dev/null: systemd's stdin, and its stdout while journald is away."""
    try:
        return posix.fstat(fd).st_rdev == posix.makedev(1, 3)
    except OSError:
        return False


class UsageError(Exception):
    """The generator does not write such a command line."""


class Options:
    """The options on the wrapper's command line. Times are in seconds, sizes in bytes."""

    def __init__(self) -> None:
        self.unit = ""  # messenger-worker@00.service
        self.command: "list[str]" = []
        self.user = False  # the unit belongs to a user's manager
        self.directory: "str | None" = None
        self.startsecs = 1
        self.startretries = 3
        self.ready = "startsecs"
        self.ready_timeout = 60
        self.stopsignal = 15
        self.behind_shell = 0  # the seconds to stop of what a shell leaves behind; 0 for no shell
        self.stop_group = False  # systemd signals the whole group, so resident mode does not
        self.minfds = 0  # raise lower limits to these; 0: leave them
        self.minprocs = 0
        self.sigpipe = False  # give SIGPIPE its default disposition back
        self.keep_stdin = False  # even if it is /dev/null
        self.expand = False  # arguments, directory and log files hold %(process_num) formats
        self.expand_env: "list[str]" = []  # the variables that hold such formats
        self.retry = False  # count and retry failed starts here: the unit has Restart=no
        self.stderr_priority: "int | None" = None
        self.redirect_stderr = False
        # journal, file or both; none leaves stdout and stderr alone. No unit says fallback: it
        # means the journal, and files as long as journald is away.
        self.log = "journal"
        self.stdout_file: "str | None" = None
        self.stdout_maxbytes = 50 << 20
        self.stdout_backups = 10
        self.stderr_file: "str | None" = None
        self.stderr_maxbytes = 50 << 20
        self.stderr_backups = 10

    @property
    def name(self) -> str:
        """The instance's name without the suffix: messenger-worker@00."""
        return self.unit.rpartition(".")[0]

    @property
    def program(self) -> str:
        """The part of the name before the @: messenger-worker."""
        return self.unit.partition("@")[0]

    @property
    def instance(self) -> str:
        """The part of the name after the @: 00."""
        return self.name.partition("@")[2]

    @property
    def resident(self) -> bool:
        """Whether the wrapper must stay as the worker's parent."""
        return self.retry or self.pumped or self.behind_shell > 0

    @property
    def pumped(self) -> bool:
        """Whether the worker's output passes through the wrapper."""
        return self.log in {"file", "both", "fallback"} or self.ready.startswith("log:")

    def expanded(self, text: bytes) -> bytes:
        """Return an argument or a path, with its numbers filled in if ``expand`` is set."""
        return self.filled(text) if self.expand else text

    def filled(self, text: bytes) -> bytes:
        """Fill in %(process_num)d and its other formats, which systemd's %i cannot express."""
        return text % {b"process_num": int(self.instance)}


def parse(arguments: "list[str]") -> Options:
    """Read the wrapper's command line.

    Raises:
        UsageError: the generator does not write such a command line.
    """
    options = Options()
    for index, argument in enumerate(arguments):
        if argument == "--":
            options.command = arguments[index + 1 :]
            break
        if argument.startswith("--"):
            _set(options, argument)
        else:
            options.unit = argument
    if not options.command or "@" not in options.unit or not options.name:
        raise UsageError("expected [--OPTION=VALUE]... PROGRAM@NN.service -- COMMAND [ARGUMENT]...")
    return options


def _set(options: Options, argument: str) -> None:
    name, equals, value = argument[2:].partition("=")
    name = name.replace("-", "_")
    known = vars(options).get(name, parse)
    if isinstance(known, bool) and not equals:
        setattr(options, name, True)
    elif not equals or known is parse or isinstance(known, bool) or name in {"unit", "command"}:
        raise UsageError(f"unknown option {argument!r}")
    elif isinstance(known, list):
        setattr(options, name, value.split(","))
    elif isinstance(known, int) or name == "stderr_priority":
        if not value.isdigit():
            raise UsageError(f"{argument!r} needs a number")
        setattr(options, name, int(value))
    else:
        setattr(options, name, value)


def log_path(options: Options, directory: "str | None", *, stderr: bool) -> "str | None":
    """Return the log file of one stream, by default in ``directory``; None for no file."""
    given = options.stderr_file if stderr else options.stdout_file
    if given == NO_FILE:
        return None
    if given is not None:
        return decoded(options.expanded(encoded(given)))
    if directory is None:
        return None
    suffix = "-error" if stderr else ""
    return f"{directory}/{options.program}-{options.instance}{suffix}.log"
