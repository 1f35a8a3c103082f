"""The command line as a user meets it: help, errors, exit codes, imports, speed of start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wctl.cli.app import wctl

PKG = Path(__file__).parents[2] / "pkg"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs wctl as the installed command does."""
    program = "from wctl.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "PYTHONPATH": str(PKG), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


VERBS = wctl.list_commands(None)  # type: ignore[arg-type] # not used


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example(verb: str) -> None:
    """Every verb's --help ends with an example, and exits with 0."""
    shown = run(verb, "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    example = " ".join(shown.stdout.partition("Example: ")[2].split("\n\n")[0].split())
    assert f"wctl {verb}" in example


def test_version() -> None:
    """--version is the package's only version."""
    from wctl import __version__

    assert run("--version").stdout == f"wctl {__version__}\n"


def test_options_stand_before_or_after_the_verb(tmp_path: Path) -> None:
    """-c FILE means the same on both sides of the verb."""
    file = tmp_path / "x.conf"
    file.write_text("[program:x]\ncommand=/bin/true\n")
    before = run("-c", str(file), "render", "x")
    after = run("render", "-c", str(file), "x")
    assert (before.stdout, before.returncode) == (after.stdout, 0)
    assert before.stdout.startswith("# x@.service\n")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("stauts",), 2, "no such command 'stauts', did you mean status?"),
        (("scale",), 2, "Missing argument"),
        (("scale", "3x"), 2, "'3x' is not a number of instances"),
        (("scale", "a", "b", "c"), 2, "expected [PROGRAM] N"),
        (("check", "-c", "/nonesuch"), 1, "/nonesuch: cannot be read: No such file or directory"),
    ],
)
def test_mistakes(arguments: tuple[str, ...], code: int, message: str) -> None:
    """A mistake has one message and its documented exit code."""
    shown = run(*arguments)
    assert (shown.returncode, message in shown.stderr) == (code, True), shown.stderr


def test_render_writes_files_and_keeps_secrets(tmp_path: Path) -> None:
    """render -o writes units for everybody, variables for the owner alone, and no traces."""
    file = tmp_path / "x.conf"
    file.write_text('[program:x]\ncommand=/bin/true\nenvironment=TOKEN="geheim"\n')
    shown = run("render", "-c", str(file), "-o", str(tmp_path / "out"))
    written = sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert sorted(shown.stdout.split()) == [str(path) for path in written]
    assert [path.name for path in written] == ["x.env", "x.target", "x@.service"]
    assert [f"{path.stat().st_mode & 0o777:o}" for path in written] == ["600", "644", "644"]
    assert "geheim" not in written[1].read_text() + written[2].read_text()


def test_closed_pipe_is_quiet(tmp_path: Path) -> None:
    """A reader that goes away, as head does, is no error to tell of."""
    file = tmp_path / "x.conf"
    programs = "".join(f"[program:p{n}]\ncommand=/bin/true\n" for n in range(500))
    file.write_text(programs)
    shown = subprocess.run(
        f"{sys.executable} -c 'from wctl.cli import main; main()' render -c {file} | head -1",
        shell=True,
        env={**os.environ, "PYTHONPATH": str(PKG)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (shown.stdout, shown.stderr) == ("# p0@.service\n", "")


def test_help_imports_no_verb() -> None:
    """wctl --help imports click and the table of verbs, nothing that a verb needs."""
    program = (
        "import sys; from wctl.cli import run; run(['--help']);"
        "print(sorted(m for m in sys.modules if m.startswith(('wctl', 'jeepney', 'systemd'))))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(PKG)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.splitlines()[-1] == "['wctl', 'wctl.cli', 'wctl.cli.app', 'wctl.errors']"
