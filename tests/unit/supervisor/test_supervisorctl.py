"""supervisorctl: what wctl asks a running Supervisor, and what the answers mean."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wctl.config import load
from wctl.errors import WctlError
from wctl.supervisor.supervisorctl import Supervisorctl

# Answers like a supervisord whose processes stop and start at once.
STAND_IN = """#!/bin/sh
cd "$(dirname "$0")"
shift 2
echo "$*" >> asked
case $1 in
  status) cat states; exit $(cat code) ;;
  stop) sed -i 's/RUNNING .*/STOPPED/' states ;;
  start) sed -i 's/STOPPED/RUNNING/' states ;;
esac
"""
STATES = """g:one                            RUNNING   pid 7, uptime 0:00:10
g:two                            RUNNING   pid 8, uptime 0:00:10
h:three                          RUNNING   pid 9, uptime 0:00:10
h:four                           RUNNING   pid 10, uptime 0:00:10
five                             FATAL     Exited too quickly (process log may have details)
"""


def supervisor(directory: Path, states: str = STATES, code: int = 3) -> Supervisorctl:
    """Returns a client of the stand-in."""
    (directory / "states").write_text(states)
    (directory / "code").write_text(str(code))
    path = directory / "supervisorctl"
    path.write_text(STAND_IN)
    path.chmod(0o755)
    return Supervisorctl(Path("/s.conf"), str(path))


def test_states_are_the_first_two_fields(tmp_path: Path) -> None:
    """wctl reads the name and state of every process, whatever else its line says."""
    assert supervisor(tmp_path).states() == {
        "g:one": "RUNNING",
        "g:two": "RUNNING",
        "h:three": "RUNNING",
        "h:four": "RUNNING",
        "five": "FATAL",
    }
    assert supervisor(tmp_path, states="", code=0).states() == {}


def test_a_whole_group_is_stopped_at_once(tmp_path: Path) -> None:
    """wctl names a whole group as GROUP:*, and otherwise single processes.

    supervisorctl stops single processes one after the other, but a group at once.
    """
    client = supervisor(tmp_path)
    client.stop(["g:one", "g:two", "h:three"])
    assert "stop g:* h:three\n" in (tmp_path / "asked").read_text()


def test_what_did_not_happen_is_an_error(tmp_path: Path) -> None:
    """A start or stop has failed if the states afterwards say so, whatever supervisorctl prints."""
    client = supervisor(tmp_path)
    with pytest.raises(WctlError, match="supervisorctl start: exit code 0"):
        client.start(["five"])
    stuck = STAND_IN.replace("sed -i 's/RUNNING .*/STOPPED/' states", "echo 'ERROR: busy'")
    (tmp_path / "supervisorctl").write_text(stuck)
    with pytest.raises(WctlError, match="supervisorctl stop: ERROR: busy"):
        client.stop(["h:four"])


def test_what_stops_already_is_waited_for(tmp_path: Path) -> None:
    """supervisorctl refuses to stop it again, and does not wait: the end of it counts."""
    client = supervisor(tmp_path, STATES.replace("RUNNING   pid 9", "STOPPING  x"))
    busy = STAND_IN.replace("sed -i 's/RUNNING .*/STOPPED/' states", "echo 'ERROR (not running)'")
    twice = (
        "status) if [ $(grep -c status asked) = 3 ]; then sed -i s/STOPPING/STOPPED/ states; fi;"
    )
    (tmp_path / "supervisorctl").write_text(busy.replace("status)", twice))
    client.stop(["h:three"])
    assert (tmp_path / "asked").read_text().splitlines()[-2:] == ["status", "status"]


@pytest.mark.parametrize(
    ("states", "code", "message"),
    [
        ("unix:///s refused connection\n", 4, "supervisorctl status: unix:///s refused connection"),
        ("error: no such file\n", 1, "supervisorctl status: error: no such file"),
    ],
)
def test_no_answer_is_an_error(tmp_path: Path, states: str, code: int, message: str) -> None:
    """The error is supervisorctl's first line, with the exit code 4 of an unreachable systemd."""
    with pytest.raises(WctlError, match=message) as caught:
        supervisor(tmp_path, states, code).states()
    assert caught.value.exit_code == 4
    with pytest.raises(WctlError, match="/nonesuch: no such command"):
        Supervisorctl(Path("/s.conf"), "/nonesuch").states()


