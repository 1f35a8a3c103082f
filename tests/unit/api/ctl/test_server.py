"""server: whom -s URL and -c FILE address."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from unit.api.workers import Workers
from wctl.api.ctl import server
from wctl.errors import ConfigError, Exit, WctlError
from wctl.supervisor import migration

A, B, C = (f"[program:{name}]\ncommand=true\n" for name in "abc")


@pytest.fixture(autouse=True)
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Host names are not case-sensitive, but the kernel keeps the administrator's capitals."""
    monkeypatch.setattr(socket, "gethostname", lambda: "Queue1.example.com")


def problem(url: str) -> str:
    """Returns why a URL is refused; "" if it is accepted."""
    try:
        server.check(url)
    except WctlError as error:
        assert error.exit_code == Exit.USAGE
        return error.message
    return ""


@pytest.mark.parametrize(
    "url",
    [
        "unix:///run/supervisor.sock",
        "unix:///tmp/[x",
        "http://localhost:9001",
        "http://LocalHost",
        "HTTP://localhost:9001/",
        "http://user:word@localhost:9001/RPC2",
        "http://127.0.0.1:9001",
        "http://127.0.0.2",
        "http://0.0.0.0:9001",
        "http://[::1]:9001",
        "http://[::]:9001",
        "http://[0:0:0:0:0:0:0:1]",
        "http://queue1:9001",
        "http://Queue1.Example.com:9001",
        "http://localhost:99999",  # the port is not asked
    ],
)
def test_urls_of_this_machine(url: str) -> None:
    """A script that names the local Supervisor, by socket, name or address, goes on as it is."""
    assert problem(url) == ""


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://queue2:9001", "queue2"),
        ("http://queue1.example.net", "queue1.example.net"),
        ("http://localhost.example.com", "localhost.example.com"),
        ("http://192.0.2.1:9001", "192.0.2.1"),
        ("http://user:word@192.0.2.1:9001", "192.0.2.1"),
        ("http://127.1:9001", "127.1"),  # short for 127.0.0.1, but wctl does not know that
        ("http://[2001:db8::1]:9001", "2001:db8::1"),
        ("http://[fe80::1%25eth0]:9001", "fe80::1%25eth0"),
        ("http://localhost@192.0.2.1:9001", "192.0.2.1"),
        ("http://a\0b", "a\0b"),
        ("http://\udcff", "\udcff"),  # how Python reads a byte that is not UTF-8
    ],
)
def test_urls_of_other_machines(url: str, host: str) -> None:
    """wctl does nothing here that was meant for another machine, and asks no name server."""
    with pytest.raises(WctlError, match="is another machine") as caught:
        server.check(url)
    assert caught.value.exit_code == Exit.USAGE
    assert caught.value.hint == f"run it there, for example with ssh {host}"


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost:9001", "localhost:9001", "localhost", "", "http://", "http:///path",
        "http:", "http://[::1", "http://:9001", "ftp://localhost", "/run/supervisor.sock",
    ],
)  # fmt: skip
def test_what_is_no_url_of_a_supervisor(url: str) -> None:
    """Supervisor has two kinds of URLs."""
    expected = "not the URL of a Supervisor, expected unix:///PATH or http://HOST:PORT"
    assert problem(url) == f"{url}: {expected}"


PROBE = """
import sys
from wctl.api.ctl import server
print(*(server._is_here(host) for host in sys.argv[1:]))
"""


@pytest.mark.skipif(
    shutil.which("ip") is None or not os.access("/proc/sys/net/ipv4/ip_forward", os.W_OK),
    reason="a network of its own needs ip, and root who may set it up",
)
@pytest.mark.parametrize("anywhere", [0, 1])
def test_addresses_of_this_machine(anywhere: int) -> None:
    """Its own addresses are its own, and no others, even where programs may bind to any address."""
    own, others = ["10.9.0.5", "fd00::5", "FD00:0::5"], ["10.9.0.77", "192.0.2.1", "fd00::77"]
    commands = (
        "ip link set lo up && ip addr add 10.9.0.5/32 dev lo && ip -6 addr add fd00::5/128 dev lo"
        " && ip route add unreachable 192.0.2.0/24"
        f" && for of in 4 6; do echo {anywhere} >/proc/sys/net/ipv$of/ip_nonlocal_bind; done"
        ' && exec "$@"'
    )
    probe = [sys.executable, "-c", PROBE, *own, *others]
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", commands, "sh", *probe],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(server.__file__).parents[3])},
    )
    assert done.stdout.split() == ["True"] * len(own) + ["False"] * len(others)


def chosen(file: Path) -> Workers:
    """Returns what supervisorctl -c FILE acts on."""
    workers = Workers()
    server.choose(workers.session, file)
    return workers


