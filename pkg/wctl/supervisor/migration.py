"""From Supervisor's files to wctl's: the same programs, less what only supervisord has a use for.

The files stay as people wrote them, with their comments. What changes is little: options without
effect here are commented out, and %(here)s, which names a file's directory, is filled in. That
the programs are the same afterwards is not assumed but compared.
"""

from __future__ import annotations

import re
import stat
import tempfile
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from wctl.config import frameworks, includes, ini, load
from wctl.config.expansion import fill
from wctl.config.model import Config, Program, log_file
from wctl.config.options import OPTIONS
from wctl.errors import ConfigError, Diagnostic, Diagnostics, Place, WctlError

# Where Supervisor's own programs look, in this order.
PLACES = ("/etc/supervisord.conf", "/etc/supervisor/supervisord.conf")
_HEADER = "; Imported from {0} by 'wctl import'. It is yours to edit: see wctl.conf(5)."
_OUT = "; "  # begins a line that is left out
_VARIABLE = re.compile(r"%\(ENV_([^()]+)\)")


@dataclass(frozen=True)
class Copy:
    """A file of Supervisor's as wctl is to have it."""

    source: Path
    target: Path
    text: str
    mode: int

    @property
    def before(self) -> str | None:
        """What is there now."""
        try:
            return self.target.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise WctlError(f"{self.target}: {error}") from None


@dataclass(frozen=True)
class Migration:
    """What is imported, and what is said about it."""

    copies: tuple[Copy, ...]
    programs: tuple[Program, ...]  # as Supervisor's files have them
    config: Config  # what wctl will have, with what it has already
    left_out: tuple[Diagnostic, ...]
    unused: tuple[Path, ...]  # files that set up no program
    changes: tuple[tuple[str, str], ...]  # program, what is different


def default_file() -> Path:
    """Return the configuration that Supervisor would find.

    Raises:
        WctlError: there is none.
    """
    for place in PLACES:
        if Path(place).exists():
            return Path(place)
    raise WctlError(f"no {' and no '.join(PLACES)}", hint="name the file: wctl import FILE")


def migrate(file: Path, directory: Path, environ: Mapping[str, str]) -> Migration:
    """Return what becomes of ``file``, and what it includes, in wctl's ``directory``.

    Raises:
        ConfigError: something in it is wrong.
        WctlError: it has no program, or one of them would not be the same.
    """
    found = load.load([file], environ)
    if found.errors:
        raise ConfigError(found.errors)
    if not found.programs:
        raise WctlError(f"{file}: no program in it, nor in what it includes")
    left_out = tuple(each for each in found.diagnostics if each.code == "no-effect")
    read = includes.read([file], _names(environ), Diagnostics()).files
    lines = {path: ini.outline(path.read_bytes()) for path in read}
    out = _left_out(lines, left_out)
    copies, unused = [], []
    for path, target in zip(read, _targets(read, lines, directory / "conf.d")):
        text = _rewritten(path, lines[path], out)
        if text is None:
            unused.append(path)
        else:
            copies.append(Copy(path, target, text, stat.S_IMODE(path.stat().st_mode) & 0o644))
    others = _others(copies, found, directory, environ)
    after = _staged(copies, directory, environ)
    changed = tuple(_compare(found, after, others))
    return Migration(
        copies=tuple(copies),
        programs=found.programs,
        config=after,
        left_out=left_out,
        unused=tuple(unused),
        changes=(*changed, *_changes(found.programs), *_variables(lines)),
    )


def _others(
    copies: Iterable[Copy], found: Config, directory: Path, environ: Mapping[str, str]
) -> tuple[Program, ...]:
    """Return the programs that wctl has already, in files that are not written anew.

    Raises:
        WctlError: one of those to be imported is among them.
    """
    written = {each.target for each in copies}
    files = [path for path in sorted(directory.glob("conf.d/*.conf")) if path not in written]
    main = directory / "wctl.conf"
    others = load.load([main, *files] if main.exists() else files, environ).programs
    titles = {program.title: program.place for program in others}
    for program in found.programs:
        if program.title in titles:
            raise WctlError(
                f"{program.title} is configured already, in {titles[program.title]}",
                hint=f"take it out there, or out of {program.place.file}",
            )
    return others


def _names(environ: Mapping[str, str]) -> dict[str, object]:
    return {f"ENV_{name}": text for name, text in environ.items()}


def _targets(
    read: Sequence[Path], lines: Mapping[Path, Sequence[ini.Line]], directory: Path
) -> list[Path]:
    """Return where each file goes.

    wctl reads its directory by name, Supervisor its files in an order of their own. That matters
    where one section is in several: then the names are numbered.
    """
    names = [f"{path.stem}.conf" for path in read]
    sections_of = [{line.section for line in lines[path] if line.section} for path in read]
    everywhere = [name for each in sections_of for name in each if name != "include"]
    shared = len(everywhere) > len(set(everywhere)) or "DEFAULT" in everywhere
    if len(set(names)) < len(names) or (shared and names != sorted(names)):
        names = [f"{index:02d}-{name}" for index, name in enumerate(names)]
    return [directory / name for name in names]


