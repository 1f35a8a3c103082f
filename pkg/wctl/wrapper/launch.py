"""The worker wrapper: from systemd's exec of us to our exec of the worker.

In order: read the count of failed starts, wait out the back-off or give up, leave a notifier
behind that will report READY, become the worker. If the wrapper has to stay as the worker's parent
(log files, retries with autorestart=false), resident.py takes the same steps.

Decided here:
- A start counts as failed from its beginning; only READY takes that back. So the count is right
  whatever ends us or the worker on the way, even if no process notices.
- The wrapper execs the worker in the process that systemd started. So the worker is the main
  process, and its output, exit code and signals pass directly between the worker and systemd.
  backoff.py acts on earlier failed starts.
- Signals are blocked while we fork: no signal can end us with the notifier half made.

Every start of every worker passes through this module, so it imports only modules that are built
into the interpreter. The public signal and socket modules cost 7 and 8 ms, for their enums. os
costs, for its abstract classes, as much as all of our own modules, and a resident wrapper 600 KiB.
"""

import posix

import _signal
import _socket

from .command_line import Options, UsageError, decoded, encoded, is_null, parse
from .starts import Start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .notifier import Worker

EXIT_USAGE = 64  # EX_USAGE of sysexits.h
EXIT_NOT_STARTED = 127  # as the shell and Supervisor exit for a command that cannot be run


def prepare(arguments: "list[str]") -> Start:
    """Return the start that the unit's ExecStart= asks for, after its back-off."""
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # no traceback with stopsignal=INT
    try:
        options = parse(arguments)
    except UsageError as error:
        _say(f"wctl worker: {error}")
        posix._exit(EXIT_USAGE)
    _check_spelling(options)
    start = Start(options, _environment())
    if start.failed:
        from . import backoff  # a first start does not need it

        backoff.settle(start)
        backoff.back_off(start)
    if options.log == "journal" and b"JOURNAL_STREAM" not in start.environ:
        options.log = _without_journal()
    return start


def hand_off(start: Start) -> None:
    """Become the worker, in the process that systemd started; never returns."""
    start.begin()
    try:
        _hand_off(start)
    except OSError as error:  # no process or descriptor is left: TasksMax=, LimitNPROC=
        _say(f"{start.options.unit}: cannot start: {error.strerror}")
    posix._exit(EXIT_NOT_STARTED)


def _hand_off(start: Start) -> None:
    """Leave the notifier behind and become the worker."""
    pidfd = posix.pidfd_open(posix.getpid())
    # Close-on-exec: the notifier sees the end of this pipe at the very moment of the exec.
    gate = posix.pipe()
    if start.at_once and start.address is not None and _executable(start):
        # Before the exec, so that systemd hears READY before the end of a worker that ends at once.
        from . import sd_notify

        sd_notify.ready(start.address)
        start.said_ready = True
    mask = block_signals()
    leave_notifier(start, pidfd, gate)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
    become(start.options, start.environ, gate[1])


def leave_notifier(
    start: Start, pidfd: int, gate: "tuple[int, int]", output: "int | None" = None
) -> None:
    """Fork the notifier of the worker behind ``pidfd``; signals must be blocked.

    ``gate`` is the pipe that ends with the worker's exec; ``output`` is a pipe with a copy of the
    worker's output, for ready=log:REGEX.

    Raises:
        OSError: no process is left for the notifier.
    """
    child = posix.fork()
    if child == 0:
        # Fork twice, so that the manager reaps the notifier's zombie and the worker need not.
        code = 1
        try:
            if posix.fork() == 0:
                posix.close(gate[1])
                from . import notifier  # the worker does not wait for this import

                notifier.run(start, pidfd, gate[0], lambda worker: _probe(start, worker, output))
            code = 0
        except Exception as error:
            _say(f"{start.options.unit}: cannot report READY: {error}")
        finally:
            posix._exit(code)  # never return into the code that becomes the worker
    if posix.waitpid(child, 0)[1]:
        raise OSError(11, "no process for the notifier")  # EAGAIN


def _probe(start: Start, worker: "Worker", output: "int | None") -> bool:
    from . import readiness  # after the worker's exec: its imports take longer than everything else

    return readiness.wait(start, worker, output)


def block_signals() -> "set[int]":
    """Block all signals, so that none is lost or ends us halfway; return the previous mask."""
    mask: "set[int]" = _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
    return mask


def become(options: Options, environ: "dict[bytes, bytes]", at_exec: int) -> None:
    """Replace this process with the worker; never returns.

    ``at_exec`` is a close-on-exec pipe to the notifier: its end means that the exec succeeded, a
    byte that the exec failed.
    """
    if options.ready != "notify":
        environ.pop(b"NOTIFY_SOCKET", None)
    command = [options.expanded(encoded(argument)) for argument in options.command]
    for name in map(encoded, options.expand_env):
        if name in environ:
            environ[name] = options.filled(environ[name])
    _split_stderr(options, environ)
    if not options.keep_stdin and is_null(0):
        _hold_stdin_open()
    # Python ignores SIGXFSZ and SIGPIPE for itself. systemd had left SIGXFSZ alone, and with
    # IgnoreSIGPIPE=no SIGPIPE as well.
    _signal.signal(_signal.SIGXFSZ, _signal.SIG_DFL)
    if options.sigpipe:
        _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)
    if options.minfds or options.minprocs:
        from . import limits  # few workers ask for more than systemd allows

        limits.raise_all(options.unit, options.minfds, options.minprocs)
    try:
        _check_directory(options)
        _exec(command, environ)
    except OSError as error:
        posix.write(at_exec, b"!")
        _say_what_to_edit(options, f"{error.strerror}: {decoded(error.filename)}")
    posix._exit(EXIT_NOT_STARTED)


