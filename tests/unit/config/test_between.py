"""between: what stands between systemd and the worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from wctl.config import between
from wctl.config.load import load
from wctl.config.model import Program


def program(tmp_path: Path, line: str, options: str = "") -> Program:
    """Returns a program with this command."""
    file = tmp_path / "x.conf"
    file.write_text(f"[program:x]\ncommand={line}\n{options}")
    (found,) = load([file], {}).programs
    return found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("php artisan queue:work", None),
        ("/usr/bin/python3 sh", None),
        ("/bin/cat", None),
        # A shell with a text
        ("sh -c 'worker eu'", "sh text"),
        ("/bin/sh -c worker", "sh text"),
        ("bash -lc 'worker eu'", "bash text"),
        ("bash -eu -o pipefail -c 'worker eu'", "bash text"),
        ("bash --norc -c worker", "bash text"),
        ("zsh -c 'cd /srv && worker'", "zsh text"),
        ("busybox sh -c worker", "sh text"),
        ("busybox sleep 9", None),
        ("bash -c 'while true; do worker; sleep 1; done'", "bash text"),
        ("sh -c 'worker | logger'", "sh text"),
        ("sh", None),
        ("bash -l", None),
        # exec
        ("sh -c 'exec worker eu'", None),
        ("sh -c ' exec  worker'", None),
        ("sh -c 'cd /srv && exec worker'", None),
        ("sh -c '. /etc/env@ exec worker'".replace("@", "\\;"), None),
        ("bash -c 'test -e /x || exit 1; exec worker >>/tmp/log'", None),
        ("bash -c 'if test -e /x; then exec a; else exec b; fi'", None),
        ("sh -c '{ exec worker; }'", None),
        ("sh -c 'exec >/tmp/log; worker'", "sh text"),
        ("sh -c 'exec 2>&1; worker'", "sh text"),
        ("sh -c 'exec  3</x; worker'", "sh text"),
        ("sh -c 'docker exec x worker'", "sh text"),
        ("sh -c 'worker exec'", "sh text"),
        ("sh -c 'then exec'", "sh text"),
        # An exec in a child of the shell, which itself stays
        ("sh -c 'exec worker 2>&1 | tee -a /tmp/log'", "sh text"),
        ("sh -c 'reader | exec worker'", "sh text"),
        ("sh -c 'cd /srv && exec worker | tee log'", "sh text"),
        ("sh -c '(cd /srv && exec worker)'", "sh text"),
        ("sh -c 'exec worker & wait'", "sh text"),
        ("sh -c 'exec worker 2>&1 || exit 1'", None),
        ("sh -c 'exec worker &>/tmp/log'", None),
        ("sh -c 'exec worker \"a|b\" x&&exit'", None),
        ("sh -c 'exec worker $(cat /etc/args) > >(tee log)'", None),
        # Scripts
        ("sh /opt/start worker", "sh script /opt/start"),
        ("bash -x /opt/start", "bash script /opt/start"),
        ("bash -o errexit /opt/start", "bash script /opt/start"),
        ("/opt/start.sh eu", "start.sh script /opt/start.sh"),
        ("start.sh", "start.sh script start.sh"),
        ("/opt/start", None),
        # Other users, and tools
        ("su - www-data -c 'worker'", "su user"),
        ("/sbin/runuser -u www-data -- worker", "runuser user"),
        ("sudo -u www-data worker", "sudo user"),
        ("npm start", "npm tool"),
        ("yarn run worker", "yarn tool"),
        ("flock /run/lock worker", "flock tool"),
        # Behind those that pass signals on, or become what they start
        ("env A=1 sh -c worker", "sh text"),
        ("/usr/bin/env bash /opt/start", "bash script /opt/start"),
        ("env -u A -i B=2 nice -n 10 ionice -c 2 -n 7 sh -c worker", "sh text"),
        ("timeout -k 5 1h sh -c worker", "sh text"),
        ("nice php sh", None),
        ("nice", None),
        ("stdbuf -oL sh -c 'exec worker'", None),
        ("gosu www-data sh -c worker", "sh text"),
        ("setpriv --reuid=33 --clear-groups start.sh", "start.sh script start.sh"),
        ("tini -g -- sh -c worker", "sh text"),
    ],
)
def test_what_stands_between(tmp_path: Path, line: str, expected: str | None) -> None:
    """Shells are found by name, also behind other commands; exec takes a shell out of the way."""
    found = between.of(program(tmp_path, line))
    shown = None if found is None else f"{found.name} {found.kind}"
    if found is not None and found.kind == "script":
        shown = f"{shown} {found.script}"
    assert shown == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", 10),
        ("stopwaitsecs=60\n", 60),
        ("stopwaitsecs=0\n", 0),
        ("stopasgroup=true\n", 0),
        ("killasgroup=true\n", 0),
        ("killasgroup=false\n", 10),
    ],
)
def test_seconds(tmp_path: Path, options: str, expected: int) -> None:
    """What a shell leaves behind has stopwaitsecs, unless the user has asked for something else."""
    assert between.seconds(program(tmp_path, "sh -c worker", options)) == expected
    assert between.seconds(program(tmp_path, "worker", options)) == 0


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("bash -c 'worker eu'", True),
        ("bash -ec 'cd /srv && worker --a=\"b | c\"'", True),
        ("bash -c '. env/bin/activate && worker'", True),
        ("bash -c 'cd /srv || exit 1; worker $(cat args); '", True),
        ("bash -c 'worker >/dev/null'", False),
        ("bash -c 'worker 2>&1 | tee log'", False),
        ("bash -c 'worker || exit 1'", False),
        ("bash -c 'worker; exit $?'", False),
        ("bash -c 'worker && echo done'", False),
        ("bash -c 'worker; wait'", False),
        ("bash -c 'echo a && worker echo'", True),
        ("bash -c 'worker & wait'", False),
        ("bash -c '(worker)'", False),
        ("bash -c 'while true; do worker; done'", False),
        ("bash -lc 'worker eu'", False),
        ("bash --login -c 'worker eu'", False),
        ("sh -c 'worker eu'", False),
    ],
)
def test_bash_gives_way(tmp_path: Path, line: str, expected: bool) -> None:
    """As bash 5 on Debian: it becomes a plain last command, except in a login shell."""
    found = between.of(program(tmp_path, line))
    assert found is not None
    assert found.gives_way is expected


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        (" ", False), ("\n", False), ("; ", False), ("exec ", True), ("then ", False),
        ("\t ;", False), ("exec >", False), ("do\n", False), (";exec a", True), (";exec $(", False),
        (";exec '", True), (';exec "', True), (";exec a'b|", False),
    ],
)  # fmt: skip
def test_long_texts_take_no_time(piece: str, expected: bool) -> None:
    """A command of a hundred thousand characters is read in a moment."""
    assert between.execs(piece * (100_000 // len(piece))) is expected
