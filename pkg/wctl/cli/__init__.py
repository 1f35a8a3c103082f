"""The command line: what a person types, and what is printed.

Only this part of wctl prints. It imports lazily: a verb pays for what it uses.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from typing import NoReturn


def main() -> NoReturn:
    """Run wctl and exit with its documented code."""
    # Ten thousand programs are a million objects without a cycle, and looking for cycles in them
    # takes a third of the time.
    gc.set_threshold(100_000)
    code = run(sys.argv[1:])
    with suppress(OSError):  # nobody reads any more
        sys.stdout.flush()
    # Python would take all modules and objects apart first: 8 ms, more after thousands of units.
    os._exit(code)


def run(arguments: list[str]) -> int:
    """Run one command line; return its exit code. Errors are shown here, and nowhere else."""
    import click  # main() is imported before it is known to be needed

    from wctl.cli.app import wctl
    from wctl.errors import ConfigError, Exit, WctlError

    try:
        result = wctl.main(arguments, prog_name="wctl", standalone_mode=False)
        sys.stdout.flush()
        return int(result or 0)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ConfigError as error:
        for diagnostic in error.diagnostics:
            click.echo(diagnostic, err=True)
        return _failed(error)
    except WctlError as error:
        return _failed(error)
    except (KeyboardInterrupt, click.Abort):
        click.echo("wctl: interrupted; what systemd was asked to do goes on", err=True)
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Python would complain once more when it closes stdout at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILURE
    except OSError as error:  # a file, of which nobody below knew more to say
        return _failed(WctlError(f"{error.filename or 'wctl'}: {error.strerror or error}"))


def _failed(error: Exception) -> int:
    import click

    from wctl.errors import WctlError

    assert isinstance(error, WctlError)
    if os.environ.get("WCTL_DEBUG"):
        raise error
    click.echo(f"wctl: {error.message}", err=True)
    if error.hint:
        click.echo(f"      {error.hint}", err=True)
    return error.exit_code
