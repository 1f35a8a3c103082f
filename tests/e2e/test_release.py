"""debian/release: what it refuses, and what it makes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from machine import package


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A clone of what is committed, with an author."""
    there = tmp_path / "wctl"
    git = ["git", "-c", f"safe.directory={package.TREE}/.git", "clone", "-q"]
    subprocess.run([*git, package.TREE, there], check=True)
    for name in ("user.name", "user.email"):
        subprocess.run(["git", "-C", there, "config", name, "release@wctl.invalid"], check=True)
    return there


def release(tree: Path, version: str, tests: str = "true") -> subprocess.CompletedProcess[str]:
    """Runs debian/release with another command in place of the tests."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        [tree / "debian/release", version],
        env={**os.environ, "PATH": path, "RELEASE_TESTS": tests},
        capture_output=True,
        text=True,
        check=False,
    )


def news(tree: Path, version: str) -> None:
    """Commits a section of wctl.news(7)."""
    page = tree / "pkg/man/wctl.news.7"
    page.write_text(page.read_text() + f'.SH "CHANGES IN {version}"\nMuch.\n')
    subprocess.run(["git", "-C", tree, "commit", "-qam", "News"], check=True)


def git(tree: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", tree, *arguments], stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def test_refusals_are_one_line_and_change_nothing(tree: Path) -> None:
    """debian/release refuses bad versions, versions without news, older ones, and changed trees."""
    before = git(tree, "rev-parse", "HEAD")
    for version, why in (
        ("1.2", "expected a version such as 1.2.3, not '1.2'"),
        ("9.9.9", 'pkg/man/wctl.news.7: has no section "CHANGES IN 9.9.9"'),
    ):
        done = release(tree, version)
        assert (done.returncode, done.stderr) == (1, f"debian/release: {why}\n")
    (tree / "README.md").write_text("")
    assert "not committed" in release(tree, "9.9.9").stderr
    git(tree, "checkout", "-q", "README.md")
    assert (git(tree, "rev-parse", "HEAD"), git(tree, "status", "--porcelain")) == (before, "")
    news(tree, "0.0.1")
    before = git(tree, "rev-parse", "HEAD")
    assert "0.0.1 is older than" in release(tree, "0.0.1").stderr
    assert (git(tree, "rev-parse", "HEAD"), git(tree, "status", "--porcelain")) == (before, "")


@pytest.mark.full
def test_release_is_tagged_when_all_is_built(tree: Path) -> None:
    """Failed tests leave a commit and no tag; a second call builds everything, and tags it."""
    news(tree, "9.9.9")
    assert release(tree, "9.9.9", tests="false").returncode == 1
    assert (git(tree, "tag"), git(tree, "log", "-1", "--format=%s")) == ("", "wctl 9.9.9\n")
    done = release(tree, "9.9.9")
    assert done.returncode == 0, done.stderr
    assert git(tree, "tag") == "v9.9.9\n"
    made = sorted(path.name for path in (tree / "dist").iterdir())
    assert made == ["wctl-9.9.9-py3-none-any.whl", "wctl-9.9.9.tar.gz", "wctl_9.9.9_all.deb"]
