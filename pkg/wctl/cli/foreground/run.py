"""run: one instance in the foreground, without systemd, as a container's command."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import click

from wctl.cli.app import pass_session, shared
from wctl.cli.foreground import run_as
from wctl.cli.output import echo
from wctl.config import load
from wctl.config.model import Program
from wctl.errors import WctlError
from wctl.session.session import Session
from wctl.systemd import env_file, unit_name
from wctl.systemd.unit_file import Raw, Word
from wctl.trust.text import printable
from wctl.units import environment
from wctl.units.exec_start import Arguments

# Options that "wctl run" leaves out, because only a service manager can apply them.
_NEEDS_SYSTEMD = (
    "memory_max", "memory_swap_max", "memory_high", "cpu_quota", "cpu_weight", "io_weight",
    "tasks_max", "max_runtime", "credential",
)  # fmt: skip


@click.command()
@shared
@click.option(
    "--log",
    type=click.Choice(["terminal", "file", "both"]),
    help="Where output goes. Default: to the terminal, and to the log file of the program, if any.",
)
@click.argument("instance", metavar="PROGRAM@NN")
@pass_session
def run(session: Session, instance: str, log: str | None) -> None:
    """Run one instance in the foreground, without systemd.

    The wrapper takes over this process: signals reach the worker, and the exit code is the
    worker's. Nothing restarts the worker.

    If wctl has to change the user at a terminal, the worker gets a session and a terminal of its
    own, so that it can neither read nor type at yours. wctl stays and passes on input, output, the
    size of the window and signals. Ctrl-Z suspends wctl and the worker.

    The worker's user is that of the configuration. If systemd runs and would run the instance as
    another user or group, because of a drop-in or an update that is due, root's wctl refuses. It
    refuses DynamicUser= and specifiers, too.

    Example: wctl run messenger-worker@00
    """
    program, number = _find(session, instance)
    arguments = _arguments(session, program, number, log)
    missing = [name for name in _NEEDS_SYSTEMD if getattr(program, name)]
    if missing and not session.quiet:
        echo(f"wctl: without systemd, these options have no effect: {', '.join(missing)}", err=True)
    owner = run_as.owner(session, program, program.instance(number))
    variables = {
        **os.environ,
        **(environment.of_user(owner.account) if owner is not None else {}),
        **environment.of_instance(program, number, session.layout.environment, _reader(session)),
    }
    if owner is not None and owner.account.pw_uid != os.geteuid():
        from wctl.cli.foreground import terminal  # imports what only this case needs

        terminal.leave(owner.account.pw_uid)
    _renice(program)
    if owner is not None:
        owner.become()
    os.umask(0o022 if program.umask is None else program.umask)
    _enter(program, number)
    sys.stdout.flush()
    try:
        os.execve(arguments[0], arguments, variables)
    except OSError as error:
        raise WctlError(f"{arguments[0]}: {error.strerror}") from None


def _find(session: Session, instance: str) -> tuple[Program, int]:
    name, separator, number = instance.partition("@")
    if not separator:
        number = "00"
    digits = number.isascii() and number.isdigit() and len(number) <= unit_name.MOST_DIGITS
    if not (digits and f"{int(number):02d}" == number):
        shown = repr(printable(instance))
        raise click.UsageError(f"{shown} is not an instance such as messenger-worker@00")
    return load.program(session.valid_config(name), name), int(number)


def _arguments(session: Session, program: Program, number: int, log: str | None) -> list[str]:
    """Return the wrapper's command line as in the unit, with systemd's specifiers filled in."""
    kept = program.logs if log is None else log
    kept = {"journal": "null", "terminal": "null"}.get(kept, kept)
    host = session.host()
    arguments = Arguments(replace(program, log=kept), host)
    unit = program.instance(number)

    def filled(words: list[Word]) -> str:
        # systemd would fill in the instance (%i), and nothing more.
        return "".join(f"{number:02d}" if isinstance(word, Raw) else word for word in words)

    # Without a control group of its own, nobody knows what a worker leaves behind.
    options = [filled(option) for option in arguments.options()]
    options = [option for option in options if not option.startswith("--behind-shell=")]
    # Without NOTIFY_SOCKET no manager listens for READY, and none counts starts.
    if "NOTIFY_SOCKET" not in os.environ:
        options = [option for option in options if not option.startswith(("--ready", "--retry"))]
        options.append("--ready=notify")
    command = [filled(argument) for argument in arguments.command()]
    return [*host.wrapper, *options, unit, "--", *command]


def _reader(session: Session) -> environment.Reader:
    systemd = session.host().systemd

    def read(pattern: str, optional: bool) -> dict[str, str]:
        try:
            return env_file.read(pattern, systemd, optional=optional)
        except OSError as error:
            raise WctlError(f"{error.filename}: {error.strerror}") from None
        except env_file.InvalidError as error:
            raise WctlError(str(error)) from None

    return read


def _renice(program: Program) -> None:
    if program.nice is not None:
        try:
            os.setpriority(os.PRIO_PROCESS, 0, program.nice)
        except OSError as error:
            raise WctlError(f"nice={program.nice}: {error.strerror}") from None


def _enter(program: Program, number: int) -> None:
    if program.directory is None:
        return
    directory = program.directory.text(number)
    try:
        os.chdir(directory)
    except OSError as error:
        raise WctlError(f"directory={directory}: {error.strerror}") from None
