"""EnvironmentFile= (systemd.exec(5)): read a file as systemd does, write it, name it in a unit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_PIECE = re.compile(
    r"'(?P<single>[^']*)'"
    r'|"(?P<double>(?:[^"\\]|\\.)*)"'
    r"|\\(?P<escaped>.)"
    r"|(?P<plain>[^'\"\\\n]+)"
    r"|(?P<end>\n)",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def parse(text: str) -> dict[str, str]:
    """Return the variables; the last value of a name wins."""
    return dict(_assignments(text))


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        line_end = text.find("\n", at) if "\n" in text[at:] else len(text)
        name, equals, _ = text[at:line_end].partition("=")
        if not equals or not _NAME.fullmatch(name.strip()):  # a comment, a blank line, an error
            at = line_end + 1
            continue
        value, at = _value(text, at + len(name) + 1)
        yield name.strip(), value


def _value(text: str, at: int) -> tuple[str, int]:
    """Read a value with its quotes and continued lines; return it and the position of its end."""
    value = ""
    quoted = 0  # length of the value up to its last quote or escape; blanks up to there stay
    while match := _PIECE.match(text, at):
        at = match.end()
        if match["end"]:
            break
        if match["single"] is not None:
            value += match["single"]
        elif match["double"] is not None:
            value += _ESCAPE.sub(_unescape, match["double"])
        elif match["escaped"] is not None:
            value += "" if match["escaped"] == "\n" else match["escaped"]
        else:
            value += match["plain"] if value else match["plain"].lstrip()
            continue
        quoted = len(value)
    return value[:quoted] + value[quoted:].rstrip(), max(at, 1)


def _unescape(match: re.Match[str]) -> str:
    escaped = match[1]
    if escaped == "\n":
        return ""
    return escaped if escaped in '"\\`$' else match[0]


def pattern(path: str) -> str:
    """Return EnvironmentFile='s value for ``path`` alone: systemd takes the value as a glob(7)."""
    return re.sub(r"([*?\[\\])", r"\\\1", path)


def environment_file(variables: Iterable[tuple[str, str]]) -> str:
    """Return the text of a file for EnvironmentFile=: quoted as in a shell, without specifiers."""
    return "".join(f'{name}="{_shell_escaped(value)}"\n' for name, value in variables)


def _shell_escaped(value: str) -> str:
    return re.sub(r'(["\\`$])', r"\\\1", value)
