"""The worker wrapper: from systemd's exec of us to our exec of the worker.

In order: read the count of failed starts, wait out the back-off or give up, leave a notifier
behind that will report READY, become the worker. Where something has to stay beside the worker
(log files, retries with autorestart=false), resident.py is that, with the same steps.

Decided here:
- A start counts as failed from its beginning; only READY takes that back. So whatever ends us or
  the worker on the way, nobody has to notice for the count to be right.
- The worker is execed in the process that systemd started, so it is the main process, and its
  output, exit code and signals are between it and systemd. What failed before is in backoff.py.
- Signals are blocked while we fork: none can end us with the notifier half made.

Every start of every worker passes through this module, so it imports only what is built into the
interpreter: the public signal and socket modules cost 7 and 8 ms each, for their enums, and os,
for its abstract classes, as much as all that is ours, and 600 KiB of a resident wrapper.
"""

import posix

import _signal
import _socket

from .command_line import Options, UsageError, decoded, encoded, parse
from .starts import Start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .notifier import Worker

EXIT_USAGE = 64  # EX_USAGE of sysexits.h
EXIT_NOT_STARTED = 127  # the shell's, and Supervisor's, for a command that cannot be run


def prepare(arguments: "list[str]") -> Start:
    """Return the start that the unit's ExecStart= asks for, when its time has come."""
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # no traceback where stopsignal=INT
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
    except OSError as error:  # no process or descriptor to be had: TasksMax=, LimitNPROC=
        _say(f"{start.options.unit}: cannot start: {error.strerror}")
    posix._exit(EXIT_NOT_STARTED)


def _hand_off(start: Start) -> None:
    """Leave the notifier behind and become the worker."""
    pidfd = posix.pidfd_open(posix.getpid())
    # Close-on-exec: the notifier sees the end of this pipe at the very moment of the exec.
    gate = posix.pipe()
    if start.at_once and start.address is not None and _executable(start):
        # Only before the exec is it sure to be heard before the end of a worker that ends at once.
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

    ``gate`` is the pipe that ends with the worker's exec; ``output`` is one with what the worker
    writes, for ready=log:REGEX.

    Raises:
        OSError: there is no process to be had.
    """
    child = posix.fork()
    if child == 0:
        # A second fork, so that the notifier's zombie is the manager's to reap, not the worker's.
        code = 1
        try:
            if posix.fork() == 0:
                posix.close(gate[1])
                from . import notifier  # not on the worker's way

                notifier.run(start, pidfd, gate[0], lambda worker: _probe(start, worker, output))
            code = 0
        except Exception as error:
            _say(f"{start.options.unit}: cannot report READY: {error}")
        finally:
            posix._exit(code)  # never on into what becomes the worker
    if posix.waitpid(child, 0)[1]:
        raise OSError(11, "no process for the notifier")  # EAGAIN


def _probe(start: Start, worker: "Worker", output: "int | None") -> bool:
    from . import readiness  # once the worker is under way: its imports take longer than all else

    return readiness.wait(start, worker, output)


def block_signals() -> "set[int]":
    """Block every signal, so that none is lost or ends us halfway; return the mask before."""
    mask: "set[int]" = _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
    return mask


def become(options: Options, environ: "dict[bytes, bytes]", at_exec: int) -> None:
    """Replace this process with the worker; never returns.

    ``at_exec`` is the close-on-exec pipe that tells the notifier of success by its end, and of
    failure by a byte.
    """
    if options.ready != "notify":
        environ.pop(b"NOTIFY_SOCKET", None)
    command = [options.expanded(encoded(argument)) for argument in options.command]
    for name in map(encoded, options.expand_env):
        if name in environ:
            environ[name] = options.filled(environ[name])
    _split_stderr(options, environ)
    # Python ignores these two for itself. systemd left SIGXFSZ alone, and SIGPIPE too where
    # IgnoreSIGPIPE=no.
    _signal.signal(_signal.SIGXFSZ, _signal.SIG_DFL)
    if options.sigpipe:
        _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)
    try:
        _check_directory(options)
        _exec(command, environ)
    except OSError as error:
        posix.write(at_exec, b"!")
        _say_what_to_edit(options, f"{error.strerror}: {decoded(error.filename)}")
    posix._exit(EXIT_NOT_STARTED)


def _say_what_to_edit(options: Options, problem: str) -> None:
    """Say why the worker cannot be started, and which file says that it should be."""
    from . import backoff

    source = backoff.source(options)
    hint = f" (configured in {source})" if source else ""
    _say(f"{options.unit}: cannot start: {problem}{hint}")


def _say(line: str) -> None:
    from . import journald  # we speak when something is wrong

    journald.say(f"<3>{line}")


def _without_journal() -> str:
    """Return what becomes of log=journal where stdout is not the journal."""
    from .journald import is_null

    # systemd gives us /dev/null where it could not reach journald; anything else was asked for.
    return "fallback" if is_null(1) else "none"


def _check_spelling(options: Options) -> None:
    """Give up on an instance that nobody else would find: @0, @x (the right one is @00)."""
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
    """Return the environment as systemd gave it.

    Python may have added LC_CTYPE to its own (PEP 538), and a worker must not see that.
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
        for name, equals, value in (e.partition(b"=") for e in block.split(b"\0"))
        if equals
    }


