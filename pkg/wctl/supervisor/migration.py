"""Copy Supervisor's files to wctl: the same programs, without what only supervisord uses.

The copies keep the users' text and comments, with three changes: wctl comments out the options that
have no effect under wctl, fills in %(here)s, the directory of a file, and writes down where its own
defaults would do what Supervisor does not. wctl then compares the programs of both configurations,
rather than assume that they are the same.
"""

from __future__ import annotations

import itertools
import re
import stat
import tempfile
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from wctl.config import frameworks, includes, ini, load
from wctl.config.expansion import fill
from wctl.config.model import Config, Program
from wctl.config.options import OPTIONS
from wctl.errors import ConfigError, Diagnostic, Diagnostics, Place, WctlError
from wctl.install.files import write_file
from wctl.supervisor import environment
from wctl.supervisor.changes import Change, changes, variables
from wctl.supervisor.environment import Inherited
from wctl.trust import files

# Where Supervisor's own programs look for their configuration, in this order.
PLACES = ("/etc/supervisord.conf", "/etc/supervisor/supervisord.conf")
_HEADER = "; Imported from {0} by 'wctl import'. You may edit this file: see wctl.conf(5)."
NOTHING = "nothing was written"
_OUT = "; "  # comments out a line
_AS_BEFORE = "{0} = {1} ; as under Supervisor"
_IMPORTED = re.compile(re.escape(_HEADER).replace(r"\{0\}", "(.+)"))


