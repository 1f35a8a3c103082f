"""Text to sections: Supervisor's INI syntax, with the line that every value came from.

Supervisor reads its files with Python's RawConfigParser, so do we: then comments, continuation
lines and duplicate keys mean the same to both. What the parser lacks is places. Its documented
``dict_type`` gives them: the dictionaries that it fills note the line that is being read.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, cast

from wctl.errors import Diagnostic, Place

_COMMENT = re.compile(r"(?:^|(?<=\s))[;#].*")
_OPTION = re.compile(r"[^=:]+[=:]")
_EXPECTED = "key = value or [section]"
_MOST_SECTIONS = 100_000  # of one file; each takes a kilobyte of memory
_MOST_DIAGNOSTICS = 100  # of one file's syntax; a file that is no configuration has one per line


@dataclass(frozen=True)
class Entry:
    """One ``key = value``. The key is in lower case, the value as written."""

    key: str
    value: str
    place: Place


@dataclass(frozen=True)
class Section:
    """One ``[name]`` of one file."""

    name: str
    place: Place
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Document:
    """One file. ``defaults`` are the entries of its [DEFAULT]."""

    sections: tuple[Section, ...]
    defaults: tuple[Entry, ...]
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True)
class Line:
    """One line of a file, whole, and the section and key that it is written in.

    Both are empty where nothing is said: comments, blank lines.
    """

    number: int  # counted from 1
    text: str
    section: str
    key: str  # empty for a section's header


def parse(data: bytes, file: str) -> Document:
    """Read one file's bytes. What cannot be understood is in ``diagnostics``, the rest is read."""
    text, diagnostics = _decode(data, file)
    lines = _Lines(text)
    diagnostics += _check_lines(lines, file)
    parser = _Parser(
        dict_type=_dictionaries(lines),
        strict=False,
        inline_comment_prefixes=(";", "#"),
    )
    parser.optionxform = _key  # type: ignore[method-assign, assignment] # as documented
    try:
        parser.read_file(lines, source=file)
    except configparser.Error as error:
        diagnostics.append(_syntax(file, lines.number, str(error)))
    return Document(
        sections=tuple(
            Section(name, Place(file, found.line), _entries(found, file))
            for name, found in lines.sections.items()
        ),
        defaults=_entries(parser.defaults(), file),
        diagnostics=(*diagnostics, *_repeated(lines, parser.defaults(), file)),
    )


class _Parser(configparser.RawConfigParser):
    """RawConfigParser, whose expression for options takes quadratic time on a line of blanks.

    This one means the same: the parser strips what stands before the delimiter by itself.
    """

    OPTCRE = re.compile(r"(?P<option>[^=:]*)(?P<vi>[=:])\s*(?P<value>.*)$")


def _key(written: str) -> str:
    """Keys are case-insensitive, but systemd's own in systemd.SECTION.KEY are not."""
    lower = written.lower()
    return "systemd" + written[len("systemd") :] if lower.startswith("systemd.") else lower


class _Lines:
    """The lines of a text, and the number of the one that was given out last."""

    def __init__(self, text: str) -> None:
        # As a file that Python opens in text mode: every one of the three kinds of line ends.
        self.texts = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self.number = 0
        self.sections: dict[str, _Recording] = {}

    def __iter__(self) -> Iterator[str]:
        for line in self.texts:
            self.number += 1
            yield f"{line}\n"


class _Recording(dict[str, Any]):
    """A dictionary that notes the line at which each of its keys was set last."""

    def __init__(self, lines: _Lines) -> None:
        super().__init__()
        self._lines = lines
        self.line = 0
        self.line_of: dict[str, int] = {}
        self.repeated: list[tuple[str, int, int]] = []  # key, its line, the line of the one before

    def __setitem__(self, key: str, value: Any) -> None:
        # The parser sets a section, or the list of a value's lines; at the end, once more, the
        # lines joined, which is no place in the file.
        if not isinstance(value, str):
            if key in self.line_of and isinstance(value, list):
                self.repeated.append((key, self._lines.number, self.line_of[key]))
            self.line_of[key] = self._lines.number
        if isinstance(value, _Recording):
            value.line = self._lines.number
            self._lines.sections[key] = value
        super().__setitem__(key, value)


def _dictionaries(lines: _Lines) -> type[Mapping[str, str]]:
    """Return what the parser makes its dictionaries with: anything that can be called will do."""
    return cast("type[Mapping[str, str]]", partial(_Recording, lines))


