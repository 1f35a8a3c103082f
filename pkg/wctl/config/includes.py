"""From files to sections: follow each [include], and merge each section from all files."""

from __future__ import annotations

import errno
import glob
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wctl.config import ini
from wctl.config.expansion import expand
from wctl.config.ini import Entry
from wctl.errors import Diagnostics, Place
from wctl.trust import files

_MOST_FILES = 10_000  # in one [include]


@dataclass
class Merged:
    """A section, merged from all files; the last value of a key wins."""

    name: str
    place: Place
    entries: dict[str, Entry] = field(default_factory=dict)


@dataclass
class Sections:
    """All sections by name, and the entries of [DEFAULT]."""

    by_name: dict[str, Merged] = field(default_factory=dict)
    defaults: dict[str, Entry] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)  # the files that we have read, in order
    searched: list[str] = field(default_factory=list)  # directories that a pattern has searched
    unmatched: list[str] = field(default_factory=list)  # patterns without a file
    skipped: list[str] = field(default_factory=list)  # matches that we cannot read
    for_supervisor: set[str] = field(default_factory=set)  # the files written for Supervisor
    # Files with errors, and the sections that they seem to have.
    broken: dict[str, frozenset[str]] = field(default_factory=dict)


def read(paths: Iterable[Path], names: Mapping[str, object], findings: Diagnostics) -> Sections:
    """Read ``paths`` and the files that they include. An [include] may use ``names``.

    A file that we cannot read or understand becomes a finding; we still read the others.
    """
    reader = _Reader(names, findings)
    for file in paths:
        before = len(reader.sections.files)
        reader.read_main(file)
        if reader.for_supervisor:
            reader.sections.for_supervisor.update(map(str, reader.sections.files[before:]))
    return reader.sections


def here(place: Place) -> str:
    """Return the directory of the file of ``place``."""
    return os.path.dirname(os.path.abspath(place.file))  # noqa: PTH100, PTH120 - follows no links


class _Reader:
    def __init__(self, names: Mapping[str, object], findings: Diagnostics) -> None:
        self.sections = Sections()
        self._names = names
        self._findings = findings
        self._read: set[Path] = set()
        self.for_supervisor = False  # the latest file of those to be read, or one that it includes

    def read_main(self, file: Path) -> None:
        """Read a file that the user or the directory names. Report it if it cannot be read."""
        self.for_supervisor = False
        try:
            # Who names a file may name a pipe: -c <(make-configuration).
            data = files.read(file, any_kind=True)
        except OSError as error:
            problem = f"cannot read this configuration file: {error.strerror}"
            self._findings.error("unreadable", Place(str(file)), "", "", problem)
            # A main file may hold options for all programs, but we take files of a directory and
            # included files to hold programs and groups.
            if file.parent.name == "conf.d":
                self.sections.broken[str(file)] = frozenset()
        else:
            self._parse(file, data, included_by=None)

    def _read_included(self, file: Path, entry: Entry, pattern: str, main: Path) -> None:
        """Read a file that ``pattern`` has matched; skip what cannot be read, as Supervisor does.

        An error that ConfigParser.read() does not ignore, such as a syntax error, is one here, too.
        """
        try:
            data = files.read(file)
        except OSError as error:
            if error.errno == errno.EFBIG:
                problem = f"cannot read this configuration file: {error.strerror}"
                self._findings.error("unreadable", Place(str(file)), "", "", problem)
                self.sections.broken[str(file)] = frozenset()
                return
            problem = f"{file}: skipped, as in Supervisor: {error.strerror}"
            self._findings.warning("include", entry.place, "include", "files", problem)
            # A directory such as conf.d/disabled is no file that is missing. With *.conf it may be:
            # container engines make a directory where a file to be mounted does not exist.
            if error.errno != errno.EINVAL or Path(pattern).suffix:
                self.sections.skipped.append(str(file))
        else:
            self._parse(file, data, included_by=main)

    def _parse(self, file: Path, data: bytes, *, included_by: Path | None) -> None:
        self.sections.files.append(file)
        document = ini.parse(data, str(file))
        resolved = file.resolve()
        if resolved not in self._read:  # else these diagnostics are in the list already
            self._findings.found += document.diagnostics
        self._read.add(resolved)
        if any(diagnostic.error for diagnostic in document.diagnostics):
            self.sections.broken[str(file)] = ini.headers(data)
        self.sections.defaults.update({entry.key: entry for entry in document.defaults})
        for section in document.sections:
            self.for_supervisor |= _sets_up_supervisord(section)
            known = self.sections.by_name
            merged = known.setdefault(section.name, Merged(section.name, section.place))
            merged.entries.update({entry.key: entry for entry in section.entries})
        # We read included files after the whole file itself, so their values win.
        for section in document.sections:
            if section.name == "include" and not _same(file, included_by):
                self._include(file, section, nested=included_by is not None)

    def _include(self, file: Path, section: ini.Section, *, nested: bool) -> None:
        for entry in section.entries:
            if entry.key == "files" and nested:
                problem = "ignored: an included file cannot include other files"
                self._findings.warning("include", entry.place, "include", "files", problem)
            elif entry.key == "files":
                self._include_files(file, entry)
        if not any(entry.key == "files" for entry in section.entries):
            problem = "missing, expected the names of the files to include"
            self._findings.error("missing", section.place, "include", "files", problem)

    def _include_files(self, file: Path, entry: Entry) -> None:
        directory = here(entry.place)
        try:
            patterns = expand(entry.value, {**self._names, "here": directory}).text(0).split()
        except ValueError as error:
            self._findings.error("bad-value", entry.place, "include", "files", str(error))
            return
        read = 0
        for pattern in patterns:
            whole = str(Path(directory, pattern))
            found = sorted(glob.glob(whole))  # noqa: PTH207 - absolute
            self.sections.searched += _searched(whole, found)
            if not found:
                self.sections.unmatched.append(whole)
                self._findings.warning(
                    "include", entry.place, "include", "files", f"{pattern}: no such file"
                )
            read += len(found)
            if read > _MOST_FILES:
                problem = f"more than {_MOST_FILES} files, expected fewer"
                self._findings.error("bad-value", entry.place, "include", "files", problem)
                return
            for path in found:
                self._read_included(Path(path), entry, pattern, file)


def _sets_up_supervisord(section: ini.Section) -> bool:
    """Tell whether this is Supervisor's [supervisord], and not only there for wctl_ignore."""
    keys = {entry.key for entry in section.entries}
    return section.name == "supervisord" and keys != {"wctl_ignore"}


def _searched(pattern: str, found: Iterable[str]) -> list[str]:
    """Return the directories whose entries decide what ``pattern`` matches."""
    parts = Path(pattern).parts
    magic = [index for index, part in enumerate(parts) if glob.has_magic(part)]
    if not magic:
        return [] if found else [str(Path(pattern).parent)]  # where it may be tomorrow
    first = [str(Path(*parts[:index])) for index in magic[:1]]  # also if it is empty
    inner = [str(Path(*Path(path).parts[:index])) for path in found for index in magic[1:]]
    return list(dict.fromkeys(first + inner))


def _same(file: Path, other: Path | None) -> bool:
    """Tell whether a file includes itself, as with ``files = *.conf``: it brings nothing new."""
    try:
        return other is not None and file.samefile(other)
    except OSError:
        return False
