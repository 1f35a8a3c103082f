"""Split a command line into words as shlex.split() does, but by words instead of characters.

For every character shlex runs Python code and copies the word so far. It takes a quarter of a
second for a command of 100,000 characters, and a configuration may have thousands of commands.
"""

from __future__ import annotations

import re

_BLANKS = re.compile(r"[ \t\r\n]+")
_PIECE = re.compile(
    r"""(?P<bare>[^ \t\r\n'"\\]+)"""
    r"""|'(?P<single>[^']*)'"""
    r"""|"(?P<double>[^"\\]*(?:\\.[^"\\]*)*)\""""
    r"""|\\(?P<escaped>.)""",
    re.DOTALL,
)
# Within double quotes a backslash stays, except before a double quote or another backslash.
_ESCAPE = re.compile(r'\\(["\\])')


def split(text: str) -> list[str]:
    """Return the words of ``text``.

    Raises:
        ValueError: a quote is not closed, or nothing follows the last backslash.
    """
    words = []
    blanks = _BLANKS.match(text)
    end = blanks.end() if blanks else 0
    while end < len(text):
        pieces = []
        while piece := _PIECE.match(text, end):
            end = piece.end()
            pieces.append(_text(piece))
        blanks = _BLANKS.match(text, end)
        if blanks is None and end < len(text):
            problem = "No escaped character" if text[end] == "\\" else "No closing quotation"
            raise ValueError(problem)
        words.append("".join(pieces))
        end = blanks.end() if blanks else end
    return words


def _text(piece: re.Match[str]) -> str:
    found = piece[piece.lastgroup or 0]
    return _ESCAPE.sub(r"\1", found) if piece.lastgroup == "double" else found
