"""daemons: what wctl learns from the command line of a supervisord."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from wctl.supervisor import daemons


@pytest.mark.parametrize(
    ("words", "file"),
    [
        ("supervisord -n -c /a/b.conf", "/a/b.conf"),
        ("supervisord -cb.conf", "/srv/b.conf"),
        ("supervisord --configuration=b.conf", "/srv/b.conf"),
        ("supervisord --configuration ../b.conf -n", "/srv/../b.conf"),
    ],
)
def test_configuration_of_a_supervisord(words: str, file: str) -> None:
    """The configuration is the file of the option -c, relative to supervisord's directory."""
    assert daemons._configuration(words.split(), Path("/srv")) == Path(file)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to lose")
def test_a_refused_supervisorctl_has_no_substitute(tmp_path: Path) -> None:
    """If others can change the supervisorctl beside supervisord, wctl asks by no other one."""
    for name in ("supervisord", "supervisorctl"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    os.chown(tmp_path / "supervisorctl", 12345, 0)
    words = (f"{tmp_path}/supervisord", "-c", "/etc/s.conf")
    found = daemons._daemon(words, Path("/"), 1, "", at_boot=False)
    assert found.control == f"{tmp_path}/supervisorctl"
    assert found.doubt == f"user 12345 can change {tmp_path}/supervisorctl"


def test_a_directory_that_is_gone(tmp_path: Path) -> None:
    """A process may put a link to itself where /proc says that its removed directory is."""
    gone = tmp_path / "gone"
    gone.mkdir()
    # Popen() returns before /proc shows the new command line, so wait for its first line.
    command = ["supervisord", "-c", "echo runs; read line"]
    with subprocess.Popen(
        command, executable="/bin/sh", cwd=gone, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == b"runs\n"
            gone.rmdir()
            (tmp_path / "gone (deleted)").symlink_to("gone (deleted)")
            assert process.pid in [alive.pid for alive in daemons._alive()]
        finally:
            process.kill()
