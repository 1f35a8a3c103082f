"""runner: commands in a worker's environment, within limits of time and output."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from unit.doctor.programs import program
from wctl.doctor.runner import Identity, Runner
from wctl.trust import accounts


def test_command_has_the_workers_surroundings(tmp_path: Path) -> None:
    """A health_command sees the program's directory and variables, and none of wctl's own."""
    found = program(tmp_path, f'command=true\ndirectory={tmp_path}\nenvironment=A="b c"')
    runner = Runner(found, tmp_path, Identity(), timeout=5, user=True)
    answer = runner.run(["sh", "-c", 'echo "$PWD $A $VIRTUAL_ENV$PYTHONPATH"'])
    assert (answer.code, answer.out) == (0, f"{tmp_path} b c \n")


def test_command_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    """After the timeout, doctor kills the command with its children, and keeps what it wrote."""
    runner = Runner(program(tmp_path, "command=true"), tmp_path, Identity(), timeout=2, user=True)
    child = tmp_path / "child"
    answer = runner.run(
        ["sh", "-c", 'echo begun; sleep 1000 & echo $! >"$1"; wait', "sh", str(child)]
    )
    assert (answer.code, answer.out) == (None, "begun\n")
    stat = Path(f"/proc/{child.read_text().strip()}/stat")
    # The kill is over for the kernel when the signal is sent; the child may still be a zombie.
    deadline = time.monotonic() + 30
    while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_endless_output_ends_with_its_time(tmp_path: Path) -> None:
    """doctor stops a command that writes without end after the timeout."""
    runner = Runner(program(tmp_path, "command=true"), tmp_path, Identity(), timeout=0.5, user=True)
    assert runner.run(["sh", "-c", "yes & yes >&2"]).code is None


def test_of_much_output_the_end_is_kept(tmp_path: Path) -> None:
    """doctor keeps the last megabyte of each stream."""
    runner = Runner(program(tmp_path, "command=true"), tmp_path, Identity(), timeout=60, user=True)
    much = "yes | head -c 3000000; echo end"
    answer = runner.run(["sh", "-c", f"({much}) & ({much}) >&2; wait"])
    assert (answer.code, len(answer.out), len(answer.err)) == (0, 1 << 20, 1 << 20)
    assert answer.out.endswith("y\nend\n") and answer.err.endswith("y\nend\n")


@pytest.mark.parametrize("left", ["sleep 1000 &", "setsid sleep 1000 &", "yes &"])
def test_what_a_command_leaves_behind_is_not_waited_for(tmp_path: Path, left: str) -> None:
    """doctor does not wait for a child that keeps the pipes open, or even goes on writing."""
    runner = Runner(program(tmp_path, "command=true"), tmp_path, Identity(), timeout=60, user=True)
    begun = time.monotonic()
    child = tmp_path / "child"  # not stdout: "yes" may write more than the answer keeps
    answer = runner.run(["sh", "-c", f'{left} echo $! >"$1"; echo 3 >&2', "sh", str(child)])
    assert time.monotonic() - begun < 50  # the command's own limit is 60
    assert (answer.code, answer.err) == (0, "3\n")
    with suppress(ProcessLookupError):  # "yes" ends when no process reads its output
        os.kill(int(child.read_text()), signal.SIGKILL)


def test_child_that_escapes_its_group_is_not_waited_for(tmp_path: Path) -> None:
    """A child in its own session outlives the kill, but doctor does not wait for it."""
    runner = Runner(program(tmp_path, "command=true"), tmp_path, Identity(), timeout=2, user=True)
    begun = time.monotonic()
    answer = runner.run(["sh", "-c", "setsid sleep 1000 & echo $!; sleep 1000"])
    assert time.monotonic() - begun < 60
    assert answer.code is None
    os.kill(int(answer.out), signal.SIGKILL)


def test_command_that_is_not_there(tmp_path: Path) -> None:
    """A command that cannot be run has the exit code 127, as in a shell; the error names it."""
    runner = Runner(program(tmp_path, "command=true"), tmp_path, Identity(), timeout=5, user=True)
    answer = runner.run(["no-such-command"])
    assert answer.code == 127
    assert "no-such-command" in answer.err


def test_directory_that_cannot_be_entered(tmp_path: Path) -> None:
    """A directory that cannot be entered is told like a command that cannot be run."""
    found = program(tmp_path, "command=true\ndirectory=/nonesuch")
    runner = Runner(found, tmp_path, Identity(), timeout=5, user=True)
    answer = runner.run(["true"])
    assert (answer.code, answer.err) == (127, "/nonesuch: No such file or directory")


def test_command_like_a_variable(tmp_path: Path) -> None:
    """A command whose name has a "=" is run, although env would take it for a variable."""
    command = tmp_path / "a=b"
    command.write_text("#!/bin/sh\necho $1\n")
    command.chmod(0o755)
    runner = Runner(program(tmp_path, "command=true"), tmp_path, Identity(), timeout=5, user=True)
    assert runner.run([str(command), "c d"]).out == "c d\n"


def test_a_line_for_root_gives_another_user_a_terminal_of_its_own(tmp_path: Path) -> None:
    """What doctor shows to root for another user's program does not hand root's terminal over.

    Nor does it lead root into the directory, which may be a link of that user.
    """
    another = "daemon" if os.geteuid() == 0 else "root"
    found = program(tmp_path, f"command=true\nuser={another}\ndirectory=/srv")
    account = accounts.find(another)
    runner = Runner(found, tmp_path, Identity(account), timeout=5, user=False)
    shown = f"runuser --pty -u {another} -- env --chdir=/srv -- app 'a b'"
    assert runner.shown(["app", "a b"]) == shown
    runner = Runner(found, tmp_path, Identity(account, "adm"), timeout=5, user=False)
    assert runner.shown(["app", "a b"]) == shown.replace(" -- ", " -g adm -- ", 1)
