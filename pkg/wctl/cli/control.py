"""scale, start, stop, restart, signal: the verbs that change running workers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import click

from wctl.cli.app import at_least, pass_session, shared
from wctl.cli.completion import complete_groups, complete_names, complete_signals, complete_sizes
from wctl.cli.output import echo
from wctl.cli.progress import Progress
from wctl.errors import Exit, WctlError
from wctl.install.installed import Installed
from wctl.operate import boot, jobs, scaling, verbs
from wctl.operate.selection import select
from wctl.session.session import Session
from wctl.systemd import unit_name
from wctl.systemd.log import note
from wctl.trust import accounts
from wctl.trust.text import printable

_MOST = 10_000

names = click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_names)
no_wait = click.option("--no-wait", is_flag=True, help="Do not wait until systemd has finished.")


@click.command()
@shared
@no_wait
@click.argument(
    "words", nargs=-1, required=True, metavar="[PROGRAM] N | PROGRAM=N...",
    shell_complete=complete_sizes,
)  # fmt: skip
@pass_session
def scale(session: Session, words: tuple[str, ...], no_wait: bool) -> int:
    """Set how many instances of a program run, now and after a reboot.

    wctl touches only the difference. It starts new instances and waits until they are ready. It
    stops surplus instances gracefully, those with the highest numbers first.

    Example: wctl scale messenger-worker 3
    """
    progress = Progress(session)
    failed: list[str] = []
    pairs = _sizes(words)
    # Look up all names first: a misspelt name must not leave the other programs half done.
    programs = session.inventory.named([name for name, _ in pairs])
    for program, (_, count) in zip(programs, pairs):
        note(program.name, f"scaling to {count}, asked for by {accounts.at_work()}")
        events = scaling.scale(
            session.manager,
            session.inventory,
            program,
            count,
            wait=not no_wait,
            waiting=partial(echo, f"{program.shown}: waiting for another wctl"),
        )
        bad = progress.show(events)
        failed += bad
        if bad:
            running = sum(unit.up for unit in jobs.units_of(session.manager, program.name))
            echo(f"{program.shown}: enabled {count}, but {running} run{_at_boot(program)}")
        elif not session.quiet:
            echo(f"{program.shown}: scaled to {count}{_at_boot(program)}")
    return Exit.FAILURE if failed else Exit.OK


def _at_boot(program: Installed) -> str:
    if program.at_boot:
        return ""
    why = "it is disabled" if program.autostart else f"autostart=false in {program.source}"
    return f" (not at boot: {why})"


def _sizes(words: tuple[str, ...]) -> list[tuple[str | None, int]]:
    if all("=" in word for word in words):
        pairs: list[tuple[str | None, str]] = [
            (name, count) for name, _, count in (word.partition("=") for word in words)
        ]
    elif len(words) <= 2:
        pairs = [(words[0] if len(words) == 2 else None, words[-1])]
    else:
        raise click.UsageError("expected [PROGRAM] N, or PROGRAM=N for several programs")
    if len({name for name, _ in pairs}) < len(pairs):
        raise click.UsageError("each program can have one number only")
    for name, count in pairs:
        digits = count.isascii() and count.isdigit() and len(count) <= unit_name.MOST_DIGITS
        if not (digits and int(count) <= _MOST):
            shown = repr(printable(count))
            turned = name is not None and name.isdecimal() and "=" not in words[0]
            instead = f"; write 'wctl scale {printable(count)} {name}'" if turned else ""
            raise click.UsageError(
                f"{shown} is not a number of instances from 0 to {_MOST}{instead}"
            )
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
    asked = _asked(session, names, verbs.START, "all of them run")
    events = verbs.start(session.manager, session.inventory, asked.chosen, wait=wait)
    failed = Progress(session).show(events)
    return Exit.NOT_STARTED if failed or asked.empty else Exit.OK


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
    asked = _asked(session, names, verbs.STOP, "none of them runs")
    events = verbs.stop(session.manager, session.inventory, asked.chosen, wait=wait)
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
    if rolling and no_wait:
        raise click.UsageError("--rolling cannot be used with --no-wait")
    manager, inventory = session.manager, session.inventory
    if rolling:
        asked = _asked(session, names, verbs.ROLLING, "none of them runs")
        events = verbs.rolling(manager, inventory, asked.chosen, batch)
    else:
        asked = _asked(session, names, verbs.RESTART)
        events = verbs.restart(manager, inventory, asked.chosen, wait=not no_wait)
    failed = Progress(session).show(events)
    undone = asked.empty or (asked.refused and not asked.chosen)
    return Exit.NOT_STARTED if failed or undone else Exit.OK


now = click.option("--now", is_flag=True, help="Also start them (disable: stop them) now.")
programs_argument = click.argument(
    "programs", nargs=-1, required=True, metavar="PROGRAM...", shell_complete=complete_groups
)


@click.command()
@shared
@now
@programs_argument
@pass_session
def enable(session: Session, programs: tuple[str, ...], now: bool) -> int:
    """Make programs start at boot, whatever autostart in their file says.

    This lasts until autostart itself is changed in the file.

    Example: wctl enable --now messenger-worker
    """
    chosen = session.inventory.with_names(programs)
    Progress(session).show(
        boot.enable(session.manager, session.inventory, chosen, _tell_of_waiting)
    )
    names = _of_all(session, chosen)
    return _start(session, names, wait=True) if now and names else Exit.OK


@click.command()
@shared
@now
@programs_argument
@pass_session
def disable(session: Session, programs: tuple[str, ...], now: bool) -> int:
    """Make programs stay down at boot, whatever autostart in their file says.

    What runs, runs on, unless --now is given. This lasts until autostart itself is changed in the
    file.

    Example: wctl disable --now messenger-worker
    """
    chosen = session.inventory.with_names(programs)
    Progress(session).show(
        boot.disable(session.manager, session.inventory, chosen, _tell_of_waiting)
    )
    names = _of_all(session, chosen)
    return _stop(session, names, wait=True) if now and names else Exit.OK


def _tell_of_waiting() -> None:
    echo("waiting for another wctl")


def _of_all(session: Session, programs: Sequence[Installed]) -> tuple[str, ...]:
    """Return names of all instances, as of sets: what needs nothing is left out silently."""
    return tuple(f"{one.shown}@*" for one in programs if session.inventory.numbers(one))


@click.command()
@shared
@click.argument("signal_name", metavar="SIGNAL", shell_complete=complete_signals)
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
    asked = _asked(session, names, verbs.SIGNAL, "none of them runs")
    code = Exit.NOT_STARTED if asked.refused or asked.empty else Exit.OK
    for process in asked.chosen:
        if verbs.signal(session.manager, process.unit, number):
            echo(f"{process.shown}: signalled")
        else:
            _refuse(process.shown, verbs.NOT_RUNNING)
            code = Exit.NOT_STARTED
    return code


def _asked(
    session: Session, names: tuple[str, ...], rule: verbs.Rule, already: str = ""
) -> verbs.Request:
    """Return what to do; print what is not done of what the user has named.

    If nothing is to be done, and ``already`` says why, print that.
    """
    # Only what shows means all by default: a slip of a finger must not stop everything.
    chosen = select(session.inventory, names or (session.inventory.program(None).name,))
    asked = verbs.request(session.manager, rule, chosen)
    for name, why in asked.refused:
        if rule is verbs.ROLLING and asked.chosen:
            echo(f"{name}: {why}, left as it is")
        else:
            _refuse(name, why)
    for program in asked.empty:
        _refuse(program, "scaled to 0")
        if rule in (verbs.START, verbs.RESTART):
            echo(f"      run '{session.command('scale', program, 'N')}'", err=True)
    if not (asked.chosen or asked.refused or asked.empty or session.quiet):
        _say_nothing_to_do(session, already if chosen.asked else "")
    return asked


def _say_nothing_to_do(session: Session, already: str) -> None:
    if session.inventory.is_empty:
        from wctl.cli import first_steps  # rarely needed, and it reads much

        first_steps.tell(session)
    else:
        echo(f"nothing to do: {already or 'there is no instance'}")


def _refuse(name: str, why: str) -> None:
    echo(f"{name}: ERROR ({why})")
