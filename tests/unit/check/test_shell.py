"""shell: what only a shell would understand, and what merely looks so."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.config.configured import configured
from wctl.check import shell


def problem(directory: Path, line: str) -> str:
    """Returns what is said about a command; "" if nothing."""
    (program,) = configured(directory, f"[program:x]\ncommand={line}\n").programs
    return "".join(found.text for check in shell.CHECKS for found in check(program))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("gunicorn --bind 0.0.0.0:$PORT app:app", "'$PORT' unchanged"),
        ("gunicorn --bind 0.0.0.0:$PORT app:app", "write %(ENV_PORT)s for the variable, or sh"),
        ("worker ${HOME}/x", "'${HOME}' unchanged"),
        ("worker --port=${PORT:-80}", "write %(ENV_PORT)s"),
        ("$HOME/bin/worker", "'$HOME' unchanged"),
        ("${VENV}/bin/python worker.py", "'${VENV}' unchanged"),
        ("python manage.py --workers $(nproc)", "'$(nproc)' unchanged"),
        ("worker --log log-`date`", "'`date`' unchanged"),
        ("~/bin/worker", "'~/bin/worker' unchanged"),
        ("worker ~/y", "'~/y' unchanged"),
        ("worker --config=~/y", "'~/y' unchanged"),
        ("worker /var/log/*.log", "'/var/log/*.log' unchanged"),
        ("worker *.php", "'*.php' unchanged"),
        ("cd /srv && worker", "cd is a command of shells"),
        ("exec worker", "exec is a command of shells"),
        ("source /srv/env", "source is a command of shells"),
        ("A=b worker", "A= is no command"),
        ("worker | tee /l", "'|' unchanged"),
        ("worker >> /l", "'>>' unchanged"),
        ("worker >/l", "'>/l' unchanged"),
        ("worker 2>&1", "'2>&1' unchanged"),
        ("worker &", "'&' unchanged"),
        ("php artisan queue:work && other", "'&&' unchanged"),
        ("nice -n 5 php artisan queue:work --queue=$QUEUE", "'$QUEUE' unchanged"),
    ],
)
def test_a_shell_would_replace_it(tmp_path: Path, line: str, said: str) -> None:
    """The finding names the piece, and what to write instead."""
    assert said in problem(tmp_path, line)


@pytest.mark.parametrize(
    "line",
    [
        "sh -c 'worker $PORT | tee /l'",
        "env A=b bash -lc 'cd ~ && worker *.php'",
        "su - www-data -c 'worker $HOME'",
        "bash /srv/start.sh $X",
        "python -c 'print(\"$HOME\")' $x",
        "php -r 'echo $argv[1];'",
        "node -e 'console.log(`${x}`)'",
        "perl -e 'print $ENV{HOME}'",
        "awk '{print $NF}'",
        "jq '.a | $x'",
        "find /srv -name *.php",
        "redis-cli eval 'return $x' 0",
        "Rscript -e 'app <- load(); app$run(port=80)'",
        "worker --match ^orders$ --other '^a$|^b$'",
        "worker --price 5$ --cost $5",
        "worker *",
        "worker orders.*",
        "worker --queue=orders.*",
        "worker http://*:80/ tcp://*:5555 *:80",
        "worker --every */5",
        "worker a~b user~ x/~/y",
        "worker --filter a>b >=1.0 <none>",
        "nginx -g 'daemon off;'",
        "worker 'a|b' 'c & d'",
        "worker --name=%(program_name)s_%(process_num)02d",
        "worker --title 'costs ` more'",
    ],
)
def test_it_only_looks_so(tmp_path: Path, line: str) -> None:
    """Code, patterns and text for the program itself are none of a shell's."""
    assert problem(tmp_path, f"{line}\nprocess_name=%(process_num)d") == ""
