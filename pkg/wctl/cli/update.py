"""update, add, remove: bring the units, and the workers, to the configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import click

from wctl.cli.app import pass_session, shared
from wctl.cli.completion import complete_groups
from wctl.cli.configure import show_diff, tell
from wctl.cli.output import echo
from wctl.cli.progress import Progress
from wctl.errors import Exit, WctlError
from wctl.install import changes
from wctl.operate import apply, jobs
from wctl.operate.lock import exclusive
from wctl.session.planning import Planned, planned, refuse_to_remove, settled
from wctl.session.session import Session
from wctl.systemd import unit_name


@dataclass(frozen=True)
class How:
    """How an update is carried out, or only shown."""

    dry_run: bool = False
    diff: bool = False
    no_wait: bool = False
    rolling: bool = False
    prune: bool = False
    adding: bool = False


_PLAIN = How()

dry_run_option = click.option(
    "-n", "--dry-run", is_flag=True, help="Show what wctl would do, but do nothing."
)
diff_option = click.option(
    "--diff", is_flag=True, help="Show how the units would change as well, and do nothing."
)
rolling_option = click.option(
    "--rolling", is_flag=True,
    help="Restart the instances of a changed program one after the other, and stop at the first"
    " that does not start.",
)  # fmt: skip
no_wait_option = click.option(
    "--no-wait", is_flag=True, help="Do not wait until workers are ready."
)
programs_argument = click.argument(
    "programs", nargs=-1, metavar="[PROGRAM]...", shell_complete=complete_groups
)


@click.command()
@shared
@dry_run_option
@diff_option
@rolling_option
@no_wait_option
@click.option(
    "--prune", is_flag=True,
    help="Also remove programs that came from files other than those that wctl reads now, and"
    " remove programs although a file or all programs are missing.",
)  # fmt: skip
@programs_argument
@pass_session
def update(session: Session, /, programs: tuple[str, ...], **how: bool) -> int:
    """Write the units; start, restart and remove changed programs.

    wctl removes a program that is no longer in the files that it came from. It keeps a program that
    came from other files than those that wctl reads now.

    A program with an error in the configuration stays as it is, and wctl carries out the others:
    see ERRORS IN THE CONFIGURATION in wctl(1).

    Exit code: 1 if one of the PROGRAMs (by default: of all) stayed as it is or did not start.

    An update that was interrupted is finished by the next update of the same programs.

    Example: wctl update --dry-run
    """
    return run_update(session, programs, How(**how))


@click.command()
@shared
@dry_run_option
@diff_option
@rolling_option
@no_wait_option
@click.argument(
    "programs", nargs=-1, required=True, metavar="PROGRAM...", shell_complete=complete_groups
)
@pass_session
def add(session: Session, /, programs: tuple[str, ...], **how: bool) -> int:
    """Install configured programs, and update those that have changed; remove none.

    Example: wctl add messenger-worker
    """
    return run_update(session, programs, How(**how, adding=True))


def run_update(session: Session, programs: tuple[str, ...], how: How = _PLAIN) -> int:
    """Update ``programs``, or all; return the exit code."""
    if how.rolling and how.no_wait:
        raise click.UsageError("--rolling cannot be used with --no-wait")
    plan = partial(planned, session, programs, prune=how.prune, adding=how.adding)
    first = plan()
    tell(first)
    _warn(session, first.plan)
    if not (how.prune or _has_names(programs)):
        refuse_to_remove(session, first.plan)
    if first.plan.empty:
        if first.complete and not session.quiet:
            echo("No config updates to processes")
    elif how.dry_run or how.diff:
        _show_actions(first.plan, how)
        if how.diff:
            show_diff(first.plan)
    else:
        user = session.manager.user  # needs systemd: better said before we wait
        with exclusive(user=user, waiting=lambda: echo("waiting for another wctl")):
            return _apply(session, programs, plan, first.lines, how)
    return Exit.OK if first.complete else Exit.FAILURE


def _has_names(programs: tuple[str, ...]) -> bool:
    """Tell whether the user has named the programs that are meant."""
    return bool(programs) and "all" not in programs


def _apply(
    session: Session,
    programs: tuple[str, ...],
    plan: Callable[..., Planned],
    told: list[str],
    how: How,
) -> int:
    """Call ``plan`` once more, and carry it out; ``told`` are the lines printed before."""
    found = settled(session, plan)
    tell(found, told)
    if not (how.prune or _has_names(programs)):
        refuse_to_remove(session, found.plan)
    events = apply.update(
        session.manager,
        session.whole_inventory,
        session.layout,
        found.plan,
        wait=not how.no_wait,
        rolling=how.rolling,
    )
    try:
        failed = Progress(session).show(events)
    except KeyboardInterrupt:
        options = [f"--{name}" for name in ("rolling", "prune") if getattr(how, name)]
        words = ("update", *options, *programs)
        again = session.command(*words, files=session.files)
        echo(f"wctl: the update is not finished; run '{again}' to finish it", err=True)
        raise
    return Exit.FAILURE if failed or not found.complete else Exit.OK


def _warn(session: Session, plan: changes.Plan) -> None:
    """Say what an update leaves alone, and which files it did not find."""
    for diagnostic in session.config.diagnostics:
        if diagnostic.code == "include":
            echo(diagnostic, err=True)
    for program in plan.kept:
        why = f"it comes from {program.source}, which was not read"
        remedy = session.command("remove", program.shown)
        echo(f"{program.shown}: kept; {why} (remove it with '{remedy}')", err=True)


@click.command()
@shared
@click.argument(
    "programs", nargs=-1, required=True, metavar="PROGRAM...", shell_complete=complete_groups
)
@pass_session
def remove(session: Session, programs: tuple[str, ...]) -> int:
    """Uninstall the units of stopped programs.

    'wctl update' installs a program again if it is still configured.

    Example: wctl stop old-worker: && wctl remove old-worker
    """
    session.inventory.with_names(programs)  # raises before we wait for another wctl
    with exclusive(user=session.user, waiting=lambda: echo("waiting for another wctl")):
        session.inventory.refresh()
        chosen = session.inventory.with_names(programs)
        for program in chosen:
            if program in session.inventory.dormant:
                why = "nothing to remove: its units are a package's, and nobody uses them"
                raise WctlError(f"{program.shown}: {why}")
        still = [
            program
            for program in chosen
            if any(not unit.down for unit in jobs.units_of(session.manager, program.name))
        ]
        for program in still:
            echo(f"{program.shown}: ERROR (process/group still running)")
        gone = [program for program in chosen if program not in still]
        plan = changes.removal(gone, session.layout)
        whole = session.whole_inventory
        events = apply.update(session.manager, whole, session.layout, plan)
        failed = Progress(session).show(events)
    return Exit.FAILURE if still or failed else Exit.OK


def _show_actions(plan: changes.Plan, how: How) -> None:
    """Say what becomes of each program, one line each."""
    numbers = {program.name: program.numprocs for program in plan.rescaled}
    restarted = "restarted, one instance after the other" if how.rolling else "restarted"
    actions = {
        **dict.fromkeys(plan.adjusted, "updated; its workers run on"),
        **dict.fromkeys(plan.new_groups & set(plan.adjusted), "added"),
        **{program.name: "removed" for program in plan.removed},
        **{name: f"scaled to {count}" for name, count in numbers.items()},
        **{program.name: restarted for program in plan.changed},
        **{program.name: "added" for program in plan.added},
    }
    both = {program.name for program in plan.changed} & numbers.keys()
    for name in sorted(actions):
        more = f", and scaled to {numbers[name]}" if name in both else ""
        echo(f"{unit_name.shown(name)}: would be {actions[name]}{more}")
