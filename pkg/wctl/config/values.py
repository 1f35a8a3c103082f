"""Parsers of the values of options. Every parser raises ValueError with the form that it expects.

A bad value never becomes a default.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
from collections.abc import Callable, Iterator
from typing import Any

from wctl.config import shell_words

Parser = Callable[[str], Any]

_TRUE = {"yes", "true", "on", "1"}
_FALSE = {"no", "false", "off", "0"}
_BYTES = re.compile(r"(\d{1,20}) *([KMGT]?)B?", re.IGNORECASE | re.ASCII)
_SIZE = "expected a size in bytes such as 1048576, 512K, 50MB or 1G"
_MOST_BYTES = 10**18  # of a log file: more is no other limit
# systemd refuses a third decimal.
_SHARE = re.compile(r"(100(\.0{1,2})?|\d{1,2}(\.\d{1,2})?)%", re.ASCII)
_DOUBLED = "(% is doubled in the file)"
_MOST_MEMORY = (1 << 64) - 2  # bytes; systemd takes one more for infinity
# A unit or the end must follow each number: a text then matches in one way, not in exponentially
# many ways.
_SPAN = re.compile(
    r"(\d{1,15}(\.\d{1,9})? *(us|ms|sec|s|seconds?|min|m|minutes?|hr|h|hours?|d|days?|w|weeks?) *)*"
    r"(\d{1,15}(\.\d{1,9})?)?",
    re.ASCII,
)
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
_PRIORITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_ABSOLUTE = re.compile(r"-?/[^%\\\x00-\x20\x7f]*")
# A last \ would continue the line of a unit. Others are part of names such as DOMAIN\user.
_ACCOUNT = re.compile(r"[^\s:/%'\"\x00-\x20\x7f]{1,256}(?<!\\)")
_NO_ACCOUNTS = {".", ".."}  # to systemd; and every text of digits is a number to it
_NO_IDS = {65_535, 4_294_967_295}  # chown(2) takes them for "leave it as it is"
_MOST_DIGITS = 4_300  # of a number: int() refuses more
_CREDENTIAL = re.compile(r"[A-Za-z0-9_.-]+(:[^:%\\'\"\x00-\x20\x7f]+)?", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def text(value: str) -> str:
    """Return the value unchanged."""
    return value


def command(value: str) -> tuple[str, ...]:
    """Return the words of a command, which wctl runs without a shell."""
    try:
        found = tuple(shell_words.split(value))
    except ValueError:
        found = ()
    if not found:
        raise ValueError("expected a command, with every quote closed")
    return found


def boolean(value: str) -> bool:
    """Take Supervisor's booleans."""
    word = value.lower()
    if word in _TRUE | _FALSE:
        return word in _TRUE
    raise ValueError("expected true or false (also yes, no, on, off, 1, 0)")


class Clamped(Exception):  # noqa: N818 - no error: the parser has a value
    """A number that Supervisor runs is beyond what wctl counts; ``number`` is used instead."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(why)
        self.number = number
        self.why = why


def integer(low: int, high: int) -> Callable[[str], int]:
    """Return a parser of whole numbers from ``low`` to ``high``."""

    def parse(value: str) -> int:
        expected = f"expected a whole number from {low} to {high}"
        number = _number(value, expected)
        if not low <= number <= high:
            raise ValueError(expected)
        return number

    return parse


def clamped(low: int, high: int, *, over: bool = True) -> Callable[[str], int]:
    """Return a parser of whole numbers of any size, as Supervisor takes them.

    The parser raises Clamped with ``low`` or ``high`` for a number beyond these: people write
    999999999 for "for ever". Without ``over``, a number above ``high`` is an error.
    """

    def parse(value: str) -> int:
        number = _number(value, f"expected a whole number from {low} to {high}")
        if number < low:
            raise Clamped(low, f"less than {low} means {low}, in Supervisor too")
        if number > high and over:
            raise Clamped(high, f"wctl counts to {high}, and uses that")
        if number > high:
            raise ValueError(f"expected a whole number from {low} to {high}")
        return number

    return parse


def _number(value: str, expected: str) -> int:
    """Return a number as Supervisor reads it: 7, +7, 007 and 1_000."""
    try:
        if len(value) <= _MOST_DIGITS:
            return int(value)
    except ValueError:
        pass
    raise ValueError(expected)


def choice(*words: str) -> Callable[[str], str]:
    """Return a parser that takes one of ``words``."""

    def parse(value: str) -> str:
        if value.lower() not in words:
            raise ValueError(f"expected one of {', '.join(words)}")
        return value.lower()

    return parse


def byte_size(value: str) -> int:
    """Return bytes: a whole number with an optional K, M, G, T (of 1024), with or without B."""
    match = _BYTES.fullmatch(value)
    if not match:
        raise ValueError(_SIZE)
    return int(match[1]) << _UNITS[match[2].upper()]


def log_size(value: str) -> int:
    """Take the size of a log file: as byte_size(), or a number below 0, which means 0: no limit."""
    written = value[: len(value) - len(value.lstrip("+-_0123456789"))]
    number = _number(written, _SIZE)
    if number < 0:
        raise Clamped(0, "less than 0 means 0, no limit, in Supervisor too")
    return byte_size(f"{min(number, _MOST_BYTES)}{value[len(written) :]}")


def swap_limit(value: str) -> str:
    """Take bytes, a share of the machine's memory, or infinity (systemd.resource-control(5))."""
    expected = f"expected a size such as 256M or 1G, a share such as 10%% {_DOUBLED}, or infinity"
    if value.lower() == "infinity" or _SHARE.fullmatch(value):
        return value.lower()
    try:
        size = byte_size(value)
    except ValueError:
        raise ValueError(expected) from None
    if size > _MOST_MEMORY:
        raise ValueError(expected)
    return str(size)


