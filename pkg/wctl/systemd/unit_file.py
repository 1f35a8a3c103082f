"""Unit files as data, and the one place where text is quoted and escaped for systemd.

The rules are those of systemd.syntax(7) (quoting), systemd.unit(5) (specifiers), systemd.service(5)
(command lines) and systemd.exec(5) (Environment=).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Union

from wctl.errors import WctlError

OLDEST_SYSTEMD = 249

# Directives that wctl may write and that OLDEST_SYSTEMD does not know: name → first version.
SINCE = {"RuntimeRandomizedExtraSec": 250, "RestartMode": 254}

_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./~^-]+", re.ASCII)
_BROKEN = re.compile(r"[\x00-\x1f\x7f]|\\$")  # characters that end a line or continue it
_END = re.compile(r"[\x00\n\r]|\\$")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_TO_ESCAPE = re.compile(r'[\x00-\x1f\x7f"\\]')
_PLAINLY = {escape: character for character, escape in _ESCAPES.items()}
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_ESCAPED = re.compile(r"\\(?:x([0-9a-f]{2})|.)")
_LONG_LINE = 100  # characters; a longer command line continues on the next lines


@dataclass(frozen=True)
class Raw:
    """Text that is already in systemd's own syntax: a specifier such as %i."""

    text: str


Word = Union[str, Raw]
"""A part of a directive's value: literal text, or text in systemd's own syntax."""


@dataclass
class Section:
    """One section: its lines, in order."""

    name: str
    lines: list[str] = field(default_factory=list)

    def comment(self, text: str) -> None:
        """Add an explanation for the reader of the unit."""
        self._add(f"# {text}", _END)

    def blank(self) -> None:
        """Add a blank line."""
        self.lines.append("")

    def set(self, key: str, *words: Word) -> None:
        """Add a directive with a literal value, in which only Raw words are specifiers.

        Raises:
            WctlError: no unit can hold the value.
        """
        self._add(f"{key}={''.join(map(specifier, words))}", _BROKEN)

    def listed(self, key: str, *words: Word) -> None:
        """Add one word of a directive that takes a list, in which blanks separate words."""
        self.set(key, Raw(_quoted(words)))

    def flag(self, key: str, value: bool) -> None:
        """Add a boolean directive."""
        self.set(key, "yes" if value else "no")

    def environment(self, name: str, *words: Word) -> None:
        """Add one variable of Environment=."""
        self.lines.append(f"Environment={_quoted([f'{name}=', *words])}")

    def command(self, key: str, *groups: Iterable[Iterable[Word]]) -> None:
        """Add a command line; if it is long, give each group of arguments its own line."""
        texts = [" ".join(map(_argument, group)) for group in groups]
        whole = f"{key}={' '.join(texts)}"
        if len(whole) > _LONG_LINE:
            whole = f"{key}=" + " \\\n    ".join(texts)
        self.lines.append(whole)

    def raw(self, key: str, value: str) -> None:
        """Add a directive exactly as the administrator wrote it."""
        self._add(f"{key}={value}", _END)

    def _add(self, line: str, wrong: re.Pattern[str]) -> None:
        """Add a line, unless it would end early or continue: the rest could be any directive.

        Raises:
            WctlError: the line has a ``wrong`` character.
        """
        if wrong.search(line):
            raise WctlError(f"no unit can have the line {line[:200]!r}")
        self.lines.append(line)


@dataclass
class Unit:
    """One unit file."""

    name: str
    header: tuple[str, ...]
    sections: list[Section] = field(default_factory=list)

    def section(self, name: str) -> Section:
        """Return the section ``name``; add it at the end if it is new."""
        for section in self.sections:
            if section.name == name:
                return section
        self.sections.append(Section(name))
        return self.sections[-1]

    def text(self) -> str:
        """Return the file's text."""
        blocks = ["\n".join(f"# {line}" for line in self.header)]
        blocks += ["\n".join([f"[{section.name}]", *section.lines]) for section in self.sections]
        return "\n\n".join(blocks) + "\n"


def specifier(word: Word) -> str:
    """Return the text of a word, with its % doubled if it is literal."""
    return word.text if isinstance(word, Raw) else word.replace("%", "%%")


def fits(*words: Word) -> bool:
    """Tell whether Section.set() can write ``words``: one line, no blanks that systemd strips."""
    text = "".join(word.text if isinstance(word, Raw) else word for word in words)
    return text == text.strip() and not text.endswith("\\") and not _CONTROL.search(text)


def words(line: str) -> list[str]:
    """Return the words of a command line that Section.command() wrote, without its escapes.

    Specifiers stay, and so does each $$: systemd replaces variables later.
    """
    return [
        _ESCAPED.sub(_unescape, found[1]) if found[1] is not None else found[2]
        for found in _WORD.finditer(line)
    ]


def _unescape(found: re.Match[str]) -> str:
    if found[1] is not None:
        return chr(int(found[1], 16))
    return _PLAINLY.get(found[0], found[0][1:])


def _argument(words: Iterable[Word]) -> str:
    """Return one argument of a command line."""
    return _quoted([word.replace("$", "$$") if isinstance(word, str) else word for word in words])


def _quoted(words: Iterable[Word]) -> str:
    """Return one word, quoted only if necessary: people read these files."""
    escaped = "".join(map(_escaped, words))
    return escaped if _PLAIN.fullmatch(escaped) else f'"{escaped}"'


def _escaped(word: Word) -> str:
    if isinstance(word, Raw):
        return word.text
    return _TO_ESCAPE.sub(_escape, word.replace("%", "%%"))


def _escape(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[0], f"\\x{ord(match[0]):02x}")
