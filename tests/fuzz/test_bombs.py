"""Configurations that could take forever or fill the memory, and files that never end."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

PKG = Path(__file__).parents[2] / "pkg"
MOST_MEMORY = 3 << 30  # bytes of address space
MOST_SECONDS = 60  # of CPU time, on a busy machine


@dataclass(frozen=True)
class Ended:
    """How wctl ended."""

    code: int
    out: str
    err: str
    seconds: float  # of CPU time


def wctl(*arguments: str) -> Ended:
    """Run wctl with little memory and time."""
    before = _seconds()
    done = subprocess.run(
        [sys.executable, "-c", "from wctl.cli import main; main()", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PKG), "HOME": "/root"},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        preexec_fn=_limit,
    )
    assert "Traceback" not in done.stderr, done.stderr[-2000:]
    assert done.returncode in (0, 1), (done.returncode, done.stderr[-2000:])
    return Ended(done.returncode, done.stdout, done.stderr, _seconds() - before)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))


def _seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def check(directory: Path, text: str | bytes) -> Ended:
    """Check one configuration."""
    file = directory / "x.conf"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return wctl("check", "-c", str(file))


_PROGRAM = "[program:x]\ncommand=/bin/cat\n"
_TEN = 10 << 20
LARGE: dict[str, Callable[[], str]] = {
    "one line": lambda: _PROGRAM + "x=" + "a" * _TEN,
    "one line of blanks": lambda: _PROGRAM + "a" + " " * _TEN + "b",
    "one value of many lines": lambda: _PROGRAM + "x=\n" + "  a\n" * (_TEN // 4),
    "a command": lambda: "[program:x]\ncommand=" + "a " * (_TEN // 2),
    "a command of quotes": lambda: "[program:x]\ncommand=" + "'a' " * (_TEN // 4),
    "many commands": lambda: "[program:x]\n" + f"command={'a' * 99_999}\n" * 100,
    "many long commands": lambda: "".join(
        f"[program:x{n}]\ncommand=/bin/echo {chr(39) + 'a' * 99_999 + chr(39)}\n"
        for n in range(100)
    ),
    "unknown keys": lambda: _PROGRAM + "".join(f"autostrt{n}=1\n" for n in range(_TEN // 16)),
    "unknown sections": lambda: "".join(f"[programme:{n}]\n" for n in range(_TEN // 20)),
    "empty programs": lambda: "".join(f"[program:{n}]\n" for n in range(_TEN // 17)),
    "lines that are none": lambda: "[program:x]\n" + "what\n" * (_TEN // 5),
    "no section": lambda: "what\n" * (_TEN // 5),
    "comments": lambda: _PROGRAM + "; what\n" * (_TEN // 7),
    "an environment": lambda: _PROGRAM + "environment=" + 'A="1",' * (_TEN // 6),
    "directives": lambda: "[program:x]\ncommand=" + "%%" * (_TEN // 2),
    "a group": lambda: "[group:g]\nprograms=" + ",".join(map(str, range(_TEN // 8))),
    "spans": lambda: _PROGRAM + "max_runtime=" + "1" * _TEN + "x",
    "headers": lambda: "[" * _TEN,
}


@pytest.mark.full
@pytest.mark.parametrize("make", LARGE.values(), ids=LARGE)
def test_ten_megabytes(tmp_path: Path, make: Callable[[], str]) -> None:
    """wctl reads a file of 10 MB in little memory and in finite time, whatever the file holds."""
    check(tmp_path, make())


def test_interpolation_bomb(tmp_path: Path) -> None:
    """Variables that multiply each other's length are an error, before they fill the memory."""
    bomb = "".join(f'A{n}="{"x" * 1000}",' for n in range(100))
    uses = "".join(f"%(ENV_A{n % 100})s" for n in range(5000))
    text = f"[supervisord]\nenvironment={bomb}\n[program:x]\ncommand=/bin/echo {uses}\n"
    ended = check(tmp_path, text)
    assert (ended.code, "longer than" in ended.err) == (1, True)


def test_bomb_of_many_programs(tmp_path: Path) -> None:
    """A long variable in very many programs is also an error."""
    programs = "".join(f"[program:x{n}]\ncommand=/bin/echo %(ENV_A)s\n" for n in range(1000))
    ended = check(tmp_path, f'[supervisord]\nenvironment=A="{"x" * 99_999}"\n{programs}')
    assert (ended.code, "all programs are too long" in ended.err) == (1, True)


def test_wide_numbers(tmp_path: Path) -> None:
    """A number of a billion digits is an error; wctl does not make it."""
    ended = check(tmp_path, "[program:x]\ncommand=/bin/echo %(process_num)1000000000d\n")
    assert (ended.code, "wider than" in ended.err) == (1, True)


