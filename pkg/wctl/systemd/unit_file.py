"""Unit files as data, and the one place where text is quoted and escaped for systemd.

The rules are those of systemd.syntax(7) (quoting), systemd.unit(5) (specifiers), systemd.service(5)
(command lines) and systemd.exec(5) (EnvironmentFile=).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Union

OLDEST_SYSTEMD = 249

# Directives that wctl may write and that OLDEST_SYSTEMD does not know: name → first version.
SINCE = {"RuntimeRandomizedExtraSec": 250}

_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./~^-]+", re.ASCII)
_BROKEN = re.compile(r"[\x00-\x1f\x7f]|\\$")  # what ends a line, or continues it
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_TO_ESCAPE = re.compile(r'[\x00-\x1f\x7f"\\]')
_LONG_LINE = 100  # characters; beyond them a command line is continued below


@dataclass(frozen=True)
class Raw:
    """Text that is in systemd's own syntax already: a specifier such as %i."""

    text: str


Word = Union[str, Raw]
"""What a directive's value is put together from: literal text, or systemd's own syntax."""


@dataclass
class Section:
    """One section: its lines, in order."""

    name: str
    lines: list[str] = field(default_factory=list)

    def comment(self, text: str) -> None:
        """Add an explanation for the reader of the unit."""
        self.lines.append(f"# {text}")

    def blank(self) -> None:
        """Set apart what follows."""
        self.lines.append("")

    def set(self, key: str, *words: Word) -> None:
        """Add a directive whose value is taken literally but for specifiers."""
        line = f"{key}={''.join(map(specifier, words))}"
        assert not _BROKEN.search(line), line
        self.lines.append(line)

    def flag(self, key: str, value: bool) -> None:
        """Add a boolean."""
        self.set(key, "yes" if value else "no")

    def environment(self, name: str, *words: Word) -> None:
        """Add one variable of Environment=."""
        self.lines.append(f"Environment={_quoted([f'{name}=', *words])}")

    def command(self, key: str, *groups: Iterable[Iterable[Word]]) -> None:
        """Add a command line; where it is long, each group of arguments has its own line."""
        texts = [" ".join(map(_argument, group)) for group in groups]
        whole = f"{key}={' '.join(texts)}"
        if len(whole) > _LONG_LINE:
            whole = f"{key}=" + " \\\n    ".join(texts)
        self.lines.append(whole)

    def raw(self, key: str, value: str) -> None:
        """Add a directive exactly as an administrator wrote it."""
        self.lines.append(f"{key}={value}")


@dataclass
class Unit:
    """One unit file."""

    name: str
    header: tuple[str, ...]
    sections: list[Section] = field(default_factory=list)

    def section(self, name: str) -> Section:
        """Return the section of this name; add it at the end if it is new."""
        for section in self.sections:
            if section.name == name:
                return section
        self.sections.append(Section(name))
        return self.sections[-1]

    def text(self) -> str:
        """Return the file's text."""
        blocks = ["\n".join(f"# {line}" for line in self.header)]
        blocks += ["\n".join([f"[{each.name}]", *each.lines]) for each in self.sections]
        return "\n\n".join(blocks) + "\n"


def specifier(word: Word) -> str:
    """Return a word with its % doubled."""
    return word.text if isinstance(word, Raw) else word.replace("%", "%%")


def fits(*words: Word) -> bool:
    """Tell whether Section.set() can write these words: one line, nothing that systemd strips."""
    text = "".join(word.text if isinstance(word, Raw) else word for word in words)
    return text == text.strip() and not text.endswith("\\") and not _CONTROL.search(text)


def _argument(words: Iterable[Word]) -> str:
    """Return one argument of a command line, quoted where it must be."""
    # Where no quoting is needed none is done: people read these files.
    return _quoted([w.replace("$", "$$") if isinstance(w, str) else w for w in words])


def _quoted(words: Iterable[Word]) -> str:
    escaped = "".join(map(_escaped, words))
    return escaped if _PLAIN.fullmatch(escaped) else f'"{escaped}"'


def _escaped(word: Word) -> str:
    if isinstance(word, Raw):
        return word.text
    return _TO_ESCAPE.sub(_escape, word.replace("%", "%%"))


def _escape(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[0], f"\\x{ord(match[0]):02x}")