def _check_directory(options: Options) -> None:
    """Fail where WorkingDirectory=- was missing, so that systemd started us in the root."""
    if options.directory is not None and posix.getcwd() == "/":
        posix.chdir(options.expanded(encoded(options.directory)))


def _split_stderr(options: Options, environ: "dict[bytes, bytes]") -> None:
    """Give stderr a journal stream of its own, with its own priority.

    SyslogLevel= holds for both streams. The protocol is the one that systemd itself speaks:
    seven header lines (identifier, unit, priority, level prefix, three forwards), then the bytes.
    """
    priority = options.stderr_priority
    if priority is None or options.log != "journal" or b"JOURNAL_STREAM" not in environ:
        return
    try:
        ours = _socket.socket(fileno=posix.dup(2))  # stdout is /dev/null where it is silent
        stream = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        stream.connect(ours.getpeername())  # LogNamespace= has a socket of its own
        ours.close()
        stream.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, 8 << 20)  # as systemd does
        # Facility user, for "wctl tail … stderr" (journald.py). The unit's name counts from root.
        header = f"{options.name}\n{options.unit}\n{1 << 3 | priority}\n1\n0\n0\n0\n"
        stream.sendall(encoded(header))
        stream.shutdown(_socket.SHUT_RD)
    except OSError:
        return  # it is not the journal, or the journal is away: both stay together
    posix.dup2(stream.fileno(), 2)
    stream.close()
    journal = posix.fstat(2)
    environ[b"JOURNAL_STREAM"] = b"%d:%d" % (journal.st_dev, journal.st_ino)


def _executable(start: Start) -> bool:
    """Tell whether the command is there, as far as can be told without running it."""
    try:
        _check_directory(start.options)
    except OSError:
        return False
    name = start.options.expanded(encoded(start.options.command[0]))
    return any(posix.access(path, posix.X_OK) for path in _candidates(name, start.environ))


def _candidates(name: bytes, environ: "dict[bytes, bytes]") -> "list[bytes]":
    if b"/" in name:
        return [name]
    path = environ.get(b"PATH", b"/bin:/usr/bin")  # as execvpe(3) has it
    return [directory + b"/" + name if directory else name for directory in path.split(b":")]


def _exec(command: "list[bytes]", environ: "dict[bytes, bytes]") -> None:
    """Exec ``command`` from the PATH of ``environ``.

    os.execvpe does the same, and imports warnings on the way.

    Raises:
        OSError: with the command's name; the most telling of what the directories answered.
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
