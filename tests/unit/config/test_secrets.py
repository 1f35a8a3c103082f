"""secrets: what looks like a secret in a command, and what only resembles one."""

from __future__ import annotations

import pytest

from wctl.config import secrets


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["x", "--password=hunter2"], "--password"),
        (["x", "--password", "hunter2"], "--password"),
        (["x", "--db-password=hunter2"], "--db-password"),
        (["x", "--api-key=k3y"], "--api-key"),
        (["env", "DB_PASSWORD=hunter2", "x"], "DB_PASSWORD"),
        (["sh", "-c", "TOKEN='abc' exec x"], "TOKEN"),
        (["sh", "-c", "cd /srv && x --token=abc"], "--token"),
        (["x", "amqp://me:hunter2@host/"], "the password in a URL"),
        (["x", "--dsn=redis://:hunter2@host"], "the password in a URL"),
    ],
)
def test_secrets(words: list[str], found: str) -> None:
    """An option, a variable or a URL gives the secret away; its name is told, not its value."""
    assert secrets.in_command(words) == found


@pytest.mark.parametrize(
    "words",
    [
        ["x", "--password-file=/etc/x"],
        ["x", "--password=/run/secret", "--token=@file", "--secret=env:X"],
        ["x", "--password", "--verbose"],
        ["x", "--password"],
        ["x", "--password="],
        ["x", "--passive", "--pass=2", "--bypass=x", "--tokens=5", "--token-ttl=60s"],
        ["x", "--token=5", "--secret=true", "--password", "yes"],
        ["sh", "-c", 'x --password="$PASSWORD" --token=$TOKEN redis://:$PASSWORD@host'],
        ["x", "mysql://me@host:3306/db", "http://host:80/a@b", "user:password@host"],
        ["php", "bin/console", "app:password:expire", "token=", "queue:secret"],
    ],
)
def test_no_secrets(words: list[str]) -> None:
    """Files, variables, numbers and switches are no secrets, and neither are similar names."""
    assert secrets.in_command(words) is None
