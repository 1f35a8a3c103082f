"""environment: what programs get from supervisord's own environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from wctl.errors import ConfigError, WctlError
from wctl.supervisor import environment, process
from wctl.supervisor.daemons import Daemon
from wctl.supervisor.migration import Migration, migrate
from wctl.systemd import env_file
from wctl.trust import accounts

FILE = "supervisord.env"
MANAGER = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
SESSION = {
    "INVOCATION_ID": "1", "JOURNAL_STREAM": "9:1", "SUPERVISOR_ENABLED": "1", "TERM": "dumb",
    "_": "/usr/bin/supervisord", "SSH_CLIENT": "::1", "PWD": "/", "NOTIFY_SOCKET": "/run/n",
}  # fmt: skip


def beyond(**environ: str) -> Mapping[str, str]:
    """Returns what programs inherit, beyond what systemd gives their units."""
    return environment.beyond({**MANAGER, **SESSION, **environ}, MANAGER)[0]


def test_what_systemd_and_sessions_give_is_no_news() -> None:
    """Only what an administrator has set is carried over; a PATH or locale if it differs."""
    assert beyond() == {}
    assert beyond(APP_ENV="prod") == {"APP_ENV": "prod"}
    assert beyond(PATH="/opt/bin:/bin", LANG="C.UTF-8") == {"PATH": "/opt/bin:/bin"}
    assert beyond(LC_ALL="de_DE.UTF-8") == {"LC_ALL": "de_DE.UTF-8"}
    assert beyond(HOME="/srv/app") == {"HOME": "/srv/app"}
    assert beyond(HOME=str(Path.home())) == {}


def test_what_no_file_can_hold() -> None:
    """systemd reads UTF-8; of functions that bash exports nobody speaks."""
    found = environment.beyond({"A": "\udcff", "BASH_FUNC_x%%": "() { :; }", "B": "ü\n"}, {})
    assert found == ({"B": "ü\n"}, ("A",))


def imported(directory: Path, text: str, environ: Mapping[str, str] | None) -> Migration:
    """Returns the migration of a file, of a supervisord with this environment (None: unknown)."""
    file = directory / "supervisord.conf"
    file.write_text(f"[supervisord]\n{text}")
    ours = {"HOME": "/root"}
    if environ is None:
        inherited = environment.unknown("it does not run", directory, file)
    else:
        inherited = environment.of({**MANAGER, **environ}, MANAGER, directory, file)
        if inherited.given:
            (directory / FILE).write_text(inherited.text)
    return migrate(file, directory, ours, inherited)


def test_variables_are_named_and_never_shown(tmp_path: Path) -> None:
    """The copies name the file; a program that sets a variable by itself needs no other."""
    secret = 'p"a $s\\ %w`d'
    text = '[program:x]\ncommand=a\n[program:y]\ncommand=b\nenvironment=KEY="mine"\n'
    found = imported(tmp_path, text, {"KEY": secret})
    file = tmp_path / FILE
    written = found.copies[0].text
    assert written.count("environment_file") == 1
    assert (
        f"[program:x]\nhardening = off ; as under Supervisor\nenvironment_file = {file}" in written
    )
    assert secret not in repr(found.changes) + written
    change = f"KEY of supervisord's environment: carried over in {file} (environment_file)"
    assert (str(tmp_path / "supervisord.conf"), change) in found.changes
    assert env_file.parse(file.read_text()) == {"KEY": secret}


def test_values_that_supervisord_fills_in(tmp_path: Path) -> None:
    """%(ENV_X)s has supervisord's value, not wctl's; what [supervisord] sets, stays there."""
    text = 'environment=OWN="o"\n[program:x]\ncommand=a %(ENV_DB)s %(ENV_OWN)s %(ENV_HOME)s\n'
    environ = {"DB": "50% a", "OWN": "not this", "HOME": "/srv"}
    found = imported(tmp_path, text, environ)
    words = [word.text(0) for word in found.programs[0].command]
    assert words == ["a", "50%", "a", "o", "/srv"]
    assert "command=a 50%% a %(ENV_OWN)s /srv\n" in found.copies[0].text
    assert found.copies[0].mode == 0o600
    assert not any("%(ENV_" in change for _, change in found.changes)


@pytest.mark.parametrize("value", ["a ;b", "; b", "a #b", "two\nlines"])
def test_values_that_no_line_can_hold(tmp_path: Path, value: str) -> None:
    """The error names the line and the variable, and does not show the value."""
    with pytest.raises(ConfigError) as caught:
        imported(tmp_path, "[program:x]\ncommand=a %(ENV_DB)s ; %(ENV_DB)s\n", {"DB": value})
    (error,) = caught.value.diagnostics
    assert (error.place.line, error.key, "%(ENV_DB)s" in error.problem) == (3, "command", True)
    assert value not in str(error)
    imported(tmp_path, "[program:x]\ncommand=a ; not %(ENV_DB)s\n", {"DB": value})


def test_each_supervisord_has_a_file_of_its_own(tmp_path: Path) -> None:
    """A second supervisord overwrites neither the variables of the first one, nor other files."""
    first, second = tmp_path / "a.conf", tmp_path / "b.conf"
    found = environment.of({"DB": "a"}, {}, tmp_path, first)
    assert (found.file, found.edited) == (tmp_path / FILE, [])
    (tmp_path / FILE).write_text(found.text)
    other = environment.of({"DB": "b"}, {}, tmp_path, second)
    assert other.file == tmp_path / "supervisord-2.env"
    other.file.write_text("DB=mine\n")
    assert environment.unknown("", tmp_path, second).file == tmp_path / "supervisord-3.env"
    again = environment.of({"DB": "c", "NEW": "n"}, {}, tmp_path, first)
    assert (again.file, again.edited) == (tmp_path / FILE, ["DB", "NEW"])
    assert environment.unknown("", tmp_path, first).given == {"DB": "a"}


def test_variables_of_users(tmp_path: Path) -> None:
    """Who has started supervisord in a shell is told about HOME; a service has none."""
    text = '[program:x]\ncommand=a\n[program:y]\ncommand=a\nuser=daemon\nenvironment=USER="u"\n'
    account = accounts.find(str(os.geteuid()))
    assert account is not None
    shell = {"HOME": account.pw_dir, "USER": account.pw_name}
    changes = imported(tmp_path, text, shell).changes
    assert ("x", "HOME, USER: missing, no longer of supervisord's user") in changes
    assert ("y", "HOME: of daemon, no longer of supervisord's user") in changes
    changes = imported(tmp_path, text, {}).changes
    assert not any("supervisord's user" in what for _, what in changes)


def test_a_second_import_without_supervisord_is_the_same(tmp_path: Path) -> None:
    """Where supervisord does not run any more, the file of the first import counts."""
    text = "[program:x]\ncommand=a %(ENV_DB)s\n"
    first = imported(tmp_path, text, {"DB": "d"})
    second = imported(tmp_path, text, None)
    assert second.copies == first.copies
    assert any("could not be read (it does not run)" in change for _, change in second.changes)


def test_a_program_with_a_file_of_its_own(tmp_path: Path) -> None:
    """wctl does not change an environment_file that somebody wrote; it says what is missing."""
    text = "[program:x]\ncommand=a\nenvironment_file=/etc/x.env\n"
    found = imported(tmp_path, text, {"DB": "d"})
    file = tmp_path / FILE
    problem = "does not get DB from supervisord's environment, because environment_file is set"
    assert ("x", f"{problem}; add {file} to it") in found.changes
    both = text.replace("x.env", f"x.env, {file}")
    assert not any(
        "does not get" in why for _, why in imported(tmp_path, both, {"DB": "d"}).changes
    )


def test_only_python_is_a_supervisord(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user may give sudo any name and any variables."""
    daemon = Daemon(None, "supervisorctl", os.getpid())
    monkeypatch.setenv("X", "y")
    assert process.environ_of(daemon)["PATH"] == os.environ["PATH"]
    monkeypatch.setattr(os, "readlink", lambda _path: "/usr/bin/sudo")
    with pytest.raises(WctlError, match="it runs /usr/bin/sudo, expected Python"):
        process.environ_of(daemon)
    monkeypatch.undo()
    with pytest.raises(WctlError, match="supervisord, pid 999999999: No such file"):
        process.environ_of(Daemon(None, "supervisorctl", 999999999))
