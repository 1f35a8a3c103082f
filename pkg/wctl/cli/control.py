"""scale, start, stop, restart, signal: the verbs that change running workers."""

from __future__ import annotations

from functools import partial

import click

from wctl.cli.app import Session, at_least, pass_session, shared
from wctl.cli.completion import complete_names
from wctl.cli.output import echo
from wctl.cli.progress import Progress
from wctl.errors import Exit, WctlError
from wctl.install.installed import Installed
from wctl.operate import jobs, scaling, states, verbs
from wctl.operate.states import RUNNING_STATES, Process
from wctl.systemd import unit_name
from wctl.systemd.log import note
from wctl.trust.text import printable

_MOST = 10_000

names = click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_names)
no_wait = click.option("--no-wait", is_flag=True, help="Do not wait until systemd has finished.")


@click.command()
@shared
@no_wait
@click.argument("words", nargs=-1, required=True, metavar="[PROGRAM] N | PROGRAM=N...")
@pass_session
def scale(session: Session, words: tuple[str, ...], no_wait: bool) -> int:
    """Set how many instances of a program run, now and after a reboot.

    wctl touches only the difference. It starts new instances and waits until they are ready. It
    stops surplus instances gracefully, those with the highest numbers first.

    Example: wctl scale messenger-worker 3
    """
    progress = Progress(session)
    failed: list[str] = []
    # Look up all names first: a misspelt name must not leave the other programs half done.
    sizes = [(session.inventory.program(name), count) for name, count in _sizes(words)]
    for program, count in sizes:
        note(program.name, f"scaling to {count}")
        events = scaling.scale(
            session.manager,
            session.inventory,
            program,
            count,
            wait=not no_wait,
            waiting=partial(echo, f"{program.name}: waiting for another wctl"),
        )
        bad = progress.show(events)
        failed += bad
        if bad:
            running = sum(unit.up for unit in jobs.units_of(session.manager, program.name))
            echo(f"{program.name}: enabled {count}, but {running} run{_at_boot(program)}")
        elif not session.quiet:
            echo(f"{program.name}: scaled to {count}{_at_boot(program)}")
    return Exit.FAILURE if failed else Exit.OK


def _at_boot(program: Installed) -> str:
    return "" if program.autostart else f" (not at boot: autostart=false in {program.source})"


def _sizes(words: tuple[str, ...]) -> list[tuple[str | None, int]]:
    if all("=" in word for word in words):
        pairs: list[tuple[str | None, str]] = [
            (name, count) for name, _, count in (word.partition("=") for word in words)
        ]
    elif len(words) <= 2:
        pairs = [(words[0] if len(words) == 2 else None, words[-1])]
    else:
        raise click.UsageError("expected [PROGRAM] N, or PROGRAM=N for several programs")
    for _, count in pairs:
        digits = count.isascii() and count.isdigit() and len(count) <= unit_name.MOST_DIGITS
        if not (digits and int(count) <= _MOST):
            shown = repr(printable(count))
            raise click.UsageError(f"{shown} is not a number of instances from 0 to {_MOST}")
    return [(name, int(count)) for name, count in pairs]


@click.command()
@shared
@no_wait
@names
@pass_session
def start(session: Session, names: tuple[str, ...], no_wait: bool) -> int:
    """Start instances and wait until they are ready.

    Example: wctl start messenger-worker@01
    """
    return _start(session, names, wait=not no_wait)


def _start(session: Session, names: tuple[str, ...], *, wait: bool) -> int:
    processes = _processes(session, _required(names))
    idle = [process for process in processes if process.state not in RUNNING_STATES]
    for process in processes:
        if process not in idle:
            echo(f"{process.name}: ERROR (already started)")
    events = verbs.start(session.manager, session.inventory, idle, wait=wait)
    return Exit.NOT_STARTED if Progress(session).show(events) else Exit.OK


@click.command()
@shared
@no_wait
@names
@pass_session
def stop(session: Session, names: tuple[str, ...], no_wait: bool) -> int:
    """Stop instances gracefully: each has stopwaitsecs to finish its work.

    Example: wctl stop messenger-worker@{01..02}
    """
    return _stop(session, names, wait=not no_wait)


def _stop(session: Session, names: tuple[str, ...], *, wait: bool) -> int:
    processes = _processes(session, _required(names))
    running = [process for process in processes if process.state in RUNNING_STATES]
    for process in processes:
        if process not in running:
            echo(f"{process.name}: ERROR (not running)")
    events = verbs.stop(session.manager, session.inventory, running, wait=wait)
    return Exit.FAILURE if Progress(session).show(events) else Exit.OK


@click.command()
@shared
@no_wait
@click.option("--rolling", is_flag=True, help="Restart in batches; wait until each batch is ready.")
@click.option(
    "--batch",
    type=int,
    callback=at_least(1),
    default=1,
    show_default=True,
    metavar="N",
    help="With --rolling: restart N instances at a time.",
)
@names
@pass_session
def restart(
    session: Session, names: tuple[str, ...], no_wait: bool, rolling: bool, batch: int
) -> int:
    """Restart instances and wait until they are ready.

    Without --rolling, wctl also starts instances that do not run. With --rolling, wctl leaves
    these alone, never has more than N instances down, and stops at the first failure.

    Example: wctl restart --rolling messenger-worker
    """
    processes = _processes(session, _required(names))
    if rolling:
        if no_wait:
            raise click.UsageError("--rolling cannot be used with --no-wait")
        running = [process for process in processes if process.state in RUNNING_STATES]
        events = verbs.rolling(session.manager, session.inventory, running, batch)
    else:
        events = verbs.restart(session.manager, session.inventory, processes, wait=not no_wait)
    return Exit.NOT_STARTED if Progress(session).show(events) else Exit.OK


@click.command()
@shared
@click.argument("signal_name", metavar="SIGNAL")
@names
@pass_session
def signal(session: Session, signal_name: str, names: tuple[str, ...]) -> int:
    """Send a signal to workers.

    Example: wctl signal USR2 messenger-worker@00
    """
    from wctl.config import values

    try:
        number = values.stop_signal(signal_name)
    except ValueError as error:
        raise WctlError(f"{signal_name}: {error}") from None
    code = Exit.OK
    for process in _processes(session, _required(names)):
        if verbs.signal(session.manager, process, number):
            echo(f"{process.name}: signalled")
        else:
            echo(f"{process.name}: ERROR (not running)")
            code = Exit.NOT_STARTED
    return code


def _required(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise click.UsageError("name the instances, or 'all'")
    return names


def _processes(session: Session, names: tuple[str, ...]) -> list[Process]:
    return states.processes(session.manager, session.inventory.select(names))
