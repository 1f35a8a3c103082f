"""run: what stands in the way of a worker is one line."""

from __future__ import annotations

from pathlib import Path

from unit.cli.test_app import run


def test_variables_with_a_nul_character(tmp_path: Path) -> None:
    """No process gets such a value; as systemd, wctl leaves such a file out if it is optional."""
    variables, file = tmp_path / "variables", tmp_path / "x.conf"
    variables.write_text("A=1\0\n")
    file.write_text(f"[program:x]\ncommand=sh -c 'exit 7'\nenvironment_file={variables}\n")
    result = run("-c", str(file), "run", "x@00")
    assert (result.returncode, result.stderr) == (
        1,
        f"wctl: {variables}:1: has a NUL character; systemd does not read such a file\n",
    )
    file.write_text(file.read_text().replace("_file=", "_file=-"))
    assert run("-c", str(file), "run", "x@00").returncode == 7


def test_files_of_variables_are_those_of_the_unit(tmp_path: Path) -> None:
    """A pattern names files, a quote within a value is a character, a missing file is an error."""
    for name, text in (("1.env", "A=it's\nB=1\n"), ("2.env", "B='x' \"y\"\n")):
        (tmp_path / name).write_text(text)
    file = tmp_path / "x.conf"
    file.write_text(
        '[program:x]\ncommand=sh -c \'exec echo "$A" "$B"\'\n'
        f"environment_file={tmp_path}/[0-9].env -{tmp_path}/none\n"
    )
    assert run("-c", str(file), "run", "x@00").stdout == "it's xy\n"
    file.write_text(file.read_text().replace(" -/", " /"))
    result = run("-c", str(file), "run", "x@00")
    problem = f"wctl: {tmp_path}/none: No such file or directory\n"
    assert (result.returncode, result.stderr) == (1, problem)


def test_a_shell_is_the_worker(tmp_path: Path) -> None:
    """Without a unit, no wrapper stays to look after what a shell leaves behind."""
    file = tmp_path / "x.conf"
    file.write_text("[program:x]\ncommand=sh -c 'cat /proc/$PPID/cmdline; true'\n")
    result = run("-c", str(file), "run", "x@00")
    assert result.returncode == 0
    assert "worker.py" not in result.stdout
