"""The target of the fuzzing: from the bytes of a configuration to findings and units."""

from __future__ import annotations

import random
import re
from pathlib import Path

from golden.render import sources
from oracle.written import WRITTEN
from wctl.check import checker, codes
from wctl.config.load import load
from wctl.config.model import Config
from wctl.config.options import OPTIONS
from wctl.install.installed import Layout
from wctl.units.host import Host
from wctl.units.render import File, render

VARIABLES = {
    "HOME": "/root",
    "PATH": "/bin",
    "BAD": "\udcff",
    "LINES": "a\nb\t",
    "LONG": "x" * 9999,
}
NOWHERE = Layout(
    user=False,
    units=Path("/nonesuch"),
    vendor=(),
    configuration=Path("/nonesuch"),
    environment=Path("/nonesuch"),
)
SEEDS = [
    *(text.encode() for text in WRITTEN.values()),
    *(source.read_bytes() for source in sources()),
]
TOKENS = [
    *(f"\n{option.name} = ".encode() for option in OPTIONS),
    *b"%(process_num)d %(process_num)02d %(here)s %(ENV_HOME)s %(ENV_LINES)s %(ENV_BAD)s"
    b" %(ENV_LONG)s %(numprocs)d %% % %( %(x)999999999d \\ ' \" ; # = : [ ] , 99999999999"
    b" -1 0 true \xff \xc3\xb6 \0 \r \xef\xbb\xbf".split(b" "),
    *[b"\n[program:", b"\n[group:g]\nprograms=", b"\n[include]\nfiles=", b"\n[DEFAULT]\n"],
    *[b"\n[supervisord]\n", b"\n[fcgi-program:f]\nsocket=", b"\n  ", b"\n", b"\t", b" ", b"../"],
    b"systemd.Service.X=",
]
_UNIT_LINE = re.compile(r"|#.*|\[[A-Z][a-z]+\]|[A-Za-z0-9-]+=.*| {4}\S.*")


def run(data: bytes, file: Path) -> None:
    """Read, check and render one configuration; raise if a rule is broken."""
    file.write_bytes(data)
    config = load([file], VARIABLES)
    for diagnostic in (*config.diagnostics, *checker.check(config, NOWHERE)):
        assert diagnostic.code in codes.CODES, diagnostic
        assert codes.CODES[diagnostic.code].error == diagnostic.error, diagnostic
        str(diagnostic).encode(errors="surrogateescape")
    if not config.errors:
        _render(config)


def _render(config: Config) -> None:
    files = render(config, Host())
    names = [file.name for file in files]
    assert len(set(names)) == len(names), names
    for file in files:
        assert re.fullmatch(r"[A-Za-z0-9_\\][A-Za-z0-9_.\\@-]*", file.name), file.name
        assert len(file.name) < 256, file.name
        file.text.encode()
        if not file.secret:
            _check_unit(file)


def _check_unit(file: File) -> None:
    """Assert that the generator wrote every line of a unit: no value has broken out of its line."""
    for line in file.text.split("\n"):
        assert _UNIT_LINE.fullmatch(line), line
        assert "\0" not in line


def mutated(chance: random.Random) -> bytes:
    """Return a good configuration with random changes."""
    data = bytearray(chance.choice(SEEDS))
    for _ in range(chance.randint(1, 6)):
        where = chance.randint(0, len(data))
        kind = chance.randrange(5)
        if kind == 0:
            data[where:where] = chance.choice(TOKENS)
        elif kind == 1:
            del data[where : where + chance.randint(1, 20)]
        elif kind == 2:
            other = chance.choice(SEEDS)
            start = chance.randint(0, len(other))
            data[where:where] = other[start : start + chance.randint(1, 80)]
        elif kind == 3 and data:
            data[where % len(data)] = chance.randrange(256)
        else:
            data[where:where] = data[where : where + 30] * chance.randint(1, 5)
    return bytes(data)
