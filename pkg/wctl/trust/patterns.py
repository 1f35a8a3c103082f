"""Find the files that a pattern names, as glob(3) does, which systemd calls.

Python's glob differs from glob(3): it knows no backslash that escapes the next character, and
no [^a] beside [!a].
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

_MAGIC = re.compile(r"[*?\[]")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_PIECE = re.compile(
    r"(?P<any>\*+)|(?P<one>\?)|\[(?P<not>[!^]?)(?P<set>\]?(?:\\.|[^\\\]])*)\]|\\?(?P<plain>.)",
    re.DOTALL,
)


def matching(pattern: str) -> list[str]:
    """Return the paths that ``pattern`` (glob(7), absolute) names, sorted; [] if there are none.

    A user who may write to a directory decides what is in it, and so what we return.
    """
    parts = [part for part in pattern.split("/") if part]
    return sorted(_below("/", parts), key=os.fsencode)


def _below(directory: str, parts: list[str]) -> Iterator[str]:
    if not parts:
        yield directory
        return
    first, rest = parts[0], parts[1:]
    if _ESCAPE.sub("", first).endswith("\\"):
        return  # a backslash before nothing matches nothing
    if _MAGIC.search(_ESCAPE.sub("", first)) is None:
        path = os.path.join(directory, _ESCAPE.sub(r"\1", first))  # noqa: PTH118 - a str
        if os.path.lexists(path):
            yield from _below(path, rest)
        return
    try:
        expression = re.compile("".join(map(_translated, _PIECE.finditer(first))), re.DOTALL)
        names = os.listdir(directory)
    except (OSError, re.error):  # such as the range z-a
        return
    for name in names:
        if name.startswith(".") != first.startswith((".", "\\.")):
            continue  # a wildcard does not match a dot at the beginning
        if expression.fullmatch(name):
            yield from _below(os.path.join(directory, name), rest)  # noqa: PTH118 - a str


def _translated(piece: re.Match[str]) -> str:
    if piece["any"]:
        return ".*"
    if piece["one"]:
        return "."
    if piece["set"] is None:
        return re.escape(piece["plain"])
    characters = re.sub(r"([\\\[\]&~|^])", r"\\\1", _ESCAPE.sub(r"\1", piece["set"]))
    return f"[{'^' if piece['not'] else ''}{characters}]"