def _left_out(
    lines: Mapping[Path, Sequence[ini.Line]], found: Iterable[Diagnostic]
) -> set[tuple[str, str]]:
    """Return the section and key of what is without effect; no key where all of it is."""
    places = {(str(path), line.number): line for path in lines for line in lines[path]}
    out = set()
    for each in found:
        line = places[each.place.file, each.place.line]  # in [DEFAULT], maybe
        out |= {(each.section, each.key), (line.section, line.key)}
    return out


def _rewritten(
    path: Path, lines: Sequence[ini.Line], out: Container[tuple[str, str]]
) -> str | None:
    """Return the text of a file for wctl; None if nothing is left of it."""

    def stays(line: ini.Line) -> bool:
        whole = line.section == "include" or (line.section, "") in out
        return not whole and (line.section, line.key) not in out

    # A section of which no option stays is left out with its header.
    alive = {line.section for line in lines if line.key and stays(line)}
    if not alive:
        return None
    directory = includes.here(Place(str(path)))
    written = [_HEADER.format(path)]
    for line in lines:
        if line.section and not (line.section in alive and stays(line)):
            written.append(_OUT + line.text)
        else:
            written.append(fill(line.text, "here", directory) if line.key else line.text)
    return "\n".join(written).rstrip("\n") + "\n"


def _staged(copies: Sequence[Copy], directory: Path, environ: Mapping[str, str]) -> Config:
    """Return the configuration that wctl will have with these ``copies``.

    Raises:
        ConfigError: something in it is wrong.
    """
    with tempfile.TemporaryDirectory(prefix="wctl-import-") as stage:
        files = {path.name: path for path in directory.glob("conf.d/*.conf")}
        for each in copies:
            staged = Path(stage, each.target.name)
            staged.write_text(each.text, encoding="utf-8")
            files[each.target.name] = staged
        main = directory / "wctl.conf"
        ordered = [files[name] for name in sorted(files)]
        found = load.load([main, *ordered] if main.exists() else ordered, environ)
        real = {str(Path(stage, each.target.name)): str(each.target) for each in copies}

    def moved(place: Place) -> Place:
        return replace(place, file=real.get(place.file, place.file))

    found = replace(
        found,
        programs=tuple(replace(each, place=moved(each.place)) for each in found.programs),
        diagnostics=tuple(replace(each, place=moved(each.place)) for each in found.diagnostics),
    )
    if found.errors:
        raise ConfigError(found.errors)
    return found


def _compare(before: Config, after: Config, others: Iterable[Program]) -> Iterator[tuple[str, str]]:
    """Yield what the import changes in ``others``, programs that wctl has already.

    Raises:
        WctlError: one of those imported would not be the same.
    """
    now = {each.title: each for each in after.programs}
    for program in before.programs:
        different = _differences(program, now[program.title])
        if different:
            raise WctlError(
                f"{program.title}: {', '.join(different)} would not be the same as in"
                f" {program.place.file}, because of what is configured already",
                hint=f"make [{program.section}] say it itself, or take the other file away",
            )
    for program in others:
        different = _differences(program, now[program.title])
        if different:
            yield program.title, f"is not imported, and yet changes: {', '.join(different)}"


def _differences(one: Program, other: Program) -> list[str]:
    left_out = {option.name for option in OPTIONS if option.instead}
    names = {each.name for each in fields(Program)} - left_out - {"place", "places"}
    return sorted(name for name in names if getattr(one, name) != getattr(other, name))


def _changes(programs: Iterable[Program]) -> Iterator[tuple[str, str]]:
    """Yield what a program's workers will notice, beyond their new names."""
    for program in programs:
        limit = frameworks.soft_limit(program)
        if program.memory_max is None and limit is not None:
            yield program.title, f"a memory limit of twice its own {limit.written} (memory_max)"
        files = [
            stream
            for stream in ("stdout", "stderr")
            if not program.silent(stream)
            and not (stream == "stderr" and program.redirect_stderr)
            and log_file(getattr(program, f"{stream}_logfile")) is None
        ]
        if program.logs == "journal" and files:
            yield program.title, "its output is in the journal, not in files of AUTO ('wctl tail')"
        elif program.logs == "both":
            yield program.title, "its output is in the journal, too (log)"


def _variables(lines: Mapping[Path, Sequence[ini.Line]]) -> Iterator[tuple[str, str]]:
    """Yield the variables that Supervisor has from where it was started."""
    for path, each in lines.items():
        names = {name for line in each if line.key for name in _VARIABLE.findall(line.text)}
        for name in sorted(names - {"HOME", "PATH", "USER"}):
            problem = f"%(ENV_{name})s is of whoever runs 'wctl update', not of supervisord"
            yield str(path), problem
