"""blame: an error of one program, group or file says nothing about the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.config.configured import ENVIRON, X, Y, configured
from wctl.config.blame import blame, members, of_programs
from wctl.config.load import load

BAD = "[program:bad]\ncommand=a\nautostart=maybe\n"
GROUP = "[group:g]\nprograms=x,nosuch\n"


@pytest.mark.parametrize(
    ("text", "everything", "programs", "groups"),
    [
        (X, 0, [], []),
        (BAD + X, 0, ["bad"], []),
        ("[program: bad ]\n" + X, 0, ["bad"], []),
        ("[fcgi-program:f]\ncommand=a\n", 0, ["f"], []),
        (f"{X}[fcgi-program:x]\ncommand=a\nsocket=tcp://a:1\n", 0, ["x"], []),
        ("[program:a b]\ncommand=a\n", 0, ["a b"], []),
        (f"{X}requires=nosuch\n{Y}", 0, ["x"], []),
        (X + GROUP, 0, [], ["g"]),
        (f"{X}[group:g]\nprograms=%(ENV_NO)s\n", 0, [], ["g"]),
        (f"{X}[group:x]\nprograms=x\n[group:g]\nprograms=x\n", 0, [], ["g"]),
        (f"{X}[group:g]\nprograms=x\npriority=high\n", 0, [], ["g"]),
        (f"{X}[supervisord]\numask=9\n", 1, [], []),
        (f"{X}[include]\n", 1, [], []),
        # Each program uses [DEFAULT], unless it says otherwise.
        (f"[DEFAULT]\nnumprocs=many\n{X}{Y}numprocs=1\n", 0, ["x"], []),
    ],
)
def test_whom_an_error_concerns(
    tmp_path: Path, text: str, everything: int, programs: list[str], groups: list[str]
) -> None:
    """The section that has the error tells: a program, a group, or the whole configuration."""
    config = configured(tmp_path, text)
    found = blame(config, config.errors)
    assert (len(found.everything), list(found.programs), list(found.groups)) == (
        everything,
        programs,
        groups,
    )
    assert found.files == {}


@pytest.mark.parametrize(
    ("text", "programs", "groups"),
    [
        (f"what\n{Y}", {"y"}, set()),
        (f"{Y}what\n[program:z", {"y", "z"}, set()),
        (f"{Y}[group:g]\nprograms=x\nwhat\n", {"y"}, {"g"}),
        (f"{Y}\xff".encode("latin-1"), {"y"}, set()),
        (None, set(), set()),
    ],
)
def test_file_with_an_error(
    tmp_path: Path, text: str | bytes | None, programs: set[str], groups: set[str]
) -> None:
    """An error in a file concerns what the file seems to have, even if it cannot be understood."""
    file = tmp_path / "conf.d" / "a"
    file.parent.mkdir()
    if text is None:
        file.symlink_to(tmp_path / "gone")
    else:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    config = configured(tmp_path, f"{X}[include]\nfiles=conf.d/*\n")
    found = blame(config, config.errors)
    if config.errors:  # a link to nowhere need not be an error
        assert list(found.files) == [str(file)]
    assert (found.everything, set(found.programs), set(found.groups)) == ([], programs, groups)


@pytest.mark.parametrize("section", ["[supervisord]", "[DEFAULT]", "[include]", "[supervisord"])
def test_file_that_speaks_for_all(tmp_path: Path, section: str) -> None:
    """An error in a file that may set options of all programs concerns everything."""
    config = configured(tmp_path, f"{X}[include]\nfiles=conf.d/*\n", a=f"what\n{section}\n")
    assert blame(config, config.errors).everything


def test_main_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that the user has named, and that cannot be read, concerns everything."""
    config = load([tmp_path / "nosuch"], ENVIRON)
    assert len(blame(config, config.errors).everything) == 1


def test_members_of_a_group(tmp_path: Path) -> None:
    """A group may concern its programs, those that it names, and the one with its own name."""
    config = configured(tmp_path, X + Y + BAD + "[group:g]\nprograms=x,bad,nosuch\n")
    assert set(members(config, "g")) == {"g", "x", "bad", "nosuch"}


@pytest.mark.parametrize(("name", "errors"), [("x", 1), ("y", 0), ("bad", 1), ("b\\x21", 1)])
def test_errors_of_one_program(tmp_path: Path, name: str, errors: int) -> None:
    """A program can be run if no error concerns it: its own, or its group's."""
    config = configured(tmp_path, X + Y + BAD + BAD.replace("bad", "b!") + GROUP)
    assert len(of_programs(config, blame(config, config.errors), {name})) == errors
