"""files: what is renamed is not lost."""

from __future__ import annotations

from pathlib import Path

from wctl.install.files import set_aside


def test_files_that_are_set_aside_keep_each_text(tmp_path: Path) -> None:
    """The same text takes the place of itself; an older file with other text stays."""
    file = tmp_path / "x.conf"
    for text in ("one", "two", "two", "one", "three"):
        file.write_text(text)
        aside = set_aside(file)
        assert (aside.read_text(), file.exists()) == (text, False)
    found = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert found == {"x.conf.back": "one", "x.conf.back.2": "two", "x.conf.back.3": "three"}
