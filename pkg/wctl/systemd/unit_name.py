"""From names of programs to names of units, and back to names that a person may type.

A unit's name holds ASCII letters, digits and ``:-_.\\@`` (systemd.unit(5)). All other characters of
a program's name are escaped as systemd-escape(1) does: ``app+x`` becomes ``app\\x2bx``. A ``-``
stays, except at the beginning: it has a meaning only in slices and paths, and ``messenger-worker``
should keep its name.
"""

from __future__ import annotations

import re

LONGEST = 200  # characters; a unit's name has at most 255, and @NN.service or a slice need some

_ESCAPED = re.compile(r"[^A-Za-z0-9_.-]|^[.-]", re.ASCII)
_TYPED = re.compile(r"[^A-Za-z0-9_.:@\\*?{}\[\],!-]", re.ASCII)  # leaves selectors' syntax
_UNIT = re.compile(
    r"[A-Za-z0-9:_.@\\-]+\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope)",
    re.ASCII,
)
_FORBIDDEN = re.compile(r"[\s:/\x00-\x1f\x7f]")


def escape(name: str) -> str:
    """Return the name of a program as it appears in names of units.

    Raises:
        ValueError: no unit, or no process of Supervisor, may have this name.
    """
    if not name or _FORBIDDEN.search(name):
        raise ValueError("expected a name without blanks, control characters, ':' and '/'")
    try:
        escaped = _ESCAPED.sub(_hexadecimal, name)
    except UnicodeEncodeError:
        raise ValueError("expected a name in UTF-8") from None
    if len(escaped) > LONGEST:
        raise ValueError(f"expected at most {LONGEST} characters, it has {len(escaped)}")
    return escaped


def typed(selector: str) -> str:
    """Return what a person typed, with the characters escaped that no unit's name holds."""
    return _TYPED.sub(_hexadecimal, selector)


def short(unit: str) -> str:
    """Return the name of a service without its suffix, as people type it: messenger-worker@00."""
    return unit.removesuffix(".service")


def directory(name: str) -> str:
    """Return the name of a unit, or of a program, as it appears in names of directories.

    That is the same name, unless it has escapes: ``app\\x2bx`` becomes ``app%2bx``. From version
    255 on, systemd does not start a unit whose RuntimeDirectory= or LogsDirectory= has a backslash
    (its issue 41853).
    """
    return name.replace("\\x", "%")


def is_unit(name: str) -> bool:
    """Tell whether ``name`` can be the name of a unit, with its suffix."""
    return bool(_UNIT.fullmatch(name))


def _hexadecimal(match: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02x}" for byte in match[0].encode())
