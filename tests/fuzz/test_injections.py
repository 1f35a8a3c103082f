"""Hostile values: no value of an option changes a directive that is not the option's own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from golden.render import CASES, sources
from wctl.config import ini
from wctl.config.load import load
from wctl.config.options import OPTIONS
from wctl.units.host import Host
from wctl.units.render import render

INJECTED = "ExecStartPre=/bin/touch /pwned"
HOSTILE = (
    f"\n{INJECTED}", f"x\n{INJECTED}", f"x\\\n{INJECTED}", f"\r{INJECTED}", f"x\r\n{INJECTED}",
    f"\x85{INJECTED}", f"\u2028{INJECTED}", f"\x0b{INJECTED}", f"x\x0c{INJECTED}",
    f"\n[Service]\n{INJECTED}", f"\n[Install]\nAlias=sshd.service\n[Service]\n{INJECTED}",
    "\\", "x\\", "\\\\", "\\x0aUser=root", "\\n", "\n", "\n\n", "\t", " ", "  x", "x  ",
    "'", '"', "\"'", "' User=root", '" User=root', '"\nUser=root', "x' 'y", 'x" "y',
    "%", "%%", "%n", "%h/x", "%i%I", "%(here)s", "%(ENV_LINES)s", "%(ENV_BAD)s", "%(x)s",
    "%(process_num)d", "%(process_num)0999d", "%(numprocs)s", "$", "$$", "${PATH}", "$(id)", "`id`",
    ";", "; id", "#", "# x", "=", "==", "[", "]", "[Service]", "-", "--", "-/etc/shadow",
    "+/bin/sh", "!/bin/sh", "@/bin/sh", ":/bin/sh", "|/bin/sh", "~root", "../../etc", "/etc x",
    "/etc:/var", "/etc\\x20x", "x.service y.service", "sshd.service", "root", "0", "-1", "9" * 20,
    "true", "no", "infinity", "100%", "é", "日本", "\u202e", "\x1b[31m", "\x00", "\x7f", "\udcff",
    ",", "a,b", 'A="b"', "A=b,C=d", "*", "?", "{a,b}", "x" * 5000,
)  # fmt: skip
CONTEXTS = ("{}", "/srv/{}", "{}/x", 'A="{}"')
ENVIRON = {"HOME": "/root", "PATH": "/bin", "LINES": f"a\n{INJECTED}", "BAD": "\udcff"}
BASE = 'command = /bin/cat\nuser = www-data\ndirectory = /srv\nenvironment = B="c"\n'

Directives = dict[tuple[str, str], list[str]]


def samples() -> dict[str, set[str]]:
    """Returns good values of options, from the golden cases."""
    found: dict[str, set[str]] = defaultdict(set)
    for source in sources():
        for section in ini.parse(source.read_bytes(), str(source)).sections:
            if section.name.startswith("program:"):
                for entry in section.entries:
                    found[entry.key].add(entry.value)
    return found


def rendered(file: Path, name: str, value: str) -> Directives | None:
    """Returns all directives of the units, if an option may have this value."""
    # A continuation line must be indented: the value may not end the option by itself.
    lines = "\n    ".join(value.split("\n"))
    kept = "".join(line for line in BASE.splitlines(True) if not line.startswith(f"{name} "))
    text = f"[program:x]\n{kept}{name} = {lines}\n"
    file.write_bytes(text.encode(errors="surrogateescape"))
    config = load([file], ENVIRON)
    if config.errors:
        return None
    found: Directives = defaultdict(list)
    for unit in render(config, Host(systemd=257)):
        if not unit.secret:
            for place, directive in parsed(unit.name, unit.text):
                found[place].append(directive)
    return found


def parsed(name: str, text: str) -> Iterator[tuple[tuple[str, str], str]]:
    """Yields (file and section, key) and value as systemd reads a unit (systemd.syntax(7))."""
    section = ""
    for line in text.replace("\\\n", " ").split("\n"):
        if line.startswith("[") and line.endswith("]"):
            section = line
        elif line.strip() and not line.startswith(("#", ";")):
            key, equals, value = line.partition("=")
            assert equals, line
            yield (f"{name} {section}", key), value


def known() -> set[tuple[str, str]]:
    """Returns all sections and keys that the golden units have."""
    found = {("[Service]", "ExecStopPost")}  # of startsecs=0, where a start may go wrong
    for unit in CASES.rglob("*@.service"):
        found |= {kind(place) for place, _ in parsed("x", unit.read_text())}
    return found


def kind(place: tuple[str, str]) -> tuple[str, str]:
    """Returns the section and the key of a place."""
    return place[0].partition(" ")[2], place[1]


def owned(file: Path, name: str, good: set[str], plain: Directives) -> set[str]:
    """Returns the directives that an option is for: those that its good values change."""
    own = set()
    for value in (*good, "daemon", "2", "true", "/srv/x", "a.service"):
        found = rendered(file, name, value) or {}
        places = found.keys() | plain.keys()
        own |= {place[1] for place in places if found.get(place) != plain.get(place)}
    return own


@pytest.mark.parametrize("stride", [17, pytest.param(1, marks=pytest.mark.full)])
def test_no_value_reaches_anothers_directive(tmp_path: Path, stride: int) -> None:
    """Every option with every hostile value in every context: refused, or in its own directives."""
    file = tmp_path / "x.conf"
    good, keys = samples(), known()
    plain = rendered(file, "umask", "022")
    assert plain is not None
    tried = refused = 0
    for option in OPTIONS:
        own = owned(file, option.name, good[option.name], plain)
        chosen = [context.format(value) for value in HOSTILE for context in CONTEXTS]
        for value in chosen[tried % stride :: stride]:
            tried += 1
            found = rendered(file, option.name, value)
            if found is None:
                refused += 1
                continue
            for place, directives in found.items():
                what = (option.name, value, place, directives)
                assert not place[0].startswith("x@.service") or kind(place) in keys, what
                if place[1] not in own and len(value.strip()) > 3:
                    new = set(directives) - set(plain.get(place, ()))
                    assert not any(value.strip() in directive for directive in new), what
    print(f"{tried} values tried: {refused} refused, none injected")
    assert tried > 10_000 // stride
