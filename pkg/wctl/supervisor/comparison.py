"""Compare what wctl would start with what Supervisor's files say, and those with what it runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from wctl.config.model import Config, Program
from wctl.config.options import OPTION
from wctl.supervisor.environment import Inherited
from wctl.supervisor.migration import differences
from wctl.supervisor.supervisorctl import ALIVE, process_name


def against(
    theirs: Iterable[Program], ours: Config, inherited: Inherited, *, edits: bool = False
) -> Iterator[str]:
    """Yield a line for each program that wctl would run otherwise than Supervisor's files say.

    Options that Supervisor does not know may differ: they are there for wctl. ``edits`` allows all
    other differences, too, but not that supervisord's variables are missing.
    """
    by_title = {program.title: program for program in ours.programs}
    for program in theirs:
        now = by_title.get(program.title)
        if now is None:
            yield f"{program.title}: {program.place} has it, and wctl's configuration does not"
            continue
        names = [] if edits else _differing(program, now)
        if names:
            yield _told(program, now, names)
        lacking = inherited.missing(program)
        if not names and lacking and str(inherited.file) not in now.environment_file:
            yield (
                f"{program.title}: {now.place_of('environment_file')}: environment_file lacks"
                f" {inherited.file}, with supervisord's {', '.join(lacking)}"
            )


def edited(theirs: Iterable[Program], ours: Config) -> Iterator[str]:
    """Yield a line for each program that wctl runs otherwise than Supervisor's files say."""
    by_title = {program.title: program for program in ours.programs}
    for program in theirs:
        now = by_title.get(program.title, program)
        names = _differing(program, now)
        if names:
            yield _told(program, now, names)


def _told(program: Program, now: Program, names: Sequence[str]) -> str:
    places = f"{_place(program, names)}, {_place(now, names)}"
    return f"{program.title}: {', '.join(names)} differ{_s(names)}: {places}"


def _differing(program: Program, now: Program) -> list[str]:
    return [name for name in differences(program, now) if _counts(name)]


def _counts(name: str) -> bool:
    """Tell whether Supervisor knows an option."""
    option = OPTION.get(name)
    return name != "passed_through" and (option is None or not option.ours)


def _place(program: Program, names: Sequence[str]) -> str:
    """Return where the first of these options is, or else where the program begins."""
    found = [program.places[name] for name in names if name in program.places]
    return str(found[0] if found else program.place)


def _s(names: Sequence[str]) -> str:
    return "s" if len(names) == 1 else ""


def not_applied(theirs: Iterable[Program], edited: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each program whose file was edited since supervisord read it.

    ``edited`` is from Supervisorctl.edited(), by group.
    """
    for program in theirs:
        how = edited.get(program.group_title)
        if how == "changed":
            yield f"{program.title}: supervisord runs it otherwise than {program.place} says now"
        elif how == "available":
            yield f"{program.title}: supervisord does not know it yet, {program.place} does"


def unknown(theirs: Iterable[Program], states: Mapping[str, str]) -> list[str]:
    """Return the processes that Supervisor has and that are not of these programs."""
    names = {process_name(program, number) for program in theirs for number in program.numbers}
    return [name for name in states if name not in names]


def alive(states: Mapping[str, str], names: Iterable[str]) -> list[str]:
    """Return those of ``names`` that Supervisor runs."""
    return [name for name in names if states.get(name) in ALIVE]
