"""files: what is renamed is not lost, and what a killed command left is not kept."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from wctl.errors import WctlError
from wctl.install.files import delete_leftovers, set_aside, write_file


def test_files_that_are_set_aside_keep_each_text(tmp_path: Path) -> None:
    """The same text takes the place of itself; an older file with other text stays."""
    file = tmp_path / "x.conf"
    for text in ("one", "two", "two", "one", "three"):
        file.write_text(text)
        aside = set_aside(file)
        assert (aside.read_text(), file.exists()) == (text, False)
    found = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert found == {"x.conf.back": "one", "x.conf.back.2": "two", "x.conf.back.3": "three"}


def test_leftovers(tmp_path: Path) -> None:
    """Only temporary files of these files go; what keeps one from going is told in one line."""
    names = [".x.conf.abcd1234", ".y.conf.abcd1234", ".x.conf.swp", "x.conf", "x.conf.abcd1234"]
    for name in names:
        (tmp_path / name).touch()
    delete_leftovers([tmp_path / "x.conf", tmp_path / "none" / "x.conf"])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])
    (tmp_path / ".x.conf.dcba4321").mkdir()
    for path, why in (
        (tmp_path / "x.conf", r"/\.x\.conf\.dcba4321: Is a directory"),
        (tmp_path / "x.conf" / "z.conf", "/x.conf: Not a directory"),
    ):
        with pytest.raises(WctlError, match=why):
            delete_leftovers([path])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to other users")
def test_a_file_keeps_its_owner(tmp_path: Path) -> None:
    """What replaces a file is as readable as the file was, and belongs to the same user."""
    file = tmp_path / "x.conf"
    file.write_text("old")
    file.chmod(0o640)
    os.chown(file, 12345, 12346)
    write_file(file, b"\xff", like=file.stat())
    found = file.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (12345, 12346, 0o640)
    assert file.read_bytes() == b"\xff"
