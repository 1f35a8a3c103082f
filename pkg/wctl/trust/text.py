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
# One of the colours and styles (SGR) of a sequence. Blinking and hidden text are not among them. A
# colour has as many numbers as a terminal takes for it, so none of them can be the next style.
_STYLE = re.compile(
    r"(?:[345]8(?:;5;[0-9]{1,3}|;2(?:;[0-9]{0,3}){3}|:5:[0-9]{1,3}|:2(?::[0-9]{0,3}){3,4})"
    r"|0?[0-479]|2[1-9]|[345][0-79]|9[0-9]|10[0-7])?;"
)
# Controls but tab and newline; characters that change the direction of text, or end a line.
_CONTROL = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
_UNSAFE = re.compile(rf"\x1b\[([0-9;:]*)m|{_SEQUENCE}|{_CONTROL}")
_IN_QUOTES = re.compile(r'["$`\\!]')  # what a shell does not take as it is in double quotes
_END_OF_STYLE = "\x1b[0m"


def printable(line: str) -> str:
    """Return ``line`` shortened, as one line without anything that a terminal obeys."""
    text = re.sub(_SEQUENCE, "", line[: 4 * _LONGEST])
    text = "".join(character if character.isprintable() else " " for character in text).rstrip()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def visible(text: str) -> str:
    """Return ``text`` for a terminal: of all that a terminal obeys, only colours stay."""
    return _UNSAFE.sub(_styles, text)


def _styles(found: re.Match[str]) -> str:
    """Return what was found if it consists of colours and styles, "" if not.

    We go from style to style: one expression for all of them would need hours, or gigabytes, for
    what somebody makes up.
    """
    if found[1] is None:
        return ""
    styles, at = f"{found[1]};", 0
    while at < len(styles):
        style = _STYLE.match(styles, at)
        if style is None:
            return ""
        at = style.end()
    return found[0]


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
        readable = "'" in word and not _IN_QUOTES.search(word)
        return f'"{word}"' if readable else shlex.quote(word)
    data = word.encode(errors="surrogateescape")
    spelt = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b"\\'" else f"\\{byte:03o}" for byte in data
    )
    return f"$'{spelt}'"
