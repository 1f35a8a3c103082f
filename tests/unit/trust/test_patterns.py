"""patterns: the files that glob(3) finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from wctl.trust import patterns

NAMES = (".dot", "A", "a", "b*", "b1", "b[", "bb", "c\\d", "d]", "e-", "ü")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Files with names that patterns have to tell apart."""
    for name in NAMES:
        (tmp_path / name).touch()
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a", "a"),
        ("nothing", ""),
        ("*", "A a b* b1 b[ bb c\\d d] dangling e- sub ü"),
        (".*", ".dot"),
        ("?", "A a ü"),
        ("b?", "b* b1 b[ bb"),
        ("b\\*", "b*"),
        ("b[*]", "b*"),
        ("b[", "b["),
        ("b[[]", "b["),
        ("d[]x]", "d]"),
        ("[!a-z]", "A ü"),
        ("[^a-z]", "A ü"),
        ("b[0-9b]", "b1 bb"),
        ("[z-a]", ""),
        ("e[+-]", "e-"),
        ("c\\\\d", "c\\d"),
        ("c[\\\\]d", "c\\d"),
        ("c*\\", ""),
        ("d*", "d] dangling"),
        ("*/a", "sub/a"),
        ("s?b/[a]", "sub/a"),
        ("a/*", ""),
        ("sub/**", "sub/a"),
    ],
)
def test_matching(directory: Path, pattern: str, expected: str) -> None:
    """Wildcards, ranges and backslashes are those of glob(7); names come in the order of bytes."""
    found = patterns.matching(f"{directory}/{pattern}")
    assert [path[len(f"{directory}/") :] for path in found] == expected.split()
