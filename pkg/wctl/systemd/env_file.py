"""EnvironmentFile= (systemd.exec(5)): read a file as systemd does, write it, name it in a unit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_PIECE = re.compile(r"(?P<quote>['\"])|\\(?P<escaped>.)|(?P<plain>[^'\"\\\n]+)|\n", re.DOTALL)
_IN_DOUBLE_QUOTES = re.compile(r'\\.|"', re.DOTALL)
_ESCAPE = re.compile(r'\\(["\\`$\n])')


class NulError(ValueError):
    """The text has a NUL character: systemd reads no such file, no process gets such a value."""

    def __init__(self) -> None:
        super().__init__("it has a NUL character, and systemd does not read such a file")


def parse(text: str) -> dict[str, str]:
    """Return the variables; the last value of a name wins.

    Another user may have written the text, and as much of it as wctl reads. So we look at no part
    twice, and no expression repeats a group, for which Python would need memory at each turn.

    Raises:
        NulError: the text has a NUL character.
    """
    if "\0" in text:
        raise NulError
    return dict(_assignments(text))


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        line_end = text.find("\n", at)
        line_end = len(text) if line_end < 0 else line_end
        equals = text.find("=", at, line_end)
        name = text[at:equals].strip() if equals > 0 else ""
        if not _NAME.fullmatch(name):  # a comment, a blank line, an error
            at = line_end + 1
            continue
        value, at = _value(text, equals + 1)
        yield name, value


def _value(text: str, at: int) -> tuple[str, int]:
    """Read a value with its quotes and continued lines; return it and the position of its end."""
    parts: list[str] = []
    filled = is_plain = False  # blanks outside quotes do not count at the beginning and at the end
    while match := _PIECE.match(text, at):
        part, end = _piece(text, match)
        if end is None:
            break
        at = end
        if match[0] == "\n":
            break
        is_plain = match["plain"] is not None
        parts.append(part.lstrip() if is_plain and not filled else part)
        filled = filled or bool(parts[-1])
    if is_plain:
        parts[-1] = parts[-1].rstrip()
    return "".join(parts), at


def _piece(text: str, match: re.Match[str]) -> tuple[str, int | None]:
    """Return what a piece stands for, and the position of its end; None: its quote never ends."""
    if match["quote"] is None:
        part = match["plain"] or match["escaped"] or ""
        return "" if part == "\n" else part, match.end()
    end = _closing_quote(text, match.end(), match["quote"])
    if end < 0:
        return "", None
    quoted = text[match.end() : end]
    return quoted if match["quote"] == "'" else _ESCAPE.sub(_unescape, quoted), end + 1


def _closing_quote(text: str, at: int, quote: str) -> int:
    if quote == "'":
        return text.find(quote, at)
    quotes = (found.start() for found in _IN_DOUBLE_QUOTES.finditer(text, at) if found[0] == quote)
    return next(quotes, -1)


def _unescape(match: re.Match[str]) -> str:
    return "" if match[1] == "\n" else match[1]


def pattern(path: str) -> str:
    """Return EnvironmentFile='s value for ``path`` alone: systemd takes the value as a glob(7)."""
    return re.sub(r"([*?\[\\])", r"\\\1", path)


def environment_file(variables: Iterable[tuple[str, str]]) -> str:
    """Return the text of a file for EnvironmentFile=: quoted as in a shell, without specifiers."""
    return "".join(f'{name}="{_shell_escaped(value)}"\n' for name, value in variables)


def _shell_escaped(value: str) -> str:
    return re.sub(r'(["\\`$])', r"\\\1", value)
