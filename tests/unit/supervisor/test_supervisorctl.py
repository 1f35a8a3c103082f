"""supervisorctl: what a Supervisor that still runs is asked, and what its answers mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from wctl.errors import WctlError
from wctl.supervisor.supervisorctl import Supervisorctl

# Answers as a supervisord would whose processes stop, and start, at once.
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
    """Of every process, whatever else its line says."""
    assert supervisor(tmp_path).states() == {
        "g:one": "RUNNING",
        "g:two": "RUNNING",
        "h:three": "RUNNING",
        "h:four": "RUNNING",
        "five": "FATAL",
    }
    assert supervisor(tmp_path, states="", code=0).states() == {}


def test_a_whole_group_is_stopped_at_once(tmp_path: Path) -> None:
    """By names its processes would be stopped one after the other; of a part, they have to be."""
    client = supervisor(tmp_path)
    client.stop(["g:one", "g:two", "h:three"])
    assert "stop g:* h:three\n" in (tmp_path / "asked").read_text()


def test_what_did_not_happen_is_an_error(tmp_path: Path) -> None:
    """The states afterwards count, not what was printed."""
    client = supervisor(tmp_path)
    with pytest.raises(WctlError, match="supervisorctl start: exit code 0"):
        client.start(["five"])
    stuck = STAND_IN.replace("sed -i 's/RUNNING .*/STOPPED/' states", "echo 'ERROR: busy'")
    (tmp_path / "supervisorctl").write_text(stuck)
    with pytest.raises(WctlError, match="supervisorctl stop: ERROR: busy"):
        client.stop(["h:four"])


@pytest.mark.parametrize(
    ("states", "code", "message"),
    [
        ("unix:///s refused connection\n", 4, "supervisorctl status: unix:///s refused connection"),
        ("error: no such file\n", 1, "supervisorctl status: error: no such file"),
    ],
)
def test_no_answer_is_an_error(tmp_path: Path, states: str, code: int, message: str) -> None:
    """supervisorctl's own first line says why; 4 as for a systemd that cannot be reached."""
    with pytest.raises(WctlError, match=message) as caught:
        supervisor(tmp_path, states, code).states()
    assert caught.value.exit_code == 4
    with pytest.raises(WctlError, match="/nonesuch: No such file or directory"):
        Supervisorctl(Path("/s.conf"), "/nonesuch").states()