def memory_limit(value: str) -> str:
    """Take the values of swap_limit() except 0: systemd ignores it, and sets no limit."""
    limit = swap_limit(value)
    if not limit.strip("0.%"):
        raise ValueError(f"expected more than 0, such as 256M, 1G, 10%% {_DOUBLED} or infinity")
    return limit


def percentage(value: str) -> str:
    """Take a share of one CPU's time; over 100% means several CPUs. systemd ignores 0%."""
    if not re.fullmatch(r"0{0,5}[1-9]\d{0,5}%", value, re.ASCII):
        raise ValueError(f"expected a percentage of one CPU such as 50%% or 200%% {_DOUBLED}")
    return value


def time_span(value: str) -> str:
    """Take a time span of systemd.time(7): seconds, or numbers with units."""
    if not value or len(value) > 100 or not _SPAN.fullmatch(value):
        raise ValueError("expected a time such as 3600, 90min or 1h 30min")
    return value


def stop_signal(value: str) -> signal.Signals:
    """Take a signal by name, with or without SIG, or by number."""
    name = value.upper()
    try:
        if name.isdecimal():
            return signal.Signals(int(name))
        return signal.Signals[name if name.startswith("SIG") else f"SIG{name}"]
    except (KeyError, ValueError):
        raise ValueError(
            "expected a signal such as TERM, INT, QUIT, HUP, USR1, USR2 or KILL"
        ) from None


def exit_codes(value: str) -> tuple[int, ...]:
    """Take exit codes from 0 to 255, separated by commas."""
    words = [word.strip() for word in value.split(",") if word.strip()]
    try:
        return tuple(integer(0, 255)(word) for word in words)
    except ValueError:
        raise ValueError("expected exit codes from 0 to 255, separated by commas") from None


def octal(value: str) -> int:
    """Take an octal number: a file mode or a umask, which has no more than 4 digits that count."""
    try:
        number = int(value, 8) if len(value) <= _MOST_DIGITS else -1
    except ValueError:
        number = -1
    if not 0 <= number <= 0o7777:
        raise ValueError("expected an octal number such as 022")
    return number


def priority(value: str) -> int:
    """Take a syslog level by name or number; return the number, from 0 (emerg) to 7 (debug)."""
    word = value.lower()
    if word in _PRIORITIES:
        return _PRIORITIES.index(word)
    if re.fullmatch("[0-7]", word):
        return int(word)
    raise ValueError(f"expected one of {', '.join(_PRIORITIES)}")


def server_url(value: str) -> str | None:
    """Return the URL for the worker; None for AUTO, which means supervisord's own URL."""
    return None if value.strip().upper() in {"AUTO", ""} else value


def account(value: str) -> str:
    """Take the name or the number of a user; return the number without its zeros, for systemd."""
    expected = "expected the name or the number of a user"
    try:
        number = int(value) if len(value) <= _MOST_DIGITS else -1
    except ValueError:
        if not _ACCOUNT.fullmatch(value) or value in _NO_ACCOUNTS:
            raise ValueError(expected) from None
        return value
    if not 0 <= number < 1 << 32 or number in _NO_IDS:
        raise ValueError(f"no user has this number, {expected}")
    return str(number)


def paths(value: str) -> tuple[str, ...]:
    """Take absolute paths; a - before a path means that the file may be missing."""
    found = words(value)
    if not all(_ABSOLUTE.fullmatch(path) for path in found):
        raise ValueError("expected absolute paths, with a - before a file that may be missing")
    return found


