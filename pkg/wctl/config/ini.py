"""From text to sections: Supervisor's INI syntax, with the line of every value.

Supervisor reads its files with Python's RawConfigParser, and so do we: comments, continuation
lines and duplicate keys then mean the same to both. The parser does not record lines. Its
documented ``dict_type`` helps: the parser fills our dictionaries, which note its current line.
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
# A header without its ] or its [.
_HEADER = re.compile(r"^[^\S\n]*(?:\[([^]\n;#]+)|([\w-]+(?::[^]\n=]*)?)\])", re.MULTILINE)
_EXPECTED = "key = value or [section]"
_MOST_SECTIONS = 100_000  # of one file; each section takes a kilobyte of memory
_MOST_DIAGNOSTICS = 100  # about one file's syntax; a file of another kind has one per line


@dataclass(frozen=True)
class Entry:
    """One ``key = value``. The key is in lower case (see _key), the value is as written."""

    key: str
    value: str
    place: Place
    comment: str = ""  # the first one that was cut from its lines, with its mark


@dataclass(frozen=True)
class Section:
    """One section ``[name]`` of one file."""

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
    """One whole line of a file, with the section and the key that it belongs to.

    Both are empty for comments and blank lines.
    """

    number: int  # counted from 1
    text: str
    section: str
    key: str  # empty for a section's header


def parse(data: bytes, file: str) -> Document:
    """Parse a file's bytes. Lines that the parser cannot understand only become ``diagnostics``."""
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
            Section(name, Place(file, recording.line), _entries(recording, file, lines.comments))
            for name, recording in lines.sections.items()
        ),
        defaults=_entries(parser.defaults(), file, lines.comments),
        diagnostics=(*diagnostics, *_repeated(lines, parser.defaults(), file)),
    )


class _Parser(configparser.RawConfigParser):
    """RawConfigParser with another OPTCRE: its own takes quadratic time on a line of blanks.

    Ours means the same, since the parser itself strips the text before the delimiter.
    """

    OPTCRE = re.compile(r"(?P<option>[^=:]*)(?P<vi>[=:])\s*(?P<value>.*)$")


def _key(written: str) -> str:
    """Return a key in lower case, but leave SECTION.KEY in systemd.SECTION.KEY as written."""
    lower = written.lower()
    return "systemd" + written[len("systemd") :] if lower.startswith("systemd.") else lower


class _Lines:
    """The lines of a text, and the number of the line that the iterator yielded last."""

    def __init__(self, text: str) -> None:
        # We accept all three kinds of line ends, as Python does for a file in text mode.
        self.texts = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self.number = 0
        self.sections: dict[str, _Recording] = {}
        self.comments: dict[int, str] = {}  # number of an option's line → the comment in its value

    def __iter__(self) -> Iterator[str]:
        for line in self.texts:
            self.number += 1
            yield f"{line}\n"


class _Recording(dict[str, Any]):
    """A dictionary that notes the line at which the parser last set each key."""

    def __init__(self, lines: _Lines) -> None:
        super().__init__()
        self._lines = lines
        self.line = 0
        self.line_of: dict[str, int] = {}
        self.repeated: list[tuple[str, int, int]] = []  # key, its line, its previous line

    def __setitem__(self, key: str, value: Any) -> None:
        # The parser sets a section, or a value as the list of its lines. At the end it sets each
        # value again, as one string; the current line is then not the line of the value.
        if not isinstance(value, str):
            if key in self.line_of and isinstance(value, list):
                self.repeated.append((key, self._lines.number, self.line_of[key]))
            self.line_of[key] = self._lines.number
        if isinstance(value, _Recording):
            value.line = self._lines.number
            self._lines.sections[key] = value
        super().__setitem__(key, value)


def _dictionaries(lines: _Lines) -> type[Mapping[str, str]]:
    """Return the parser's ``dict_type``. The parser only calls it, so it need not be a class."""
    return cast("type[Mapping[str, str]]", partial(_Recording, lines))


