"""frameworks: what wctl learns from a worker's command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from wctl.config import frameworks
from wctl.config.frameworks import MessageLimit, SoftLimit
from wctl.config.load import load
from wctl.config.model import Program

M = 1 << 20
CONSUME = "php bin/console messenger:consume"
WORK = "php artisan queue:work"
ORO = "php bin/console oro:message-queue:consume"
NUMBERS = "numprocs_start=64\nenvironment=N=%(process_num)d\n"


def program(tmp_path: Path, line: str) -> Program:
    """Returns a program with this command."""
    file = tmp_path / "x.conf"
    file.write_text(f"[program:x]\ncommand={line}\n{NUMBERS}")
    (found,) = load([file], {}).programs
    return found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"{CONSUME} --memory-limit=128M", SoftLimit("--memory-limit=128M", 128 * M)),
        (f"{CONSUME} --memory-limit 128M -vv", SoftLimit("--memory-limit=128M", 128 * M)),
        (f"{CONSUME} --memory-limit='1 G'", SoftLimit("--memory-limit=1 G", 1024 * M)),
        (f"{CONSUME} --memory-limit=134217728", SoftLimit("--memory-limit=134217728", 128 * M)),
        (f"{CONSUME} --memory-limit=%(ENV_N)sM", SoftLimit("--memory-limit=64M", 64 * M)),
        (f"sh -c '{CONSUME} --memory-limit=128M'", None),
        (f"{CONSUME} --memory-limit=much", None),
        (f"{CONSUME} --memory-limit", None),
        (f"{CONSUME} --memory=128", None),
        (f"{CONSUME} x--memory-limit=128M --memory-limits=1M", None),
        (f"{CONSUME} --memory-limit=0", None),
        (CONSUME, None),
        (f"{WORK} --memory=128", SoftLimit("--memory=128", 128 * M)),
        (f"{WORK} --memory 128", SoftLimit("--memory=128", 128 * M)),
        ("php artisan queue:listen --memory=1", SoftLimit("--memory=1", M)),
        ("php artisan horizon:work redis --memory=64", SoftLimit("--memory=64", 64 * M)),
        (f"{WORK} --memory=128M", None),
        (f"{WORK} --memory=", None),
        (f"{WORK} --memory=0", None),
        (f"{WORK} --memory-limit=1G --memory=128", SoftLimit("--memory=128", 128 * M)),
        (WORK, None),
        (f"{ORO} --memory-limit=700", SoftLimit("--memory-limit=700", 700 * M)),
        ("bin/console enqueue:consume --memory-limit 64", SoftLimit("--memory-limit=64", 64 * M)),
        ("bin/console rabbitmq:consumer -l 90 mails", SoftLimit("-l=90", 90 * M)),
        ("bin/console app:index --memory-limit=700", None),
        ("python worker.py --memory-limit=128M", None),
    ],
)
def test_soft_limit(tmp_path: Path, line: str, expected: SoftLimit | None) -> None:
    """wctl reads the option of each console that it knows, in that console's unit; 0 is none."""
    assert frameworks.soft_limit(program(tmp_path, line)) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"{CONSUME} --time-limit=3600", "--time-limit=3600"),
        (f"{CONSUME} --limit=10", "--limit=10"),
        (f"{CONSUME} --limit 10", "--limit"),
        (f"{CONSUME} -vv --memory-limit=128M", "--memory-limit=128M"),
        (f"{WORK} --max-time=3600", "--max-time=3600"),
        (f"{WORK} --max-jobs=1000 --max-time=60", "--max-jobs=1000"),
        (f"{CONSUME} --time-limit=%(process_num)d", "--time-limit=64"),
        (f"{WORK} --memory=128", None),
        (f"{CONSUME} --limits=1 limit=1 -limit=1", None),
        (f"sh -c '{CONSUME} --limit=10'", None),
        (CONSUME, None),
    ],
)
def test_planned_end(tmp_path: Path, line: str, expected: str | None) -> None:
    """wctl returns the first option, as written, that makes the worker exit with 0 by itself."""
    assert frameworks.planned_end(program(tmp_path, line)) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (WORK, MessageLimit("Laravel's --timeout of 60 s", 60)),
        (f"{WORK} --timeout=120", MessageLimit("--timeout=120", 120)),
        (f"{WORK} --timeout 5", MessageLimit("--timeout=5", 5)),
        ("php artisan queue:listen --timeout=0", MessageLimit("--timeout=0", 0)),
        (f"{WORK} --timeout=long", None),
        (f"{WORK} --timeout={'9' * 10}", None),
        (f"{CONSUME} --timeout=120", None),
        ("php artisan queue:restart", None),
    ],
)
def test_message_limit(tmp_path: Path, line: str, expected: MessageLimit | None) -> None:
    """wctl finds Laravel's time limit for one message, or its default; other workers have none."""
    assert frameworks.message_limit(program(tmp_path, line)) == expected