@pytest.mark.parametrize("count", [2_000, pytest.param(10_000, marks=pytest.mark.full)])
def test_many_programs(tmp_path: Path, count: int) -> None:
    """check and render take at most 0.5 ms for each ordinary program on an idle machine."""
    file = tmp_path / "x.conf"
    file.write_text(
        "".join(
            f"[program:worker-{n}]\n"
            "command = php /srv/app/bin/console messenger:consume async --time-limit=3600 -vv\n"
            "process_name = %(program_name)s_%(process_num)02d\nnumprocs = 3\ndirectory = /srv\n"
            f'autorestart = true\nstopwaitsecs = 60\nenvironment = APP_ENV="prod",Q="q{n}"\n'
            for n in range(count)
        )
    )
    checked = wctl("check", "-c", str(file))
    rendered = wctl("render", "-c", str(file))
    assert checked.out.splitlines()[-1].startswith(f"{count} programs, 0 errors")
    assert rendered.out.count("[Service]") == count
    # CPU time, three times that of an idle machine: this machine may have other work.
    most = 15 * count / 10_000
    assert (checked.seconds < most, rendered.seconds < most) == (True, True), (
        checked,
        rendered.seconds,
    )


def test_includes_do_not_nest(tmp_path: Path) -> None:
    """Files may include each other and themselves: wctl does not read an include in an include."""
    for name, other in (("x", "y"), ("y", "x")):
        (tmp_path / f"{name}.conf").write_text(
            f"[include]\nfiles=*.conf {other}.conf\n[program:{name}]\ncommand=/bin/cat\n"
        )
    ended = wctl("check", "-c", str(tmp_path / "x.conf"))
    assert (ended.code, "2 programs, 0 errors" in ended.out) == (0, True)
    assert "an included file cannot include other files" in ended.out


def test_one_bad_file_stops_no_other(tmp_path: Path) -> None:
    """wctl reports all files that are unreadable or endless, and reads the others.

    Files that are included, and cannot be opened, are warnings as in Supervisor.
    """
    (tmp_path / "a.conf").mkdir()
    os.mkfifo(tmp_path / "b.conf")
    (tmp_path / "c.conf").symlink_to("nonesuch")
    (tmp_path / "d.conf").symlink_to("d.conf")
    (tmp_path / "e.conf").write_bytes(b"[program:e]\ncommand=/bin/cat\0\n")
    (tmp_path / "f.conf").write_bytes(b"[program:f]\ncommand=\xff\n")
    (tmp_path / "g.conf").write_bytes(b"\xef\xbb\xbf[program:g]\n")
    (tmp_path / "h.conf").write_text("[program:h]\nuser=root\ncommand=/bin/nonesuch\n")
    (tmp_path / "i.conf").symlink_to("/dev/zero")
    file = tmp_path / "main"
    file.write_text("[include]\nfiles=*.conf\n")
    ended = wctl("check", "-c", str(file), "-c", "/nonesuch")
    assert (ended.code, ended.out.splitlines()[-1]) == (1, "1 program, 4 errors, 6 warnings")
    for name in "efg":
        assert f"{tmp_path}/{name}.conf" in ended.err, name
    for name in "abcdi":
        assert f"{tmp_path}/{name}.conf: skipped" in ended.out, name
    assert "[command-not-found]" in ended.out


def test_endless_file() -> None:
    """-c /dev/zero is an error; wctl does not read until its memory is full."""
    ended = wctl("check", "-c", "/dev/zero")
    assert (ended.code, "larger than" in ended.err) == (1, True)


@pytest.mark.parametrize(
    "name",
    ["../x", "a/b", "/etc/passwd", "x" * 300, "a b", "a:b", "", "ö" * 60, "\x07"],
)
def test_names_that_cannot_be(tmp_path: Path, name: str) -> None:
    """A name that would be another path, or is too long once it is escaped, is an error."""
    ended = check(tmp_path, f"[program:{name}]\ncommand=/bin/cat\n")
    assert (ended.code, "is not a valid name" in ended.err) == (1, True)


def test_names_that_are_escaped(tmp_path: Path) -> None:
    """Escaped names stay distinct: each program has its own units, however odd its name."""
    names = ["..", ".hidden", "a+b", "a\\x2bb", "a@b", "%n", "wörker", "$(id)", "-", "a'b\"c"]
    file = tmp_path / "x.conf"
    file.write_text("".join(f"[program:{name}]\ncommand=/bin/cat\n" for name in names))
    output = tmp_path / "units"
    assert wctl("render", "-c", str(file), "-o", str(output)).code == 0
    found = {path.name for path in output.iterdir()}
    assert len(found) == 2 * len(names)
    assert {"\\x2e.@.service", "\\x2ehidden@.service", "a\\x2bb@.service", "a\\x5cx2bb@.service",
            "a\\x40b@.service", "\\x25n@.service", "w\\xc3\\xb6rker@.service"} <= found  # fmt: skip
