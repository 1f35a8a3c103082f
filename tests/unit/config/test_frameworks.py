"""frameworks: what wctl learns from a worker's command line."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from wctl.config import consoles, frameworks
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
        (f"sh -c '{CONSUME} --memory-limit=128M'", SoftLimit("--memory-limit=128M", 128 * M)),
        (f"{CONSUME} -m128M", SoftLimit("--memory-limit=128M", 128 * M)),
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
        ("bin/console rabbitmq:consumer -l 90 mails", SoftLimit("--memory-limit=90", 90 * M)),
        ("bin/console app:index --memory-limit=700", None),
        ("python worker.py --memory-limit=128M", None),
    ],
)
def test_soft_limit(tmp_path: Path, line: str, expected: SoftLimit | None) -> None:
    """wctl reads the option of each console that it knows, in that console's unit; 0 is none."""
    assert frameworks.soft_limit(program(tmp_path, line)) == expected


COUNT, EMPTY, TIME, MEMORY = consoles.COUNT, consoles.EMPTY, consoles.TIME, consoles.MEMORY
RABBIT = "bin/console rabbitmq:consumer upload"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"{CONSUME} --time-limit=3600", ("--time-limit=3600", TIME)),
        (f"{CONSUME} --limit=10", ("--limit=10", COUNT)),
        (f"{CONSUME} --limit 10", ("--limit 10", COUNT)),
        (f"{CONSUME} async -l 10 -m 128M -t 3600", ("-l 10", COUNT)),
        (f"{CONSUME} async -t3600", ("-t3600", TIME)),
        (f"{CONSUME} async -f 3", ("-f 3", COUNT)),
        (f"{CONSUME} -vv --memory-limit=128M", ("--memory-limit=128M", MEMORY)),
        (f"{CONSUME} --time-limit=%(process_num)d", ("--time-limit=64", TIME)),
        ("bin/console messenger:consume async -l10", ("-l10", COUNT)),
        ("symfony console messenger:consume async -l 5", ("-l 5", COUNT)),
        ("docker exec app php bin/console messenger:consume async -l 5", ("-l 5", COUNT)),
        (f"/usr/bin/env {CONSUME} --limit=10", ("--limit=10", COUNT)),
        (f"sh -c 'cd /srv && exec {CONSUME} --limit=10'", ("--limit=10", COUNT)),
        (f"su - www-data -c '{CONSUME} --limit=10'", ("--limit=10", COUNT)),
        (f"bash -c 'while true; do {CONSUME} --limit=10; done'", None),
        (f"{CONSUME} --limits=1 limit=1", None),
        (f"{CONSUME} --limit=0 -t 0", None),
        (f"{CONSUME} -- --limit=1", None),
        (f"{CONSUME} -e dev -b default", None),
        (CONSUME, None),
        (f"{WORK} --max-time=3600", ("--max-time=3600", TIME)),
        (f"{WORK} --max-jobs=1000 --max-time=60", ("--max-jobs=1000", COUNT)),
        (f"{WORK} redis --once", ("--once", COUNT)),
        (f"{WORK} --stop-when-empty", ("--stop-when-empty", EMPTY)),
        (f"{WORK} --max-time=0 --max-jobs=0", None),
        (f"{WORK} --memory=128", None),
        (f"{WORK} --limit=10 -l 10", None),
        ("artisan queue:work --max-jobs=9", ("--max-jobs=9", COUNT)),
        ("php artisan horizon", None),
        ("php artisan horizon:work --max-time=60", ("--max-time=60", TIME)),
        ("php artisan queue:listen --max-jobs=3", None),
        ("php think queue:work --once", None),
        (
            "php bin/magento queue:consumers:start x --max-messages=100",
            ("--max-messages=100", COUNT),
        ),
        (f"{RABBIT} -m 100", ("-m 100", COUNT)),
        (f"{RABBIT} -l 256", ("-l 256", MEMORY)),
        (f"{RABBIT} -m 0 -d -w", None),
        (
            "bin/console oro:message-queue:consume --memory-limit=700",
            ("--memory-limit=700", MEMORY),
        ),
        ("bin/console oro:message-queue:consume --limit=700", None),
        ("bin/console enqueue:consume --time-limit='1 hour'", ("--time-limit=1 hour", TIME)),
        ("bin/cake queue worker --max-runtime=60", ("--max-runtime=60", TIME)),
        ("php yii queue/run", ("queue/run", EMPTY)),
        ("php yii queue/listen --verbose=1", None),
        ("rq worker -b high", ("-b", EMPTY)),
        ("/srv/venv/bin/rq worker --max-jobs 5", ("--max-jobs 5", COUNT)),
        ("python manage.py rqworker --burst", ("--burst", EMPTY)),
        ("python manage.py rqworker -b", None),
        ("arq demo.WorkerSettings --burst", ("--burst", EMPTY)),
        ("celery -A shop worker --time-limit=300 --max-tasks-per-child=9", None),
        ("gunicorn --max-requests 100 app:app", None),
        ("huey_consumer app.huey -d 1", None),
        ("worker --time-limit=3600 --limit=10 --once --burst", None),
    ],
)
def test_planned_end(tmp_path: Path, line: str, expected: tuple[str, str] | None) -> None:
    """What ends a worker, and when, depends on its console; the first that is given counts."""
    found = frameworks.planned_end(program(tmp_path, line))
    assert (found and (found.written, found.kind)) == expected


