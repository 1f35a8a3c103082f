"""Names of programs to names of units and back to what a person may type.

A unit's name holds ASCII letters, digits and ``:-_.\\@`` (systemd.unit(5)). What else a program's
name has is written as systemd-escape(1) writes it: ``app+x`` becomes ``app\\x2bx``. A ``-`` stays,
but at the beginning: it means something in slices and paths only, and ``messenger-worker`` shall
be that.
"""

from __future__ import annotations

import re

LONGEST = 200  # characters: a unit's name has at most 255, with @NN.service and a slice around it

_ESCAPED = re.compile(r"[^A-Za-z0-9_.-]|^[.-]", re.ASCII)
_TYPED = re.compile(r"[^A-Za-z0-9_.:@\\*?{}\[\],!-]", re.ASCII)  # nor what selectors are made of
_UNIT = re.compile(
    r"[A-Za-z0-9:_.@\\-]+\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope)",
    re.ASCII,
)
_FORBIDDEN = re.compile(r"[\s:/\x00-\x1f\x7f]")


def escape(name: str) -> str:
    """Return the name of a program as units have it.

    Raises:
        ValueError: no unit, or no process of Supervisor's, may be called that.
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
    """Return what a person typed with the characters escaped that no unit's name holds."""
    return _TYPED.sub(_hexadecimal, selector)


def short(unit: str) -> str:
    """Return a service without its suffix, as people type it: messenger-worker@00."""
    return unit.removesuffix(".service")


def is_unit(name: str) -> bool:
    """Tell whether ``name`` can be the name of a unit, with its suffix."""
    return bool(_UNIT.fullmatch(name))


def _hexadecimal(match: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02x}" for byte in match[0].encode())
