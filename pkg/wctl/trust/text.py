"""Make text printable: what workers and users wrote reaches root's terminal.

A terminal obeys escape sequences (ECMA-48): they move the cursor, change the title, redefine keys.
Characters that reverse the direction of text make it read as something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_LONGEST = 300  # characters of a line
_SEQUENCE = (
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)|[ -/]*[0-Z\\`-~])"
)
# Colours and styles (SGR). Blinking and hidden text are not among them.
_STYLE = (
    r"(?:[345]8[;:]5[;:]\d{1,3}|[345]8[;:]2(?:[;:]\d{0,3}){3,4}"
    r"|0?[0-479]|2[1-9]|[345][0-79]|9\d|10[0-7])?"
)
_STYLES = rf"\x1b\[{_STYLE}(?:;{_STYLE})*m"
# Controls but tab and newline; characters that change the direction of text, or end a line.
_CONTROL = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
_UNSAFE = re.compile(rf"({_STYLES})|{_SEQUENCE}|{_CONTROL}")
_END_OF_STYLE = "\x1b[0m"


def printable(line: str) -> str:
    """Return ``line`` shortened, as one line without anything that a terminal obeys."""
    text = re.sub(_SEQUENCE, "", line[: 4 * _LONGEST])
    text = "".join(character if character.isprintable() else " " for character in text).rstrip()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def visible(text: str) -> str:
    """Return ``text`` for a terminal: of all that a terminal obeys, only colours stay."""
    return _UNSAFE.sub(lambda found: found[1] or "", text)


def visible_line(data: bytes) -> bytes:
    """Return a line that someone else wrote for a terminal; its colours end with it."""
    text = visible(data.decode(errors="replace"))
    return (f"{text}{_END_OF_STYLE}" if "\x1b" in text else text).encode()


def shell_join(words: Iterable[str]) -> str:
    """Return a command for people to paste: quoted for the shell, and printable."""
    return " ".join(map(shell_quote, words))


def shell_quote(word: str) -> str:
    """Return a word quoted for the shell; what is not printable is spelt out, as in $'\\x1b'."""
    import shlex  # lazy: "wctl status" needs none

    if word.isprintable():
        return shlex.quote(word)
    data = word.encode(errors="surrogateescape")
    spelt = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b"\\'" else f"\\{byte:03o}" for byte in data
    )
    return f"$'{spelt}'"
