"""output: what happens to output that nobody can read, or that no encoding holds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wctl.cli.output import draw

PKG = Path(__file__).parents[3] / "pkg"
WCTL = f"{sys.executable} -m wctl"
LOST = "wctl: cannot write output: No space left on device\n"


def run(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a line of the shell."""
    return subprocess.run(
        command,
        shell=True,
        env={**os.environ, "PYTHONPATH": str(PKG), **environment},
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
    )


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A configuration with three programs."""
    file = tmp_path / "x.conf"
    file.write_text("".join(f"[program:{name}]\ncommand=/bin/true\n" for name in "abc"))
    return file


@pytest.mark.parametrize("command", ["version", "--version", "--help", "render --help", "check"])
def test_a_full_disk_is_an_error(conf: Path, command: str) -> None:
    """A verb that only shows something says in one line what it could not show."""
    shown = run(f"{WCTL} {command} {f'-c {conf}' if command == 'check' else ''} >/dev/full")
    assert (shown.returncode, shown.stderr) == (1, LOST)


@pytest.mark.parametrize(
    ("where", "code", "err"),
    [
        (">/dev/full", 1, LOST),
        (">/dev/full 2>&1", 1, ""),
        (">/dev/full 2>/dev/full", 1, ""),
        ("2>/dev/full", 0, ""),  # there was nothing to print
        ("2>&1 >&- | true", 0, ""),
    ],
)
def test_a_change_is_not_left_half_done(conf: Path, where: str, code: int, err: str) -> None:
    """A verb that changes something does all of it; then its exit code tells of lost output."""
    out = conf.parent / "out"
    shown = run(f"{WCTL} render -c {conf} -o {out} {where}")
    assert (shown.returncode, shown.stderr) == (code, err)
    assert sorted(path.name for path in out.iterdir()) == [
        f"{name}{suffix}" for name in "abc" for suffix in (".target", "@.service")
    ]


def test_a_reader_that_is_gone_or_asleep(conf: Path) -> None:
    """Nobody misses what a closed pipe does not take; a full pipe that does not wait loses it."""
    out = conf.parent / "out"
    gone = run(f"{{ {WCTL} render -c {conf} -o {out}; echo $? >&2; }} | true")
    assert gone.stderr == "0\n"
    read, write = os.pipe()
    os.set_blocking(write, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(write, b"x" * 4096)
    asleep = subprocess.run(
        [sys.executable, "-m", "wctl", "render", "-c", conf, "-o", conf.parent / "again"],
        env={**os.environ, "PYTHONPATH": str(PKG)},
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(read)
    os.close(write)
    lost = b"wctl: cannot write output: Resource temporarily unavailable\n"
    assert (asleep.returncode, asleep.stderr) == (1, lost)
    assert len(list((conf.parent / "again").iterdir())) == 6


def test_what_waits_until_the_end(tmp_path: Path) -> None:
    """The last lines of logs are written at the end: that may fail, too."""
    program = "from wctl.cli import output as o; o.take_over(); o.Lines().write(b'x'); "
    shown = run(f'{sys.executable} -c "{program} raise SystemExit(o.finish(0))" >/dev/full')
    assert (shown.returncode, shown.stderr) == (1, LOST)


@pytest.mark.parametrize("encoding", ["utf-8:strict", "latin-1:strict", "ascii:strict"])
def test_no_name_is_beyond_an_encoding(tmp_path: Path, encoding: str) -> None:
    """Names of files need not be text; output in any encoding spells out what it does not have."""
    file = os.fsencode(tmp_path) + b"/\xff\xe2\x82\xac.conf"
    Path(os.fsdecode(file)).write_text("[program:x]\nnonesuch=1\n")
    for command, code in (("check", 1), (f"render -o {tmp_path}/out", 1)):
        shown = run(f"{WCTL} {command} -c {os.fsdecode(file)}", PYTHONIOENCODING=encoding)
        assert (shown.returncode, "Traceback" in shown.stderr) == (code, False)
        assert ".conf:1: [program:x]" in shown.stdout + shown.stderr


@pytest.mark.parametrize(
    ("line", "shown"),
    [("", ""), ("x" * 19, "x" * 19), ("x" * 20, "x" * 18 + "…"), ("漢" * 10, "漢" * 9 + "…")],
)
def test_a_line_that_goes_away_takes_one_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, line: str, shown: str
) -> None:
    """On a terminal of 20 columns, nothing of it is left in the row above."""
    monkeypatch.setenv("COLUMNS", "20")
    draw(line)
    assert capsys.readouterr().err == f"\r{shown}"
