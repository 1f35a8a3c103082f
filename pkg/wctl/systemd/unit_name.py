"""From names of programs to names of units, and back to names that a person may type.

A unit's name holds ASCII letters, digits and ``:-_.\\@`` (systemd.unit(5)). All other characters of
a program's name are escaped as systemd-escape(1) does: ``app+x`` becomes ``app\\x2bx``. A ``-``
stays, except at the beginning: it has a meaning only in slices and paths, and ``messenger-worker``
should keep its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

GROUP = "-group"  # ends the name of a group that has the name of one of its programs
MOST_DIGITS = 9  # of an instance's number; to Python, more than 4,300 digits are no number
_LONGEST_UNIT = 255  # characters of a unit's name, or bytes of a file's
# For PrivateTmp=, systemd makes /tmp/systemd-private-BOOT-NAME@10000.service-XXXXXX, and the boot's
# ID has 32 characters.
LONGEST = _LONGEST_UNIT - len("systemd-private--") - 32 - len("@10000.service") - len("-XXXXXX")

_ESCAPED = re.compile(r"[^A-Za-z0-9_.-]|^[.-]", re.ASCII)
_TYPED = re.compile(r"[^A-Za-z0-9_.:@\\*?{}\[\],!-]", re.ASCII)  # leaves selectors' syntax
_UNIT = re.compile(
    r"[A-Za-z0-9:_.@\\-]+\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope)",
    re.ASCII,
)
_UNQUOTED = re.compile(r"[^A-Za-z0-9_.%()-]", re.ASCII)
_HEXADECIMAL = re.compile(rb"\\x([0-9a-f]{2})")
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


def of_program(name: str) -> str:
    """Return escape() of a program's name.

    systemd puts the instances of a template into a slice (systemd.slice(5)). In the slice's name,
    each - and each \\ of the template's name is escaped once more.

    Raises:
        ValueError: no unit, or no slice, may have this name.
    """
    escaped = escape(name)
    length = len("system-.slice") + sum(4 if letter in "-\\" else 1 for letter in escaped)
    if length > _LONGEST_UNIT:
        raise ValueError(
            f"systemd would need {length} characters for the name of its slice, and has"
            f" {_LONGEST_UNIT}; expected a shorter name (there, a - takes 4 characters, and each"
            " byte of other characters than ASCII letters, digits, _ and . takes 7)"
        )
    return escaped


def typed(selector: str) -> str:
    """Return what a person typed, with the characters escaped that no unit's name holds."""
    return _TYPED.sub(_hexadecimal, selector)


def meant(word: str) -> frozenset[str]:
    """Return the names in units of the program or group that a person calls ``word``.

    That is typed(), for names as wctl shows them; or escape(), for the very name in the
    configuration, which may have characters of selectors' syntax: ``a,b``.
    """
    try:
        return frozenset((typed(word), escape(word)))
    except ValueError:
        return frozenset((typed(word),))


def group_typed(selector: str) -> str | None:
    """Return NAME if ``selector`` is Supervisor's notation for a group, ``NAME:`` or ``NAME:*``."""
    name, colon, rest = selector.partition(":")
    return name if colon and rest in ("", "*") else None


def groups_meant(name: str, members: Iterable[tuple[str, str]]) -> set[str]:
    """Return the groups that ``name:`` means; ``members`` are programs with their groups."""
    beside = f"{name}{GROUP}"
    return {name} | {group for program, group in members if (program, group) == (name, beside)}


def short(unit: str) -> str:
    """Return the name of a service without its suffix, as people type it: messenger-worker@00."""
    return unit.removesuffix(".service")


def shown(name: str) -> str:
    """Return a name of units as people read, and may type, it: ``w\\xc3\\xb6rker@00`` as wörker@00.

    A name with other escapes than typed() makes stays as it is.
    """
    if "\\x" not in name:
        return name
    text = unquoted(name)
    return text if text.isprintable() and typed(text) == name else name


def quoted(text: str) -> str:
    """Return ``text`` as one word in ASCII, for the value of a key; ``%(x)02d`` stays readable."""
    return _UNQUOTED.sub(_hexadecimal, text)


def unquoted(word: str) -> str:
    """Return the text of quoted(), or of escape(); a word that is not theirs stays as it is."""
    data = _HEXADECIMAL.sub(lambda match: bytes([int(match[1], 16)]), word.encode())
    try:
        return data.decode()
    except UnicodeDecodeError:
        return word


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
