"""How much of a terminal's line text takes: a Chinese character takes two columns."""

from __future__ import annotations

import unicodedata


def columns(text: str) -> int:
    """Return how many columns of a terminal ``text`` takes."""
    return sum(map(_columns_of, text)) if not text.isascii() else len(text)


def _columns_of(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def padded(text: str, width: int) -> str:
    """Return ``text`` with blanks after it, so that it takes ``width`` columns."""
    return text + " " * (width - columns(text))


def clipped(text: str, width: int) -> str:
    """Return ``text`` as far as ``width`` columns hold it; an ellipsis stands for the rest."""
    if columns(text) <= width:
        return text
    while text and columns(text) >= width:
        text = text[:-1]
    return f"{text}…" if width > 0 else ""


def wrapped(text: str, width: int) -> list[str]:
    """Return ``text`` in lines of at most ``width`` columns, broken between words if possible."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        if line and columns(line) + 1 + columns(word) <= width:
            line += f" {word}"
            continue
        lines += [line] if line else []
        *whole, line = _pieces(word, width)
        lines += whole
    return [*lines, line] if line else lines


def _pieces(word: str, width: int) -> list[str]:
    """Return a word in pieces of at most ``width`` columns."""
    pieces = [""]
    for character in word:
        if pieces[-1] and columns(pieces[-1] + character) > width:
            pieces.append("")
        pieces[-1] += character
    return pieces