def install(file: Path, text: str) -> None:
    """Installs the programs of a file elsewhere."""
    file.write_text(text)
    other = Workers()
    other.session.files = [file]
    other.groups.update()


@pytest.fixture
def file(workers: Workers, tmp_path: Path) -> Path:
    """A file elsewhere; the user's own configuration has the program a."""
    workers.have(A)
    return tmp_path / "supervisord.conf"


def test_a_file_stands_for_its_own_programs(file: Path) -> None:
    """Programs that were installed from the file are its processes, whatever it has now."""
    install(file, B + C)
    file.write_text(A + C)
    workers = chosen(file)
    assert workers.names() == ["b", "c"]
    assert workers.groups.known() == {"b", "c"}


def test_a_file_of_which_nothing_is_installed(file: Path) -> None:
    """The file is new: it has no process yet, and update installs its programs."""
    file.write_text(B)
    workers = chosen(file)
    assert workers.names() == []
    code, shown = workers.run("status")
    command = f"wctl --user -c {file} update"
    assert (code, shown) == (4, f"{file}: none of its programs is installed (run '{command}')\n")
    assert workers.run("shutdown") == (1, shown)
    assert workers.run("update") == (0, "b: added process group\n")
    assert workers.names() == ["b"]


def test_a_file_that_was_imported(file: Path) -> None:
    """Its programs came from wctl's own configuration, so supervisorctl goes by that one."""
    file.write_text(A + B)
    workers = chosen(file)
    assert workers.names() == ["a"]
    assert workers.run("avail")[1].split()[0] == "a"
    assert workers.session.files == []


def test_a_file_that_was_imported_stands_for_its_own_names(file: Path) -> None:
    """It means no other program, unless it is the file that supervisorctl takes by itself."""
    ours = Workers()
    ours.write(B, "b")
    ours.groups.update()
    file.write_text(A)
    workers = chosen(file)
    assert workers.names() == ["a"]
    assert workers.run("stop b") == (1, "b: ERROR (no such process)\n")
    assert workers.run("reread") == (0, "No config updates to processes\n")


def test_the_file_that_supervisorctl_takes_by_itself(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It means what supervisorctl means without it, also what was added since the import."""
    ours = Workers()
    ours.write(B, "b")
    ours.groups.update()
    file.write_text(A)
    monkeypatch.setattr(migration, "PLACES", (str(file),))
    assert chosen(file).names() == ["a", "b"]


def test_a_file_that_includes_ours(file: Path) -> None:
    """A Supervisor may read wctl's files, too: wctl goes by its own configuration and defaults."""
    ours = Workers().session.layout.configuration
    file.write_text(f"[supervisord]\n[include]\nfiles={ours}/*.conf {ours}/conf.d/*.conf\n")
    workers = chosen(file)
    assert workers.names() == ["a"]
    assert workers.session.files == []
    assert workers.run("update") == (0, "")


@pytest.mark.parametrize("directory", ["conf.d/../conf.d", "link"])
def test_a_file_of_ours_by_another_path(file: Path, directory: str) -> None:
    """It stands for its own programs alone, however the user writes its path."""
    ours = Workers()
    ours.write(B, "b")
    ours.groups.update()
    configuration = ours.session.layout.configuration
    (configuration / "link").symlink_to("conf.d")
    assert chosen(configuration / directory / "b.conf").names() == ["b"]


@pytest.mark.parametrize("text", ["", "[supervisorctl]\nserverurl=unix:///run/s.sock\n"])
def test_a_file_for_the_client_alone(file: Path, text: str) -> None:
    """It has no programs, and only tells where Supervisor is: wctl takes Supervisor's place."""
    file.write_text(text)
    assert chosen(file).names() == ["a"]


def test_a_file_that_does_not_exist(file: Path) -> None:
    """It is a mistake of the command line, as to Supervisor."""
    with pytest.raises(WctlError, match=rf"^{file}: .*: No such file or directory$") as caught:
        chosen(file)
    assert caught.value.exit_code == Exit.USAGE


def test_a_file_that_cannot_be_read(file: Path) -> None:
    """Nothing is done then to the programs of wctl's own configuration."""
    file.mkdir()
    with pytest.raises(WctlError, match=rf"^{file}: .*: Is a directory$") as caught:
        chosen(file)
    assert caught.value.exit_code == Exit.USAGE


def test_a_file_with_errors_does_not_mean_all_programs(file: Path) -> None:
    """A file whose programs cannot be told is no file without programs."""
    file.write_text("what\n")
    with pytest.raises(ConfigError, match="1 error in the configuration"):
        chosen(file)
    for text in ("[program:b]\n", B + "what\n"):
        file.write_text(text)
        assert chosen(file).names() == []
