"""commands: what env(1) says when it cannot run a command, in our words; and editors."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from wctl.trust import commands
from wctl.trust.commands import Answer, without_env

QUOTED = "/usr/bin/env: '/opt/no': No such file or directory\n"  # coreutils 9.1, LANG=C
CURLED = "env: \u2018/opt/no\u2019: No such file or directory\n"  # coreutils 9.7, LANG=C.UTF-8
ENTERED = "env: cannot change directory to '/srv/x': Permission denied\n"


@pytest.mark.parametrize("said", [QUOTED, CURLED])
def test_a_command_that_is_not_there(said: str) -> None:
    """The error names the command as a shell would, whichever env has said it."""
    found = without_env(Answer(127, "", said), "/srv/x", "/opt/no")
    assert found == Answer(127, "", "/opt/no: No such file or directory")


@pytest.mark.parametrize("name", ["env", "/usr/bin/env"])
def test_a_directory_that_cannot_be_entered(name: str) -> None:
    """The error names the directory, and the command counts as one that cannot be run."""
    said = ENTERED.replace("env", name, 1)
    found = without_env(Answer(125, "", said), "/srv/x", "app")
    assert found == Answer(127, "", "/srv/x: Permission denied")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(127, "", QUOTED),  # an interpreter that the command names
        Answer(125, "", "env: invalid option -- 'Z'\n"),
        Answer(127, "", "app: /opt/no: No such file or directory\n"),
        Answer(1, "", "env: app: failed\n"),
        Answer(0, "", ""),
    ],
)
def test_what_the_command_says_stays(answer: Answer) -> None:
    """What the command, or what it runs, has written is its own."""
    assert without_env(answer, "/srv/x", "app") == answer


def test_ctrl_c_belongs_to_the_editor(tmp_path: Path) -> None:
    """wctl gets the signal of Ctrl-C, and the shell; the editor, and what it has not saved, lives.

    The editor itself may end of it: it does not ignore the signal unless it wants to.
    """
    before = signal.getsignal(signal.SIGINT)
    file = tmp_path / "w.conf"
    parent = "kill -INT $PPID; echo edited >"
    for editor in (parent, f"sh -c '{parent}$1' editor"):  # of which wctl is the parent, or a shell
        assert commands.edit(editor, str(file), 1) == 0
        assert file.read_text() == "edited\n"
        file.unlink()
    assert commands.edit("sh -c 'kill -INT $$'", str(file), 1) == 130
    assert signal.getsignal(signal.SIGINT) is before