def credentials(value: str) -> tuple[str, ...]:
    """Take secrets as NAME:PATH, or as NAME alone."""
    found = words(value)
    if not all(_CREDENTIAL.fullmatch(credential) for credential in found):
        raise ValueError("expected NAME:PATH")
    return found


def words(value: str) -> tuple[str, ...]:
    """Return the words, which blanks or commas separate."""
    return tuple(value.replace(",", " ").split())


def autorestart(value: str) -> str:
    """Return true, false or unexpected; Supervisor's other booleans stand for true and false."""
    if value.lower() == "unexpected":
        return "unexpected"
    try:
        return "true" if boolean(value) else "false"
    except ValueError:
        raise ValueError("expected true, false or unexpected") from None


def readiness(value: str) -> str:
    """Take a condition that makes a worker RUNNING."""
    kind, colon, what = value.partition(":")
    plain = kind in {"startsecs", "notify"} and not colon
    if plain or (kind in {"exec", "file", "log", "tcp"} and what and _probe_ok(kind, what)):
        return value
    raise ValueError(
        "expected startsecs, notify, exec:COMMAND, tcp:HOST:PORT, file:PATH or log:REGEX"
    )


def _probe_ok(kind: str, what: str) -> bool:
    if kind == "tcp":
        host, _, port = what.rpartition(":")
        plain = re.fullmatch(r"\d{1,5}", port, re.ASCII)
        return bool(host and plain) and 0 < int(port) < 1 << 16
    if kind == "file":
        return what.startswith("/")
    try:
        if kind == "log":
            re.compile(os.fsencode(what))  # as the wrapper's notifier does (readiness.py)
        if kind == "exec":
            return bool(shlex.split(what))
    except (re.error, ValueError, OverflowError, RecursionError):
        return False
    return True


def environment(value: str, marks: str = "") -> tuple[tuple[str, str], ...]:
    """Take KEY="value",KEY2="value2" as Supervisor does; cut() finds what that drops.

    ``marks`` are characters that stand in for the number of the process (expansion.Template).
    No error repeats a value, which may be a secret.
    """
    try:
        tokens = _tokens(value, marks)
    except ValueError as error:
        raise ValueError(f'{str(error).lower()}, expected KEY="value",KEY2="value2"') from None
    pairs: dict[str, str] = {}
    for start in range(0, len(tokens), 4):
        pair = tokens[start : start + 3]
        if len(pair) < 3 or pair[1] != "=":
            raise ValueError(_what_is_wrong(tokens, start))
        if not _VARIABLE.fullmatch(pair[0]):
            problem = "systemd passes on no variable of this name, expected letters, digits and _"
            raise ValueError(f"{pair[0][:40]!r}: {problem}")
        pairs[pair[0]] = pair[2].strip("'\"")
    return tuple(pairs.items())


def cut(value: str, marks: str = "") -> Iterator[str]:
    """Yield why Supervisor silently drops a part of a valid ``environment``."""
    tokens = _tokens(value, marks)
    for start in range(0, len(tokens), 4):
        after = tokens[start + 3 : start + 4]
        if after and after[0] != ",":
            what = repr(after[0]) if len(after[0]) == 1 else "a word"
            yield (
                f"{what} after the value of {tokens[start]} is dropped, as in Supervisor; quote the"
                " whole value, and separate variables with commas"
            )
            break
    if "#" in value and len(_tokens(value, marks, comments="")) != len(tokens):
        yield "what follows # is dropped, as in Supervisor; quote the whole value"


def _tokens(value: str, marks: str, comments: str = "#") -> list[str]:
    lexer = shlex.shlex(value)
    lexer.wordchars += "/.+-():" + marks
    lexer.commenters = comments
    return list(lexer)


def _what_is_wrong(tokens: list[str], start: int) -> str:
    """Say why the tokens from ``start`` on are no pair, without a word of a value."""
    expected = 'expected KEY="value",KEY2="value2"'
    if not start:
        empty = tokens[1:] in (["="], ["=", ","])
        return f'{tokens[0]} has no value, expected {tokens[0]}=""' if empty else expected
    name, value, after = tokens[start - 4], tokens[start - 2], tokens[start - 1]
    if value == ",":
        return f'{name} has no value, expected {name}=""'
    if after == ",":
        return f"no variable follows the comma after {name}, {expected}"
    if _VARIABLE.fullmatch(after) and tokens[start] == "=":
        return f"a comma is missing between {name} and {after}, {expected}"
    return f"the value of {name} needs quotes, {expected}"