@dataclass(frozen=True)
class Copy:
    """A copy of one of Supervisor's files, as wctl needs it."""

    source: Path
    target: Path
    text: str
    mode: int

    @property
    def before(self) -> str | None:
        """The present text of the target; None if the target does not exist.

        Raises:
            WctlError: the target cannot be read.
        """
        try:
            return files.read(self.target).decode()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise WctlError(f"{self.target}: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise WctlError(f"{self.target}: {error}") from None


@dataclass(frozen=True)
class Migration:
    """The files and programs to import, and the report about them."""

    copies: tuple[Copy, ...]
    programs: tuple[Program, ...]  # as Supervisor's files configure them
    config: Config  # wctl's configuration after the import, with its present files
    left_out: tuple[Diagnostic, ...]
    unused: tuple[Path, ...]  # files without an option for wctl
    changes: tuple[Change, ...]


def default_file() -> Path:
    """Return the configuration file that Supervisor would find.

    Raises:
        WctlError: Supervisor would find no file.
    """
    for place in PLACES:
        if Path(place).exists():
            return Path(place)
    raise WctlError(f"found neither {' nor '.join(PLACES)}", hint="name the file: wctl import FILE")


def migrate(
    file: Path, directory: Path, environ: Mapping[str, str], inherited: Inherited | None = None
) -> Migration:
    """Return the migration of ``file``, and of the files it includes, to wctl's ``directory``.

    ``environ`` is the environment of wctl; ``inherited`` is that of supervisord.

    Raises:
        ConfigError: the configuration has errors.
        WctlError: the configuration has no program, or a program would not stay the same.
    """
    inherited = inherited or Inherited(environ)
    theirs = inherited.environ or {**environ, **inherited.given}
    found = load.load([file], theirs, for_supervisor=True)
    if found.errors:
        raise ConfigError(found.errors, NOTHING)
    if not found.programs:
        raise WctlError(
            f"{file}: there is no program in this file, or in the files that it includes"
        )
    left_out = tuple(
        diagnostic for diagnostic in found.diagnostics if diagnostic.code == "no-effect"
    )
    sections = includes.read([file], load.names_of(theirs), Diagnostics())
    read = sections.files
    lines = {path: ini.outline(files.read(path)) for path in read}
    out = _left_out(lines, left_out)
    added = {program.place: _own_defaults(program, inherited) for program in found.programs}
    copies, unused = [], []
    for path, target in zip(read, _targets(read, lines, directory / "conf.d")):
        fixed = environment.fixed(lines[path], sections, inherited)
        text = _rewritten(path, lines[path], out, added, fixed)
        if text is None:
            unused.append(path)
        else:
            mode = stat.S_IMODE(path.stat().st_mode) & (0o600 if fixed else 0o644)
            copies.append(Copy(path, target, text, mode))
    others = _others(copies, found, directory, environ)
    after = _staged(copies, directory, environ)
    changed = tuple(_compare(found, after, others, inherited))
    return Migration(
        copies=tuple(copies),
        programs=found.programs,
        config=after,
        left_out=left_out,
        unused=tuple(unused),
        changes=(
            *changed,
            *changes(found, lines),
            *(() if inherited.known else variables(lines, inherited.given)),
            *environment.changes(file, found.programs, inherited),
        ),
    )


def _others(
    copies: Iterable[Copy], found: Config, directory: Path, environ: Mapping[str, str]
) -> tuple[Program, ...]:
    """Return wctl's present programs, from the files that the import does not replace.

    Raises:
        WctlError: a program that would be imported is among them.
    """
    written = {copy.target for copy in copies}
    paths = [path for path in sorted(directory.glob("conf.d/*.conf")) if path not in written]
    main = directory / "wctl.conf"
    others = load.load([main, *paths] if main.exists() else paths, environ).programs
    titles = {program.title: program.place for program in others}
    for program in found.programs:
        if program.title in titles:
            raise WctlError(
                f"{program.title} is already configured in {titles[program.title]}",
                hint=f"remove it there, or from {program.place.file}",
            )
    return others


def _targets(
    read: Sequence[Path], lines: Mapping[Path, Sequence[ini.Line]], directory: Path
) -> list[Path]:
    """Return the target of each file.

    wctl reads its directory in the order of the names; Supervisor's files have their own order. The
    order matters if several files have the same section: then number the names.
    """
    names = [f"{path.stem}.conf" for path in read]
    sections_of = [{line.section for line in lines[path] if line.section} for path in read]
    everywhere = [name for sections in sections_of for name in sections if name != "include"]
    shared = len(everywhere) > len(set(everywhere)) or "DEFAULT" in everywhere
    if len(set(names)) < len(names) or (shared and names != sorted(names)):
        digits = max(2, len(str(len(names) - 1)))
        names = [f"{index:0{digits}d}-{name}" for index, name in enumerate(names)]
    targets: list[Path] = []
    for name, path in zip(names, read):
        target = directory / name
        for number in itertools.count(2):
            if target not in targets and not _is_of_another(target, path):
                break
            target = directory / f"{Path(name).stem}-{number}.conf"
        targets.append(target)
    return targets


def _is_of_another(target: Path, source: Path) -> bool:
    """Tell whether ``target`` is the copy of another file than ``source``."""
    try:
        first, _, _ = files.read(target).decode(errors="replace").partition("\n")
    except OSError:
        return False
    imported = _IMPORTED.fullmatch(first)
    return imported is not None and imported[1] != str(source)


def _left_out(
    lines: Mapping[Path, Sequence[ini.Line]], found: Iterable[Diagnostic]
) -> set[tuple[str, str]]:
    """Return the section and key of each option without effect; key "" is a whole section."""
    places = {(str(path), line.number): line for path in lines for line in lines[path]}
    out = set()
    for diagnostic in found:
        line = places[diagnostic.place.file, diagnostic.place.line]  # perhaps in [DEFAULT]
        out |= {(diagnostic.section, diagnostic.key), (line.section, line.key)}
    return out


def copies_of(read: Iterable[str], ours: Config, known: Container[Path]) -> tuple[Path, ...]:
    """Return the files of wctl's configuration that are copies of the files ``read``.

    They are ``known``, or were imported and have no program.
    """
    heads = {_HEADER.format(path).encode() for path in read}
    programs = {Path(program.place.file) for program in ours.programs}
    return tuple(
        path
        for path in map(Path, ours.files)
        if path in known or (path not in programs and files.read(path).partition(b"\n")[0] in heads)
    )


def _own_defaults(program: Program, inherited: Inherited) -> dict[str, str]:
    """Return the options with which wctl does what Supervisor did, in place of its own defaults."""
    options = {"hardening": "off"}
    if inherited.missing(program) and inherited.file is not None:
        options["environment_file"] = str(inherited.file)
    if frameworks.soft_limit(program) is not None:
        options["memory_max"] = "infinity"
    return {name: value for name, value in options.items() if name not in program.places}


def _rewritten(
    path: Path,
    lines: Sequence[ini.Line],
    out: Container[tuple[str, str]],
    added: Mapping[Place, Mapping[str, str]],
    fixed: Mapping[str, str],
) -> str | None:
    """Return the text of the copy of a file for wctl; None if no option stays.

    Raises:
        ConfigError: a value does not fit into a file.
    """

    def stays(line: ini.Line) -> bool:
        whole = line.section == "include" or (line.section, "") in out
        return not whole and (line.section, line.key) not in out

    # If no option of a section stays, we comment out the header of the section as well.
    alive = {line.section for line in lines if line.key and stays(line)}
    if not alive:
        return None
    directory = includes.here(Place(str(path)))
    written = [_HEADER.format(path)]
    for line in lines:
        if line.section and not (line.section in alive and stays(line)):
            written.append(_OUT + line.text)
        else:
            written.append(_filled(path, line, {"here": directory, **fixed}))
        options = added.get(Place(str(path), line.number), {})
        written += [_AS_BEFORE.format(*option) for option in options.items()]
    return "\n".join(written).rstrip("\n") + "\n"


def _filled(path: Path, line: ini.Line, values: Mapping[str, str]) -> str:
    """Return the text of a line with ``values`` in place of their %(name)s.

    Raises:
        ConfigError: a value does not fit into a line; the message does not show it.
    """
    wrong = environment.unwritable(line, values) if line.key else ""
    if wrong:
        problem = (
            f"supervisord's value of %({wrong})s cannot stand in a file: it has a line break, or"
            " what begins a comment; expected another value, or none of it here"
        )
        place = Place(str(path), line.number)
        error = Diagnostic("bad-value", place, line.section, line.key, problem)
        raise ConfigError((error,), NOTHING)
    text = line.text
    for name, value in values.items() if line.key else ():
        if environment.fits(value):  # or it is named in a comment only
            text = fill(text, name, value)
    return text


def with_kept(found: Migration, directory: Path, environ: Mapping[str, str]) -> Config:
    """Return wctl's configuration after an import that keeps the files that exist and differ.

    Raises:
        ConfigError: the configuration has errors.
    """
    new = [copy for copy in found.copies if copy.before in (None, copy.text)]
    return _staged(new, directory, environ)


def _staged(copies: Sequence[Copy], directory: Path, environ: Mapping[str, str]) -> Config:
    """Return the configuration that wctl will have with these ``copies``.

    Raises:
        ConfigError: the configuration has errors.
    """
    with tempfile.TemporaryDirectory(prefix="wctl-import-") as stage:
        by_name = {path.name: path for path in directory.glob("conf.d/*.conf")}
        for copy in copies:
            staged = Path(stage, copy.target.name)
            write_file(staged, copy.text)
            by_name[copy.target.name] = staged
        main = directory / "wctl.conf"
        ordered = [by_name[name] for name in sorted(by_name)]
        found = load.load([main, *ordered] if main.exists() else ordered, environ)
        real = {str(Path(stage, copy.target.name)): str(copy.target) for copy in copies}

    found = _moved(found, real)
    targets = {str(copy.target) for copy in copies}
    errors = tuple(error for error in found.errors if error.place.file in targets)
    if errors:
        raise ConfigError(errors, NOTHING)
    return found


def _moved(config: Config, real: Mapping[str, str]) -> Config:
    """Return ``config`` with the places of staged files as places of the ``real`` files."""

    def moved(place: Place) -> Place:
        return replace(place, file=real.get(place.file, place.file))

    return replace(
        config,
        programs=tuple(
            replace(
                program,
                place=moved(program.place),
                places={key: moved(place) for key, place in program.places.items()},
            )
            for program in config.programs
        ),
        groups=tuple(replace(group, place=moved(group.place)) for group in config.groups),
        diagnostics=tuple(
            replace(diagnostic, place=moved(diagnostic.place)) for diagnostic in config.diagnostics
        ),
        files=tuple(real.get(file, file) for file in config.files),
    )


def _compare(
    before: Config, after: Config, others: Iterable[Program], inherited: Inherited
) -> Iterator[tuple[str, str]]:
    """Yield the changes that the import makes to ``others``, wctl's present programs.

    Raises:
        WctlError: an imported program would not stay the same.
    """
    now = {program.title: program for program in after.programs}
    for program in before.programs:
        written = _own_defaults(program, inherited)
        different = differences(program, now[program.title])
        different = [name for name in different if name not in written]
        if different:
            raise WctlError(
                f"{program.title}: {', '.join(different)} would differ from"
                f" {program.place.file}, because of wctl's present configuration",
                hint=f"set this in [{program.section}], or remove it from wctl's configuration",
            )
    for program in others:
        if program.title not in now:
            yield program.title, "is not imported, but the import makes its configuration wrong"
            continue
        different = differences(program, now[program.title])
        if different:
            yield program.title, f"is not imported, but the import changes: {', '.join(different)}"


def differences(one: Program, other: Program) -> list[str]:
    """Return the names of the options in which two programs differ."""
    left_out = {option.name for option in OPTIONS if option.instead}
    left_out |= {"place", "places", "for_supervisor"}
    names = {field.name for field in fields(Program)} - left_out
    return sorted(name for name in names if getattr(one, name) != getattr(other, name))
