"""The check: findings about programs, and about the machine that will run them."""

from __future__ import annotations

from collections.abc import Iterator

from wctl.check import advice, between, commands, foreign, machine, sockets
from wctl.check.codes import CODES
from wctl.check.doctor_codes import OWN
from wctl.config.model import Config, Program
from wctl.errors import Diagnostic, nearest
from wctl.install.installed import Layout


def check(config: Config, layout: Layout) -> list[Diagnostic]:
    """Return every finding about the programs of ``config`` on this machine."""
    checks = (
        *advice.checks(config),
        *between.checks(),
        *foreign.checks(layout),
        *commands.checks(layout),
        *machine.checks(layout),
        *sockets.checks(layout),
    )
    found = [*foreign.configuration(config, layout), *_taken(config, layout)]
    for program in config.programs:
        found += _unknown_codes(program)
        for program_check in checks:
            found += (
                _diagnostic(program, problem.code, problem.key, problem.text)
                for problem in program_check(program)
                if CODES[problem.code].error or problem.code not in program.wctl_ignore
            )
    return sorted(found, key=lambda finding: (finding.place.file, finding.place.line))


def _diagnostic(program: Program, code: str, key: str, problem: str) -> Diagnostic:
    place = program.place_of(key)
    return Diagnostic(code, place, program.section, key, problem, CODES[code].error)


def _unknown_codes(program: Program) -> Iterator[Diagnostic]:
    if "unknown-code" in program.wctl_ignore:
        return
    for code in program.wctl_ignore:
        if code in OWN:
            continue  # of a finding of doctor
        if code not in CODES:
            problem = f"{code}: no such code{nearest(code, [*CODES, *OWN])}"
            yield _diagnostic(program, "unknown-code", "wctl_ignore", problem)
        elif CODES[code].error:
            problem = f"{code}: an error cannot be ignored"
            yield _diagnostic(program, "unknown-code", "wctl_ignore", problem)


def _taken(config: Config, layout: Layout) -> Iterator[Diagnostic]:
    """Yield an error for each program and group with the name of a unit that is not wctl's."""
    for program in config.programs:
        names = (f"{program.name}{suffix}" for suffix in ("@.service", ".service", ".target"))
        why = machine.taken(names, layout)
        if why is None and program.socket is not None:
            why = machine.taken(iter([f"{program.name}.socket"]), layout)
        if why is not None:
            yield _diagnostic(program, "name-taken", "", why)
    for group in config.groups:
        why = machine.taken(iter([f"{group.name}.target"]), layout)
        if why is not None:
            yield Diagnostic("name-taken", group.place, f"group:{group.title}", "", why)
