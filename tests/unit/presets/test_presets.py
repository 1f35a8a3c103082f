"""presets: the file that wctl init writes is right, and says what the application needs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unit.cli.test_app import run
from wctl.config import load
from wctl.errors import WctlError
from wctl.presets import presets
from wctl.presets.application import Application

SYMFONY = {"symfony/messenger": "^6.4", "symfony/framework-bundle": "^6.4"}
LARAVEL = {"laravel/framework": "^11"}


def application(directory: Path, console: str, packages: dict[str, str]) -> Application:
    """Returns an application with a console, and these packages."""
    (directory / console).parent.mkdir(parents=True, exist_ok=True)
    (directory / console).touch()
    (directory / "composer.json").write_text(json.dumps({"require": packages}))
    return Application(str(directory))


def rendered(found: Application, *, user: bool = True) -> str:
    return presets.render(presets.choose(found, None), found, "w", user=user)


@pytest.mark.parametrize(
    ("console", "packages", "command"),
    [
        ("bin/console", SYMFONY, "php bin/console messenger:consume async --time-limit=3600"),
        ("artisan", LARAVEL, "php artisan queue:work --sleep=3"),
        ("artisan", {**LARAVEL, "laravel/horizon": "*"}, "php artisan horizon\n"),
    ],
)
@pytest.mark.parametrize("user", [True, False])
def test_the_file_is_right(
    tmp_path: Path, console: str, packages: dict[str, str], command: str, user: bool
) -> None:
    """wctl reads it without an error or a warning."""
    place = tmp_path / "100%"
    place.mkdir()
    text = rendered(application(place, console, packages), user=user)
    assert f"\ncommand = {command}" in text
    assert ("\nuser = " in text) != user
    file = tmp_path / "w.conf"
    file.write_text(text)
    config = load.load([file], {})
    assert config.diagnostics == ()
    (program,) = config.programs
    assert program.directory is not None and program.directory.text(0) == str(place)


@pytest.mark.parametrize("name", ["a\nuser = root", "a ;b", "a\x1b[2J", "a "])
def test_a_directory_whose_name_is_no_value(tmp_path: Path, name: str) -> None:
    """A name may end the line, or begin a comment: the file would say something else."""
    place = tmp_path / name
    place.mkdir()
    with pytest.raises(WctlError, match="a configuration cannot have this name in it") as caught:
        rendered(application(place, "artisan", LARAVEL))
    assert str(caught.value).isprintable()


def test_the_database_is_asked_for(tmp_path: Path) -> None:
    """doctor can then tell a broken database from a broken worker."""
    with_database = {**SYMFONY, "doctrine/doctrine-bundle": "*"}
    assert "health_command" in rendered(application(tmp_path, "bin/console", with_database))
    assert "health_command" not in rendered(application(tmp_path, "bin/console", SYMFONY))


@pytest.mark.parametrize(
    ("console", "packages"),
    [("bin/console", {}), ("console", SYMFONY), ("artisan", SYMFONY), ("bin/console", LARAVEL)],
)
def test_no_application(tmp_path: Path, console: str, packages: dict[str, str]) -> None:
    """One sign alone is not enough, and what is looked for is said."""
    found = application(tmp_path, console, packages)
    with pytest.raises(WctlError, match="no application that wctl knows") as caught:
        presets.choose(found, None)
    assert caught.value.exit_code == 4
    with pytest.raises(WctlError, match="expected for Laravel's queue, artisan"):
        presets.choose(found, "laravel")


def test_init_writes_once(tmp_path: Path) -> None:
    """The second time there is a file: it may have been edited since."""
    place = tmp_path / "app"
    application(place, "artisan", LARAVEL)
    shown = run("--user", "init", "--print", "-C", str(place), XDG_CONFIG_HOME=str(tmp_path))
    assert (shown.returncode, "[program:queue-worker]" in shown.stdout) == (0, True)
    file = tmp_path / "wctl/conf.d/queue-worker.conf"
    assert not file.exists()
    first = run("--user", "init", "-C", str(place), XDG_CONFIG_HOME=str(tmp_path))
    assert first.stdout.startswith(f"{file}: written, for Laravel's queue in {place}\n")
    assert "start its worker with 'wctl --user update queue-worker'" in first.stdout
    assert file.read_text() == shown.stdout
    again = run("--user", "init", "-C", str(place), XDG_CONFIG_HOME=str(tmp_path))
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr.startswith("wctl: queue-worker: configured already\n")
    other = run(
        "--user", "init", "-C", str(place), "--name", "mails", XDG_CONFIG_HOME=str(tmp_path)
    )
    assert other.returncode == 0
    ignored = run("-c", str(file), "init", "-C", str(place), "--print")
    assert (ignored.returncode, ignored.stdout) == (2, "")
    wrong = run("--user", "init", "-C", str(place), "--name", "a b", XDG_CONFIG_HOME=str(tmp_path))
    assert wrong.stderr == (
        "wctl: --name: expected a name without blanks, control characters, ':' and '/'\n"
    )