def test_what_supervisord_says_about_itself(tmp_path: Path) -> None:
    """wctl takes a process ID, and groups that were edited; anything else is an error."""
    client = supervisor(tmp_path)
    answer = STAND_IN.replace("status)", "pid) echo 17 ;;\n  reread) cat reread ;;\n  status)")
    (tmp_path / "supervisorctl").write_text(answer)
    assert client.pid() == 17
    (tmp_path / "reread").write_text("No config updates to processes\n")
    assert client.edited() == {}
    (tmp_path / "reread").write_text("g: changed\nnew: available\nold: disappeared\n")
    assert client.edited() == {"g": "changed", "new": "available", "old": "disappeared"}
    (tmp_path / "reread").write_text("ERROR: CANT_REREAD: no section\n")
    with pytest.raises(WctlError, match="supervisorctl reread: ERROR: CANT_REREAD: no section"):
        client.edited()
    (tmp_path / "supervisorctl").write_text(answer.replace("17", "unix:///s no such file"))
    with pytest.raises(WctlError, match="supervisorctl pid: unix:///s no such file"):
        client.pid()


def test_what_runs_is_not_started_again(tmp_path: Path) -> None:
    """wctl starts what is down, waits for what starts, and fails for what fails."""
    client = supervisor(tmp_path, STATES.replace("RUNNING   pid 9", "STOPPED   pid 9"))
    client.run(["g:one", "h:three"])
    assert "start h:three\n" in (tmp_path / "asked").read_text()
    (tmp_path / "asked").unlink()
    client.run(["g:one", "h:three"])
    assert (tmp_path / "asked").read_text() == "status\n"
    slow = STAND_IN.replace("STOPPED/RUNNING", "STOPPED/STARTING").replace(
        "status)", 'status) if grep -c start asked | grep -q 1 && grep -q -x "status" asked; then'
        " sed -i s/STARTING/RUNNING/ states; fi;"
    )  # fmt: skip
    (tmp_path / "supervisorctl").write_text(slow)
    (tmp_path / "states").write_text("a STOPPED x\n")
    client.run(["a"])
    with pytest.raises(WctlError, match="supervisorctl start: exit code 0"):
        supervisor(tmp_path).run(["five"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to lose")
def test_root_runs_only_what_root_alone_can_change(tmp_path: Path) -> None:
    """supervisorctl and its configuration must be root's, with all directories."""
    client = supervisor(tmp_path)
    client.states()
    control = tmp_path / "supervisorctl"
    os.chown(control, 12345, 0)
    with pytest.raises(WctlError, match=r"user 12345 can change .*supervisorctl"):
        client.states()
    os.chown(control, 0, 0)
    main = tmp_path / "s.conf"
    main.write_text("[supervisorctl]\n")
    main.chmod(0o666)
    with pytest.raises(WctlError, match=r"every user can change .*s\.conf"):
        Supervisorctl(main, str(control)).states()
    assert (tmp_path / "asked").read_text() == "status\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to lose")
@pytest.mark.parametrize("first", ["#!{}/sh", "#! /usr/bin/env -S A=1 theirs -u"])
def test_root_runs_no_interpreter_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """The program in the first line of supervisorctl must be root's, too, as env finds it."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 12345, 0)
    for name in ("sh", "theirs"):
        (theirs / name).symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", f"{theirs}:{os.environ['PATH']}")
    client = supervisor(tmp_path)
    control = tmp_path / "supervisorctl"
    control.write_text(STAND_IN.replace("#!/bin/sh", first.format(theirs)))
    with pytest.raises(WctlError, match=r"user 12345 can change .*/theirs"):
        client.states()
    assert not (tmp_path / "asked").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to lose")
def test_root_runs_only_what_it_has_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The supervisorctl that PATH leads to is judged like a path, links included."""
    client = supervisor(tmp_path)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 12345, 0)
    (tmp_path / "supervisorctl").rename(theirs / "supervisorctl")
    (tmp_path / "supervisorctl").symlink_to(theirs / "supervisorctl")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    client = Supervisorctl(Path("/s.conf"))
    with pytest.raises(WctlError, match=r"user 12345 can change .*/theirs"):
        client.states()
    assert not (theirs / "asked").exists()


def test_supervisorctl_gets_the_address_alone(tmp_path: Path) -> None:
    """Of a configuration, supervisorctl sees where supervisord listens; it would import plugins."""
    control = tmp_path / "supervisorctl"
    control.write_text(f'#!/bin/sh\ncp "$2" {tmp_path}/seen\necho x RUNNING\n')
    control.chmod(0o755)
    main = tmp_path / "s.conf"
    (tmp_path / "more.conf").write_text("[ctlplugin:x]\nsupervisor.ctl_factory = a:b\n")
    rest = "[include]\nfiles=more.conf\n[ctlplugin:y]\nsupervisor.ctl_factory = a:b\n"
    for text, address in (
        (
            "[supervisorctl]\nserverurl=http://%(host_node_name)s:1/\nusername=u\npassword=p%%w\n",
            f"serverurl=http://{platform.node()}:1/\nusername=u\npassword=p%%w\n",
        ),
        ("[supervisorctl]\n", ""),
    ):
        main.write_text(text + rest)
        assert Supervisorctl(main, str(control)).states() == {"x": "RUNNING"}
        assert (tmp_path / "seen").read_text() == f"[supervisorctl]\n{address}"


