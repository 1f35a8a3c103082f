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