def _decode(data: bytes, file: str) -> tuple[str, list[Diagnostic]]:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return "", [_syntax(file, line, "not UTF-8, expected a text file in UTF-8")]
    if text.startswith("\ufeff"):
        return "", [_syntax(file, 1, "begins with a byte order mark, expected UTF-8 without one")]
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        return "", [_syntax(file, line, "holds a NUL byte, expected a text file")]
    return text, []


def outline(data: bytes) -> list[Line]:
    """Return every line of a file's bytes, with what it is part of.

    Raises:
        ValueError: it is not text.
    """
    text, diagnostics = _decode(data, "")
    if diagnostics:
        raise ValueError(diagnostics[0].problem)
    texts = _Lines(text).texts
    part_of: dict[int, tuple[str, str]] = {}
    section = key = ""
    for index, kind, content in _classified(texts):
        header = _Parser.SECTCRE.match(content)
        if kind is _Kind.HEADER and header:
            section, key = header["header"], ""
        elif kind is _Kind.OPTION:
            key = _key(re.split("[=:]", content, maxsplit=1)[0].strip())
        part_of[index] = section, key
    return [
        Line(index + 1, line, *part_of.get(index, ("", ""))) for index, line in enumerate(texts)
    ]


class _Kind(Enum):
    HEADER = 1
    OPTION = 2
    CONTINUATION = 3
    OTHER = 4  # cannot be understood


def _classified(texts: list[str]) -> Iterator[tuple[int, _Kind, str]]:
    """Yield what each line is, as the parser sees it, and its content; comments are left out.

    A comment does not end a value; an empty line does not either.
    """
    indent = 0
    in_section = in_option = False
    for index, line in enumerate(texts):
        text = _COMMENT.sub("", line).strip() if ";" in line or "#" in line else line.strip()
        if not text:
            continue
        indented = len(line) - len(line.lstrip())
        if in_option and indented > indent:
            yield index, _Kind.CONTINUATION, text
            continue
        indent = indented
        if _Parser.SECTCRE.match(text):
            in_section, in_option = True, False
            yield index, _Kind.HEADER, text
        elif in_section and _OPTION.match(text):
            in_option = True
            yield index, _Kind.OPTION, text
        else:
            yield index, _Kind.OTHER, text


def _check_lines(lines: _Lines, file: str) -> list[Diagnostic]:
    """Report lines that the parser could not understand, and hide them from it.

    It would stop for good at one before the first section, and its list of the others takes
    quadratic time to grow.
    """
    found = []
    bad = sections = 0
    for index, kind, text in _classified(lines.texts):
        if kind is _Kind.HEADER:
            sections += 1
            if sections > _MOST_SECTIONS:
                del lines.texts[index:]
                found.append(_syntax(file, index + 1, f"more than {_MOST_SECTIONS:,} sections"))
                break
        elif kind is _Kind.OTHER:
            lines.texts[index] = "#"
            bad += 1
            if bad <= _MOST_DIAGNOSTICS:
                found.append(_syntax(file, index + 1, _what_is_wrong(text, sections)))
    return found


def _what_is_wrong(text: str, sections: int) -> str:
    if not sections:
        return f"{_short(repr(text))} is before any [section]"
    return f"cannot understand {_short(repr(text))}, expected {_EXPECTED}"


def _entries(found: Mapping[str, Any], file: str) -> tuple[Entry, ...]:
    assert isinstance(found, _Recording)
    return tuple(
        Entry(key, _joined(value), Place(file, found.line_of.get(key, 0)))
        for key, value in found.items()
    )


def _joined(value: Any) -> str:
    # After an error the parser leaves values as the list of their lines.
    return "\n".join(value).rstrip() if isinstance(value, list) else value or ""


def _repeated(lines: _Lines, defaults: Mapping[str, Any], file: str) -> list[Diagnostic]:
    """Return warnings for keys that stand twice in one section: only the last one counts."""
    assert isinstance(defaults, _Recording)
    return [
        Diagnostic(
            "repeated-key",
            Place(file, line),
            name,
            key,
            f"replaces the one of line {before}; expected it once",
            error=False,
        )
        for name, found in (*lines.sections.items(), ("DEFAULT", defaults))
        for key, line, before in found.repeated[:_MOST_DIAGNOSTICS]
    ]


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "…"


def _syntax(file: str, line: int, problem: str) -> Diagnostic:
    return Diagnostic("syntax", Place(file, line), "", "", problem)
