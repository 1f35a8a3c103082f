"""The command line: it reads what the user types, and prints.

Only this part of wctl prints. It imports lazily, so that a verb loads only the modules it uses.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from wctl.errors import UnknownNamesError, WctlError
    from wctl.session.session import Session


def main() -> NoReturn:
    """Run wctl and exit with its documented code."""
    from wctl.cli import output  # lazy: a program may import main() and never call it

    _open_standard_streams()
    output.take_over()
    # Ten thousand programs are a million objects without a cycle. Python would spend a third of the
    # time looking for cycles in them.
    gc.set_threshold(100_000)
    code = output.finish(invoke(sys.argv[1:]))
    # sys.exit() takes all modules and objects apart first: 8 ms, more after thousands of units.
    os._exit(code)


def _open_standard_streams() -> None:
    """Open /dev/null as each standard stream that is closed: wctl >&- does its work, silently.

    Otherwise the next file that we open, the bus's socket, would be stdout.
    """
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is fd
            setattr(sys, name, os.fdopen(fd, "r" if name == "stdin" else "w", closefd=False))


def invoke(arguments: list[str]) -> int:
    """Run one command line; return its exit code. Only this function prints raised errors."""
    import click

    from wctl.cli.app import wctl
    from wctl.cli.output import echo, goes_on
    from wctl.errors import ConfigError, Exit, NothingYetError, UnknownNamesError, WctlError
    from wctl.session.session import Session

    if "_WCTL_COMPLETE" in os.environ:
        from wctl.cli.completion import register

        register()
    session = Session()  # the options that stand before or after the verb fill it
    try:
        result = wctl.main(arguments, prog_name="wctl", standalone_mode=False, obj=session)
        sys.stdout.flush()
        return int(result or 0)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ConfigError as error:
        for diagnostic in error.diagnostics:
            echo(diagnostic, err=True)
        return _failed(error, session)
    except NothingYetError as error:
        from wctl.cli.first_steps import next_step

        error.hint = next_step(session)
        return _failed(error, session)
    except UnknownNamesError as error:
        return _unknown(error, session)
    except WctlError as error:
        return _failed(error, session)
    except (KeyboardInterrupt, click.Abort):
        # A verb that only shows has asked for nothing, nor has one that is not connected yet.
        asked = goes_on() and "manager" in vars(session)
        echo(f"wctl: interrupted{'; systemd still does what wctl asked for' * asked}", err=True)
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return Exit.FAILURE
    except OSError as error:  # about a file, which no lower function has explained
        from wctl.trust.text import printable  # another user may have chosen the name

        name = printable(os.fsdecode(error.filename)) if error.filename else "wctl"
        message = f"{name}: {printable(error.strerror or str(error))}"
        return _failed(WctlError(message), session)


def _unknown(error: UnknownNamesError, session: Session) -> int:
    from wctl.cli.first_steps import explained
    from wctl.cli.output import echo
    from wctl.errors import WctlError

    for diagnostic in error.diagnostics:
        echo(diagnostic, err=True)
    for unknown, hint in explained(session, error):
        _failed(WctlError(str(unknown), hint), session)
    return error.exit_code


def _failed(error: WctlError, session: Session) -> int:
    from wctl.cli.output import echo

    if session.debug:
        raise error
    echo(f"wctl: {error.message}", err=True)
    if error.hint:
        echo(f"      {error.hint}", err=True)
    return error.exit_code