def _decode(data: bytes, file: str) -> tuple[str, list[Diagnostic]]:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return "", [_syntax(file, line, "not UTF-8, expected a text file in UTF-8")]
    if text.startswith("\ufeff"):
        return "", [_syntax(file, 1, "begins with a byte order mark, expected plain UTF-8")]
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        return "", [_syntax(file, line, "contains a NUL byte, expected a text file")]
    return text, []


def outline(data: bytes) -> list[Line]:
    """Return every line of a file's bytes, with its section and key.

    Raises:
        ValueError: the bytes are not text in UTF-8.
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


def headers(data: bytes) -> frozenset[str]:
    """Return the names in all lines that look like the header of a section, even a damaged one."""
    found = _HEADER.finditer(data.decode(errors="replace").replace("\r", "\n"))
    return frozenset((match[1] or match[2]).strip() for match in found)


class _Kind(Enum):
    HEADER = 1
    OPTION = 2
    CONTINUATION = 3
    OTHER = 4  # the parser cannot understand the line


def _classified(texts: list[str]) -> Iterator[tuple[int, _Kind, str]]:
    """Yield the index, kind (as the parser sees it) and content of each line that has content.

    Comments are no content. Neither a comment nor an empty line ends a value.
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
    """Report the lines that the parser could not understand, and hide them from it.

    The parser would stop at such a line before the first section. It would collect the others in
    a list that takes quadratic time to grow.
    """
    found = []
    bad = sections = option = 0
    for index, kind, text in _classified(lines.texts):
        if kind is _Kind.OPTION:
            option = index + 1
        comment = lines.texts[index].strip()[len(text) :].lstrip()
        if comment and kind in (_Kind.OPTION, _Kind.CONTINUATION):
            lines.comments.setdefault(option, comment)
        if kind is _Kind.HEADER:
            sections += 1
            if sections > _MOST_SECTIONS:
                del lines.texts[index:]
                problem = f"more than {_MOST_SECTIONS:,} sections, expected fewer"
                found.append(_syntax(file, index + 1, problem))
                break
        elif kind is _Kind.OTHER:
            lines.texts[index] = "#"
            bad += 1
            if bad <= _MOST_DIAGNOSTICS:
                found.append(_syntax(file, index + 1, _what_is_wrong(text, sections)))
    return found


def _what_is_wrong(text: str, sections: int) -> str:
    if not sections:
        return f"{_short(repr(text))} stands before the first [section]"
    return f"cannot understand {_short(repr(text))}, expected {_EXPECTED}"


def _entries(found: Mapping[str, Any], file: str, comments: Mapping[int, str]) -> tuple[Entry, ...]:
    assert isinstance(found, _Recording)
    lines = {key: found.line_of.get(key, 0) for key in found}
    return tuple(
        Entry(key, _joined(value), Place(file, lines[key]), comments.get(lines[key], ""))
        for key, value in found.items()
    )


def _joined(value: Any) -> str:
    # After an error the parser leaves each value as the list of its lines.
    return "\n".join(value).rstrip() if isinstance(value, list) else value or ""


def _repeated(lines: _Lines, defaults: Mapping[str, Any], file: str) -> list[Diagnostic]:
    """Return a warning for each repeated key of a section: only its last value counts."""
    assert isinstance(defaults, _Recording)
    return [
        Diagnostic(
            "repeated-key",
            Place(file, line),
            name,
            key,
            f"replaces the value on line {before}, expected the key only once",
            error=False,
        )
        for name, recording in (*lines.sections.items(), ("DEFAULT", defaults))
        for key, line, before in recording.repeated[:_MOST_DIAGNOSTICS]
    ]


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "…"


def _syntax(file: str, line: int, problem: str) -> Diagnostic:
    return Diagnostic("syntax", Place(file, line), "", "", problem)