@contextmanager
def listening(path: Path) -> Iterator[None]:
    """Listens at a socket, as supervisord does."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        yield


ASKS = """#!/usr/bin/python3 -IS
import socket, sys
url = open(sys.argv[2]).read().split("serverurl=unix://")[1].split("\\n")[0]
socket.socket(socket.AF_UNIX).connect(url)
print("x RUNNING", file=open(sys.argv[0] + ".asked", "w"))
print("x RUNNING")
"""


def asking(directory: Path, text: str, timeout: float = 30.0) -> Supervisorctl:
    """Returns a client that connects to the socket of a configuration."""
    control = directory / "supervisorctl"
    control.write_text(ASKS)
    control.chmod(0o755)
    (directory / "s.conf").write_text(text)
    return Supervisorctl(directory / "s.conf", str(control), timeout)


@pytest.mark.parametrize(
    "text",
    [
        "[unix_http_server]\nfile=%(here)s/s.sock\n",
        "[supervisorctl]\nserverurl=unix://%(here)s/../{}/s.sock\n",
    ],
)
def test_supervisorctl_gets_the_socket_that_was_examined(tmp_path: Path, text: str) -> None:
    """supervisorctl connects to the socket whose listener wctl knows, whatever its path."""
    client = asking(tmp_path, text.format(tmp_path.name))
    with listening(tmp_path / "s.sock"):
        assert client.states() == {"x": "RUNNING"}
    (tmp_path / "supervisorctl.asked").unlink()
    message = r"supervisord does not answer: .*s\.sock: Connection refused"
    with pytest.raises(WctlError, match=message) as caught:
        client.states()
    assert caught.value.exit_code == 4
    assert not (tmp_path / "supervisorctl.asked").exists()


def test_a_supervisord_that_hangs_has_a_limit(tmp_path: Path) -> None:
    """A stop may take as long as all its processes may take, and some seconds."""
    options = "command=a\nstopwaitsecs=1\nstartsecs=0\n"
    (tmp_path / "x.conf").write_text(f"[program:x]\n{options}[program:y]\n{options}")
    programs = load.load([tmp_path / "x.conf"], {}).programs
    supervisor(tmp_path)
    control = tmp_path / "supervisorctl"
    control.write_text(STAND_IN.replace("stop)", "stop|start) exec sleep 1000 ;;\n no)"))
    client = Supervisorctl(Path("/s.conf"), str(control), 0.5, programs)
    with pytest.raises(WctlError, match=r"supervisord did not answer 'stop x y' within 2\.5 s"):
        client.stop(["x", "y"])
    with pytest.raises(WctlError, match=r"supervisord did not answer 'start x' within 0\.5 s"):
        client.start(["x"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to lose")
@pytest.mark.parametrize(("options", "answers"), [("", False), ("[supervisord]\nuser=1\n", True)])
def test_only_supervisords_user_is_asked(tmp_path: Path, options: str, answers: bool) -> None:
    """A socket at which another user listens gets no password, and cannot keep wctl waiting."""
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents:
        parent.chmod(parent.stat().st_mode | 0o011)
    script = "import os, socket, sys; os.setuid(1); s = socket.socket(socket.AF_UNIX)"
    script += "; s.bind(sys.argv[1]); s.listen(); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script, str(tmp_path / "s.sock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None and server.stdout.readline() == b"\n"
        tmp_path.chmod(0o755)
        client = asking(tmp_path, f"{options}[unix_http_server]\nfile=%(here)s/s.sock\n")
        if answers:
            assert client.states() == {"x": "RUNNING"}
        else:
            with pytest.raises(WctlError, match=r"user daemon listens at .*, so wctl sends"):
                client.states()
            assert not (tmp_path / "supervisorctl.asked").exists()
        server.communicate(b"")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to lose")
def test_included_files_of_others_name_no_address(tmp_path: Path) -> None:
    """The owner of an included file could have root's password sent to any port."""
    text = "[supervisorctl]\nusername=u\npassword=p\n[include]\nfiles=theirs.conf\n"
    client = asking(tmp_path, text)
    theirs = tmp_path / "theirs.conf"
    theirs.write_text("[supervisorctl]\nserverurl=http://127.0.0.1:9\n")
    os.chown(theirs, 12345, 0)
    with pytest.raises(WctlError, match=r"theirs\.conf:2: .*user 12345 can change"):
        client.states()
