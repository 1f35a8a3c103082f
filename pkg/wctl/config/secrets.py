"""What looks like a secret: by the name of a variable or an option, or as a password in a URL."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NAME = re.compile(r"PASS(WORD|WD)?|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"://[^/:@\s]*:(?P<value>[^/@\s]+)@")
# Stricter than _NAME: --passive, --token-ttl and --password-file name no secret.
_ARGUMENT = r"(?:[\w.-]*[_.-])?(?:password|passwd|pwd|secret|token|api[_-]?key|private[_-]?key)"
# Also within a word: sh -c 'DB_PASSWORD=x command --token=y'.
_ASSIGNED = re.compile(
    rf"(?:^|(?<=[\s;&|'\"]))-{{0,2}}(?P<name>{_ARGUMENT})=(?P<value>[^\s;&|]+)", re.IGNORECASE
)
_OPTION = re.compile(rf"--(?P<name>{_ARGUMENT})", re.IGNORECASE)
# A path, a shell's variable, a switch or a number: these values are no secrets.
_NO_SECRET = re.compile(
    r"['\"]?([/.@$*]|file:|env:).*|\d+|true|false|yes|no|on|off|none|null|['\"]+", re.IGNORECASE
)


def in_assignment(name: str, value: str) -> bool:
    """Tell whether a variable with this name and value looks like a secret."""
    return bool(value and (_NAME.search(name) or _URL_PASSWORD.search(value)))


def in_command(words: Iterable[str]) -> str | None:
    """Return a name for the first secret in a command: ``--password``, ``a URL``, or None."""
    option = ""  # the option before this word, if its name says that a secret follows
    for word in words:
        if option and not word.startswith("-") and _is_secret(word):
            return option
        option = word if _OPTION.fullmatch(word) else ""
        for found in _ASSIGNED.finditer(word):
            if _is_secret(found["value"]):
                return found[0].partition("=")[0]
        for found in _URL_PASSWORD.finditer(word):
            if _is_secret(found["value"]):
                return "the password in a URL"
    return None


def _is_secret(value: str) -> bool:
    return not _NO_SECRET.fullmatch(value)