def _say_what_to_edit(options: Options, problem: str) -> None:
    """Say why the worker cannot be started, and which file configures it."""
    from . import backoff

    source = backoff.source(options)
    hint = f" (configured in {source})" if source else ""
    _say(f"{options.unit}: cannot start: {problem}{hint}")


def _say(line: str) -> None:
    from . import journald  # needed only when something is wrong

    journald.say(f"<3>{line}")


def _without_journal() -> str:
    """Return the value that replaces log=journal if stdout is not the journal."""
    # systemd opens /dev/null if it cannot reach journald; the user asked for any other stdout.
    return "fallback" if is_null(1) else "none"


def _check_spelling(options: Options) -> None:
    """Give up on an instance that the rest of wctl would not find: @0 or @x instead of @00."""
    number = options.instance
    if number.isascii() and number.isdigit():
        right = f"{int(number):02d}"
        if number == right:
            return
    else:
        right = "00"
    program = options.program
    from . import backoff

    reason = f"{program}@{number} is not how instances are named, try {program}@{right}"
    address = posix.environ.get(b"NOTIFY_SOCKET")
    backoff.give_up(reason, options, None if address is None else decoded(address))


def _environment() -> "dict[bytes, bytes]":
    """Return the environment as systemd set it.

    Python may have added LC_CTYPE to its own copy (PEP 538), and a worker must not see LC_CTYPE.
    """
    try:
        fd = posix.open("/proc/self/environ", posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return dict(posix.environ)
    block = b""
    while chunk := posix.read(fd, 1 << 16):
        block += chunk
    posix.close(fd)
    return {
        name: value
        for name, equals, value in (entry.partition(b"=") for entry in block.split(b"\0"))
        if equals
    }


def _check_directory(options: Options) -> None:
    """Go to the worker's directory if systemd started us in the root directory.

    systemd does so if the directory is missing, or if the unit has no WorkingDirectory=.

    Raises:
        OSError: the directory is missing, or we may not enter it.
    """
    if options.directory is not None and posix.getcwd() == "/":
        posix.chdir(options.expanded(encoded(options.directory)))


def _split_stderr(options: Options, environ: "dict[bytes, bytes]") -> None:
    """Give stderr a journal stream of its own, with its own priority.

    SyslogLevel= applies to both streams. This is the protocol that systemd itself speaks: seven
    header lines (identifier, unit, priority, level prefix, three forwards), then the bytes.
    """
    priority = options.stderr_priority
    if priority is None or options.log != "journal" or b"JOURNAL_STREAM" not in environ:
        return
    try:
        ours = _socket.socket(fileno=posix.dup(2))  # a silent stdout is /dev/null
        stream = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        stream.connect(ours.getpeername())  # a unit with LogNamespace= has a socket of its own
        ours.close()
        stream.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, 8 << 20)  # as systemd does
        # Facility user, for "wctl tail … stderr". journald believes the unit's name only from root.
        header = f"{options.name}\n{options.unit}\n{1 << 3 | priority}\n1\n0\n0\n0\n"
        stream.sendall(encoded(header))
        stream.shutdown(_socket.SHUT_RD)
    except OSError:
        return  # stderr is not the journal, or journald is away: both streams stay together
    posix.dup2(stream.fileno(), 2)
    stream.close()
    journal = posix.fstat(2)
    environ[b"JOURNAL_STREAM"] = b"%d:%d" % (journal.st_dev, journal.st_ino)


def _hold_stdin_open() -> None:
    """Make stdin a pipe that stays empty and open, as under Supervisor, in place of /dev/null.

    The worker opens the pipe for reading and writing at once. So it is its own writer, with this
    one descriptor, and its reads never see an end of file.
    """
    try:
        path = f"/proc/self/fd/{posix.pipe()[0]}"
        posix.dup2(posix.open(path, posix.O_RDWR | posix.O_CLOEXEC), 0)
    except OSError:
        pass  # no /proc, as with RootDirectory=; the exec closes the pipe


def _executable(start: Start) -> bool:
    """Tell whether the command can be run, as far as its files show without running it."""
    try:
        _check_directory(start.options)
    except OSError:
        return False
    name = start.options.expanded(encoded(start.options.command[0]))
    return any(posix.access(path, posix.X_OK) for path in _candidates(name, start.environ))


def _candidates(name: bytes, environ: "dict[bytes, bytes]") -> "list[bytes]":
    if b"/" in name:
        return [name]
    path = environ.get(b"PATH", b"/bin:/usr/bin")  # the default of execvpe(3)
    return [directory + b"/" + name if directory else name for directory in path.split(b":")]


def _exec(command: "list[bytes]", environ: "dict[bytes, bytes]") -> None:
    """Exec ``command`` from the PATH of ``environ``.

    os.execvpe does the same, but imports warnings on the way.

    Raises:
        OSError: the most telling error of the directories in PATH, with the command's name.
    """
    found: "OSError | None" = None
    for path in _candidates(command[0], environ):
        try:
            posix.execve(path, command, environ)
        except (FileNotFoundError, NotADirectoryError):
            if path == command[0]:
                raise
        except OSError as error:
            found = found or error
    raise found or FileNotFoundError(2, "command not found", command[0])
