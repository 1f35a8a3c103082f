"""EnvironmentFile= (systemd.exec(5)): read a file as systemd does, write it, name it in a unit.

Decided here:
- We follow what systemd does, as tests/e2e compares it, where systemd.exec(5) says less: quotes
  count only where a value begins, or right after a quoted piece; a quote without an end reaches to
  the end of the file; a carriage return ends a line.
- Another user may have written a file, and as much of it as we read. So we look at no part twice,
  and no expression repeats a group, for which Python would need memory at each turn.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator

from wctl.trust import files, patterns
from wctl.trust.text import printable

COMMENTS_END = 254
"""The first systemd to which a backslash at the end of a comment does not continue it."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_BLANKS = " \t\r\n"
_BLANK = re.compile(r"[ \t\r\n]*")
_LINE_BLANK = re.compile(r"[ \t]*")
_KEY = re.compile(r".[^=\r\n]*", re.DOTALL)
_COMMENT = re.compile(r"[^\r\n]*")
_COMMENT_PART = re.compile(r"[^\\\r\n]*")
_IN_DOUBLE_QUOTES = re.compile(r'\\.|"', re.DOTALL)
_IN_LINE = re.compile(r"\\(?:.|\Z)|[\r\n]", re.DOTALL)
_ESCAPE = re.compile(r'\\(["\\`$\n]|\Z)')
_ANY_ESCAPE = re.compile(r"\\(.|\Z)", re.DOTALL)
# What systemd takes for no UTF-8: bytes that are none, and the code points of no character.
_NO_TEXT = re.compile(
    "[\ud800-\udfff\ufdd0-\ufdef" + "".join(chr(n << 16 | 0xFFFE) + chr(n << 16 | 0xFFFF)
                                            for n in range(17)) + "]"
)  # fmt: skip


class InvalidError(ValueError):
    """systemd does not read such a file; str() says where and why."""

    def __init__(self, problem: str, text: str, at: int) -> None:
        super().__init__(f"{problem}; systemd does not read such a file")
        self.line = text.count("\n", 0, at) + 1
        self.file = ""

    def __str__(self) -> str:
        return f"{printable(self.file)}:{self.line}: {super().__str__()}"


def read(path: str, systemd: int, *, optional: bool = False) -> dict[str, str]:
    """Return the variables of all files that EnvironmentFile=``path`` names; later files win.

    ``optional`` (in a unit, a - before the path) leaves out each file that cannot be read.

    Raises:
        OSError: there is no such file, or it cannot be read.
        InvalidError: systemd does not read such a file.
    """
    found: dict[str, str] = {}
    matching = patterns.matching(path)
    if not matching and not optional:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), printable(path))
    for file in matching:
        try:
            text = files.read(file).decode(errors="surrogateescape")
            found.update(parse(text, systemd))
        except InvalidError as error:
            error.file = file
            if not optional:
                raise
        except OSError:
            if not optional:
                raise
    return found


def parse(text: str, systemd: int = COMMENTS_END) -> dict[str, str]:
    """Return the variables, as this version of systemd reads them; the last value of a name wins.

    Raises:
        InvalidError: the text has a NUL character, or a variable is not UTF-8.
    """
    nul = text.find("\0")
    if nul >= 0:
        raise InvalidError("has a NUL character", text, nul)
    return {name: value for name, value in _assignments(text, systemd) if _NAME.fullmatch(name)}


def is_text(value: str) -> bool:
    """Tell whether systemd takes the bytes of ``value`` for UTF-8."""
    return _NO_TEXT.search(value) is None


def _assignments(text: str, systemd: int) -> Iterator[tuple[str, str]]:
    """Yield all names, also those that systemd ignores, with their values."""
    at = _end(_BLANK, text, 0)
    while at < len(text):
        begin = at
        if text[at] in "#;":
            at = _comment(text, at, systemd)
        else:
            at = _end(_KEY, text, at)  # a = at the beginning belongs to the name
            if text[at : at + 1] == "=":
                name = text[begin:at].rstrip(_BLANKS)
                value, at = _value(text, at + 1)
                if not (is_text(name) and is_text(value)):
                    raise InvalidError("is not UTF-8", text, begin)
                yield name, value
        at = _end(_BLANK, text, at)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Return where a match that cannot fail ends, or the end of the text."""
    match = pattern.match(text, at)
    return match.end() if match else len(text)


def _comment(text: str, at: int, systemd: int) -> int:
    """Return the position of the end of a comment."""
    if systemd >= COMMENTS_END:
        return _end(_COMMENT, text, at)
    at = _end(_COMMENT_PART, text, at)
    while text[at : at + 1] == "\\":
        at = _end(_COMMENT_PART, text, at + 2)
    return at


def _value(text: str, at: int) -> tuple[str, int]:
    """Read a value with its quotes and continued lines; return it and the position of its end."""
    parts: list[str] = []
    at = _end(_LINE_BLANK, text, at)
    while text[at : at + 1] in {"'", '"'}:
        part, at = (_single if text[at] == "'" else _double)(text, at + 1)
        parts.append(part)
        at = _end(_LINE_BLANK, text, at)
    if text[at : at + 1] not in {"", "\r", "\n"}:
        part, at = _plain(text, at)
        parts.append(part)
    return "".join(parts), at


def _single(text: str, at: int) -> tuple[str, int]:
    end = text.find("'", at)
    return (text[at:], len(text)) if end < 0 else (text[at:end], end + 1)


def _double(text: str, at: int) -> tuple[str, int]:
    quotes = (found.end() for found in _IN_DOUBLE_QUOTES.finditer(text, at) if found[0] == '"')
    end = next(quotes, len(text) + 1)
    return _ESCAPE.sub(_unescaped, text[at : end - 1]), min(end, len(text))


def _plain(text: str, at: int) -> tuple[str, int]:
    """Read up to the end of the line: quotes are ordinary, a backslash escapes any character."""
    kept, end = at, len(text)
    for found in _IN_LINE.finditer(text, at):
        if found[0][0] != "\\":
            end = found.start()
            break
        kept = found.end()
    # Blanks at the end do not count, unless a backslash comes after them.
    return _ANY_ESCAPE.sub(_unescaped, text[at:kept]) + text[kept:end].rstrip(_BLANKS), end


def _unescaped(match: re.Match[str]) -> str:
    return "" if match[1] in {"\r", "\n"} else match[1]


def pattern(path: str) -> str:
    """Return EnvironmentFile='s value for ``path`` alone: systemd takes the value as a glob(7)."""
    return re.sub(r"([*?\[\\])", r"\\\1", path)


def environment_file(variables: Iterable[tuple[str, str]]) -> str:
    """Return the text of a file for EnvironmentFile=: quoted as in a shell, without specifiers."""
    return "".join(f'{name}="{_shell_escaped(value)}"\n' for name, value in variables)


def _shell_escaped(value: str) -> str:
    return re.sub(r'(["\\`$])', r"\\\1", value)