@pytest.mark.parametrize(
    ("line", "written"),
    [
        (f"{CONSUME} -t 3600 -l 10", "-l 10"),
        (f"{CONSUME} -t 3600 -m 128M", None),
        (f"{WORK} --max-time=60 --stop-when-empty", "--stop-when-empty"),
        ("rq worker --max-idle-time 5", None),
        ("php yii queue/run", "queue/run"),
        (f"{WORK} --once", "--once"),
        (f"{WORK} --max-jobs=500", "--max-jobs=500"),
        (f"{WORK} --max-jobs=501", None),
        ("php artisan queue:work --max-jobs=$JOBS", "--max-jobs=$JOBS"),
    ],
)
def test_early_end(line: str, written: str | None) -> None:
    """A number of messages, or an empty queue, may come at once; a time or a size does not."""
    found = frameworks.early_end(tuple(shlex.split(line)), 1)
    assert (found and found.written) == written


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (WORK, MessageLimit("Laravel's --timeout of 60 s", 60)),
        (f"{WORK} --timeout=120", MessageLimit("--timeout=120", 120)),
        (f"{WORK} --timeout 5", MessageLimit("--timeout=5", 5)),
        (
            "/usr/bin/env php -d x=1 artisan horizon:work --timeout=5",
            MessageLimit("--timeout=5", 5),
        ),
        (f"sh -c 'exec {WORK} --timeout=5'", MessageLimit("--timeout=5", 5)),
        ("php artisan queue:listen --timeout=0", None),
        ("bundle exec sidekiq", MessageLimit("Sidekiq's --timeout of 25 s", 25, loses=True)),
        ("sidekiq -t 50 -c 5", MessageLimit("--timeout=50", 50, loses=True)),
        (f"{WORK} --timeout=long", None),
        (f"{WORK} --timeout={'9' * 10}", None),
        (f"{CONSUME} --timeout=120", None),
        ("php artisan queue:restart", None),
    ],
)
def test_message_limit(tmp_path: Path, line: str, expected: MessageLimit | None) -> None:
    """wctl finds the time limit for one message, or its default, of the workers that have one."""
    assert frameworks.message_limit(program(tmp_path, line)) == expected


def test_option_of_the_worker(tmp_path: Path) -> None:
    """An option is looked for behind whatever runs the worker, and its last value counts."""
    found = program(tmp_path, f"nice -n 5 {CONSUME} -m 1M async --memory-limit=2M --unknown 3")
    assert consoles.option(found, "--memory-limit", "-m") == "2M"
    assert consoles.option(found, "--unknown") == "3"
    assert consoles.option(found, "--limit", "-l") is None
    assert consoles.option(program(tmp_path, "nice -n 5 worker -m 1M"), "-m") is None


@pytest.mark.parametrize(
    ("line", "forks"),
    [
        ("celery -A p worker", True),
        ("airflow celery worker", True),
        ("celery -A p worker --pool=threads", False),
        ("celery -A p worker -P gevent", False),
        ("python celery.py worker", None),
        ("celery -A p beat", None),
        ("rq worker", True),
        ("rq worker -w rq.SimpleWorker", False),
        ("python manage.py qcluster", True),
        ("python manage.py runserver", None),
        ("dramatiq app", True),
        ("huey_consumer.py app.huey -k process", True),
        ("huey_consumer.py app.huey", False),
        (WORK, False),
        ("gunicorn app:app", None),
    ],
)
def test_forks(line: str, forks: bool | None) -> None:
    """wctl knows which workers hold messages in processes of their own."""
    worker = consoles.find(tuple(shlex.split(line)))
    assert (worker and worker.forks) == forks
