"""Findings about what an administrator did to units beside wctl: drop-ins, masks, freezing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wctl.check.advice import OURS
from wctl.config.model import Program
from wctl.doctor.finding import Finding, few
from wctl.doctor.workers import ExaminedProgram, is_loaded
from wctl.install.installed import is_masked
from wctl.systemd import unit_name, version
from wctl.systemd.manager import Manager
from wctl.trust import files
from wctl.trust.text import shell_quote
from wctl.units.marker import directives

_PROPERTIES = ("DropInPaths", "FreezerState", "LoadState")
_FROZEN = ("freezing", "frozen")
# What is in a frozen slice. Before this version, systemd says "frozen" of this, too; and whoever
# thaws the slice asks to thaw all of it: systemd refuses to be asked again until that is done.
_FROZEN_BY_PARENT = ("freezing-by-parent", "frozen-by-parent")
_KNOWS_PARENTS = 256


def findings(manager: Manager, examined: ExaminedProgram) -> Iterator[Finding]:
    """Report what keeps instances of a program from doing what wctl says of them."""
    program, installed, commands = examined.program, examined.installed, examined.commands
    # systemd would have to load the units of all others.
    known = {process.unit for process in examined.processes if is_loaded(process)}
    units = sorted(known.union(map(installed.instance, installed.enabled)))
    properties = manager.properties([(unit, _PROPERTIES) for unit in units], stopped=True)
    masked = [unit for unit in units if properties[unit]["LoadState"] == "masked"]
    if is_masked(installed.file):
        what = "its template unit is masked, so systemd refuses to start it"
        remedy = f"{commands.systemctl('unmask', installed.file.name)} && {commands.update()}"
        yield _finding("masked", program, what, masked or units, remedy)
    elif masked:
        what = "is masked, so systemd refuses to start it"
        yield _finding("masked", program, what, masked, commands.systemctl("unmask", *masked))
    states = {unit: properties[unit]["FreezerState"] for unit in units}
    frozen = [unit for unit in units if states[unit] in (*_FROZEN, *_FROZEN_BY_PARENT)]
    if frozen:
        what = "is frozen: it is RUNNING, but does nothing, and systemd cannot stop it"
        own = [unit for unit in frozen if states[unit] in _FROZEN]
        slices = _frozen_slices(manager, frozen)
        if slices and version.number(manager.version()) < _KNOWS_PARENTS:
            slices, own = slices[:1], []
        yield _finding("frozen", program, what, frozen, commands.systemctl("thaw", *slices, *own))
    drop_ins = dict.fromkeys(path for unit in units for path in properties[unit]["DropInPaths"])
    lines = [line for path in drop_ins for line in _ours(path)]
    if lines:
        what = (
            "a drop-in changes directives that wctl relies on, so states, back-off or logs are not"
            " what wctl says; use the program's options instead"
        )
        remedy = f"${{EDITOR:-vi}} {shell_quote(lines[0].partition(': ')[0])}"
        reload = commands.systemctl("daemon-reload")
        yield Finding("drop-in-overrides", program.name, what, few(lines), f"{remedy} && {reload}")


def _frozen_slices(manager: Manager, units: Sequence[str]) -> list[str]:
    """Return the slices that ``units`` are in and that are frozen themselves, outermost first."""
    found = manager.properties([(unit, ("Slice",)) for unit in units], stopped=True)
    slices: set[str] = set()
    for unit in units:
        # The slice a-b.slice is in a.slice (systemd.slice(5)).
        stem = found[unit]["Slice"].removesuffix(".slice")
        while stem.strip("-"):
            slices.add(f"{stem}.slice")
            stem = stem.rpartition("-")[0]
    states = manager.properties([(name, ("FreezerState",)) for name in sorted(slices, key=len)])
    return [name for name, state in states.items() if state["FreezerState"] in _FROZEN]


def _ours(path: str) -> Iterator[str]:
    """Yield the lines of a drop-in that override what wctl writes."""
    try:
        text = files.read(path).decode(errors="replace")
    except OSError:
        return
    for key, value in directives(text, "Service"):
        if key.strip() in OURS:
            yield f"{path}: {key.strip()}={value.strip()}"


def _finding(code: str, program: Program, what: str, units: Sequence[str], remedy: str) -> Finding:
    instances = tuple(map(unit_name.short, units))
    return Finding(code, program.name, what, few(instances), remedy, instances)
