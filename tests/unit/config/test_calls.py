"""calls: what a command line runs in the end."""

from __future__ import annotations

import shlex

import pytest

from wctl.config import calls

CONSUME = ("bin/console", "messenger:consume")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("bin/console messenger:consume", CONSUME),
        ("php bin/console messenger:consume", CONSUME),
        ("/usr/bin/php8.2 -d a=1 -c /x.ini bin/console messenger:consume", CONSUME),
        ("php -f bin/console messenger:consume", CONSUME),
        ("/usr/bin/env php bin/console messenger:consume", CONSUME),
        ("env -i -u A --chdir=/srv B=c php bin/console messenger:consume", CONSUME),
        ("nice -n 10 ionice -c 3 php bin/console messenger:consume", CONSUME),
        ("taskset -c 0-3 stdbuf -oL php bin/console messenger:consume", CONSUME),
        ("sudo -E -u www-data APP_ENV=prod php bin/console messenger:consume", CONSUME),
        ("gosu www-data php bin/console messenger:consume", CONSUME),
        ("docker-php-entrypoint php bin/console messenger:consume", CONSUME),
        ("tini -- php bin/console messenger:consume", CONSUME),
        ("su - www-data -s /bin/sh -c 'php bin/console messenger:consume'", CONSUME),
        ("runuser -u www-data -- php bin/console messenger:consume", CONSUME),
        ("flock -n /run/l -c 'php bin/console messenger:consume'", CONSUME),
        ("flock /run/l php bin/console messenger:consume", CONSUME),
        ("sh -c 'exec php bin/console messenger:consume'", CONSUME),
        ("bash -lc 'cd /srv && php bin/console messenger:consume > /l 2>&1'", CONSUME),
        ("sh -c 'A=1 php bin/console \"messenger:consume\" 2>/dev/null; true'", CONSUME),
        ("python3 -u -m celery -A p worker", ("celery", "-A", "p", "worker")),
        ("/srv/venv/bin/python -W ignore manage.py qcluster", ("manage.py", "qcluster")),
        ("ruby -I lib bin/sidekiq -t 5", ("bin/sidekiq", "-t", "5")),
        ("bundle exec sidekiq", ("sidekiq",)),
        ("poetry run rq worker", ("rq", "worker")),
        ("python -c 'import x' a", ("python", "-c", "import x", "a")),
        ("php -r 'echo 1;' a", ("php", "-r", "echo 1;", "a")),
        ("node -e 'x' a", ("node", "-e", "x", "a")),
        ("bash -e /srv/start.sh a", ("/srv/start.sh", "a")),
        ("sh", ("sh",)),
        ("php", ("php",)),
        ("sh -c", ("sh", "-c")),
        ("symfony console messenger:consume", ("console", "messenger:consume")),
    ],
)
def test_the_command_in_the_end(line: str, words: tuple[str, ...]) -> None:
    """Helpers, shells and interpreters are not the command; what they run is."""
    assert words in [call.words for call in calls.of(tuple(shlex.split(line)))]


@pytest.mark.parametrize(
    "line", ["nice -n 5", "env A=b", "sh -c ''", "sh -c '>a>b 3>c'", "bundle exec", "sudo -u me"]
)
def test_no_command(line: str) -> None:
    """Without a command there is none."""
    assert calls.of(tuple(shlex.split(line))) == ()


@pytest.mark.parametrize(
    ("script", "in_loop", "left"),
    [
        ("worker", False, False),
        ("while true; do worker; sleep 1; done", True, False),
        ("until worker; do sleep 1; done", True, False),
        ("for i in 1 2; do worker $i; done", True, False),
        ("while sleep 1; do true; done; worker", False, False),
        ("true; do while true; do worker; done", True, False),
        ("worker &", False, True),
        ("worker & wait", False, False),
        ("other; worker & exec last", False, False),
        ('cd "a & b" && worker', False, False),
    ],
)
def test_what_a_shell_makes_of_it(script: str, in_loop: bool, left: bool) -> None:
    """A shell may go on after a command, or leave it behind."""
    (call,) = [call for call in calls.of(("sh", "-c", script)) if call.name == "worker"]
    assert (call.in_shell, call.looped, call.background) == (True, in_loop, left)


def test_a_script_that_never_ends_its_quotes() -> None:
    """A script that a shell would refuse is read as far as it goes."""
    (call,) = calls.of(("sh", "-c", "a 'b \"c"))
    assert call.words[0] == "a"


@pytest.mark.parametrize("piece", ["'", '"', "\\", "a ", ";", ">", "\n", '"a\\', "$("])
def test_hostile_scripts_take_no_time(piece: str) -> None:
    """A configuration may have a script as long as an argument."""
    calls.of(("sh", "-c", piece * ((1 << 17) // len(piece))))
