"""edit: which files it opens."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unit.cli.test_app import run

CONFIGURATION = "[program:mailer]\ncommand=sleep 1000\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to other users")
def test_root_edits_nothing_in_the_directory_of_another_user(tmp_path: Path) -> None:
    """The user could put a link in the place of the directory while root's editor is open."""
    place = tmp_path / "bin"
    place.mkdir()
    file, link = place / "x.conf", tmp_path / "link.conf"
    file.write_text(CONFIGURATION)
    link.symlink_to(file)
    os.chown(place, 2, 2)
    for path in (file, link):
        refused = run("-c", str(path), "edit", EDITOR="echo edited >", VISUAL=None)
        assert (refused.returncode, refused.stdout) == (1, "")
        said = f"wctl: {file}: root does not edit it, because user bin can change {place}\n"
        assert refused.stderr.startswith(said), refused.stderr
    assert file.read_text() == CONFIGURATION


def test_what_is_no_program(tmp_path: Path) -> None:
    """The nearest name is shown, as of every other command; a blank is no editor's command."""
    file = tmp_path / "x.conf"
    file.write_text(CONFIGURATION)
    refused = run("-c", str(file), "edit", "mialer")
    said = "wctl: mialer: no such program in a file, did you mean mailer?\n"
    assert (refused.returncode, refused.stderr) == (4, said)
    blank = run("-c", str(file), "edit", VISUAL=" ", EDITOR="true")
    assert (blank.returncode, blank.stdout) == (0, "nothing has changed\n")
