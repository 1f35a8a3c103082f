"""The bench still runs: this test does not judge how long anything takes."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench/run"
TINY = "--rounds=1 --workers=3 --many=0 --kills=2 --idle=1 --megabytes=1"


@pytest.mark.full
def test_bench_measures_everything(tmp_path: Path) -> None:
    """With tiny numbers, the bench makes a table, a picture and raw figures of all three tools."""
    environment = {**os.environ, "MPLCONFIGDIR": str(tmp_path)}
    done = subprocess.run(
        [BENCH, "-o", tmp_path, *TINY.split()],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "table.md").read_text() == done.stdout
    assert (tmp_path / "table.png").read_bytes().startswith(b"\x89PNG")
    figures = json.loads((tmp_path / "raw.json").read_text())["figures"]
    for figure in ("0 to 3 workers, s", "status of 3, s", "crash to running again, s"):
        assert set(figures[figure]) == {"wctl", "supervisor", "systemd"}
    for log in ("journal", "file", "both"):
        assert len(figures[f"output to {log}, MB/s"]["wctl"]) == 1
