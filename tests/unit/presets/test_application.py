"""application: what the files of an application say, whoever wrote them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wctl.presets import application
from wctl.presets.application import Application
from wctl.trust import accounts

MESSENGER = "config/packages/messenger.yaml"


def made(directory: Path, **texts: str) -> Application:
    """Returns an application with these files; __ stands for a slash, and _dot_ for a dot."""
    for name, text in texts.items():
        path = directory / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Application(str(directory))


@pytest.mark.parametrize(
    ("text", "packages"),
    [
        ('{"require": {"php": ">=8", "symfony/messenger": "*"}}', {"php", "symfony/messenger"}),
        ('{"require": []}', set()),
        ('{"require": null}', set()),
        ("[]", set()),
        ("{", set()),
        ("\xff\0", set()),
        ("[" * 1_000_000, set()),
    ],
)
def test_packages(tmp_path: Path, text: str, packages: set[str]) -> None:
    """A composer.json that says nothing is no error: there may be another sign."""
    assert made(tmp_path, composer_dot_json=text).packages == packages


def test_what_is_no_file(tmp_path: Path) -> None:
    """A FIFO in the place of a file is not waited for."""
    os.mkfifo(tmp_path / "composer.json")
    (tmp_path / "artisan").mkdir()
    found = Application(str(tmp_path))
    assert (found.packages, found.has("artisan"), found.transports()) == (frozenset(), False, [])


YAML = """\
framework:
    messenger:
        failure_transport: broken   # where they end
        transports:
            # the first is served first
            urgent: '%env(MESSENGER_TRANSPORT_DSN)%'
            "async":
                dsn: '%env(MESSENGER_TRANSPORT_DSN)%'
                options:
                    queue_name: x
            broken: 'doctrine://default?queue_name=failed'
            sync: 'sync://'
            '; rm -rf /': x
        routing:
            App\\Message: async

when@test:
    framework:
        messenger:
            transports:
                async: 'in-memory://'
                probe: 'in-memory://'
"""


@pytest.mark.parametrize(
    ("text", "transports"),
    [
        (YAML, ["urgent", "async"]),
        ("framework:\n  messenger:\n    transports: {async: x}\n", []),
        ("framework:\n  messenger:\n    transports:\n      failed: x\n      a: y\n", ["a"]),
        ("", []),
        ("\0: [", []),
    ],
)
def test_transports(tmp_path: Path, text: str, transports: list[str]) -> None:
    """In their order: without those of failures, those without a queue, and what is no name."""
    assert made(tmp_path, **{MESSENGER.replace("/", "__"): text}).transports() == transports


def test_the_working_directory_as_the_shell_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deployment moves a link: a directory behind it would soon be an old release."""
    release, link = tmp_path / "releases/1", tmp_path / "current"
    release.mkdir(parents=True)
    link.symlink_to(release)
    monkeypatch.chdir(link)
    monkeypatch.setenv("PWD", str(link))
    assert application.here() == str(link)
    for wrong in ("/", "current", "", str(tmp_path / "nosuch")):
        monkeypatch.setenv("PWD", wrong)
        assert application.here() == str(release)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give directories away")
def test_the_user_is_who_owns_what_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner of var/; for one of root's, the user of web servers; or else root itself."""
    found = Application(str(tmp_path))
    (tmp_path / "var").mkdir()
    os.chown(tmp_path / "var", 2, 2)
    assert found.user(("var/cache", "var")) == "bin"
    os.chown(tmp_path / "var", 0, 0)
    assert found.user(("var",)) == "www-data"
    monkeypatch.setattr(accounts, "find", lambda _name: None)
    assert found.user(("var",)) == "root"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give directories away")
def test_the_user_is_nobody_whom_a_link_names(tmp_path: Path) -> None:
    """Whoever owns the application could have its code run as somebody else."""
    home, place = tmp_path / "home", tmp_path / "app"
    for path, owner in ((home, 3), (place, 2), (place / "shared", 33)):
        path.mkdir()
        os.chown(path, owner, owner)
    for target, user in (("../home", "bin"), ("shared", "www-data"), ("../nosuch", "bin")):
        (place / "var").unlink(missing_ok=True)
        (place / "var").symlink_to(target)
        os.chown(place / "var", 2, 2, follow_symlinks=False)
        assert Application(str(place)).user(("var",)) == user
