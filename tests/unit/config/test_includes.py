"""includes: files, the files that they include, and the sections of all of them together."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.config.configured import CAT, ENVIRON, X, Y, Z, configured, findings, program, write
from wctl.config.load import load
from wctl.errors import Place


def test_here_is_the_directory_of_each_file(tmp_path: Path) -> None:
    """%(here)s is the directory of the file with the value, even if two files share a section."""
    here = "directory=%(here)s\n"
    config = configured(
        tmp_path,
        f"{X}{here}{Y}{here}[include]\nfiles=%(here)s/conf.d/*\n",
        a=f"[program:y]\n{here}[program:z]\n{CAT}stdout_logfile=%(here)s/l\n",
    )
    directories = [program(config, title).directory for title in "xy"]
    assert [directory and directory.text(0) for directory in directories] == [
        str(tmp_path),
        f"{tmp_path}/conf.d",
    ]
    log = program(config, "z").stdout_logfile
    assert log is not None and log.text(0) == f"{tmp_path}/conf.d/l"


@pytest.mark.parametrize(
    ("pattern", "numprocs"),
    [
        ("conf.d/*", 3),
        ("conf.d/[ab]", 2),
        ("conf.d/b conf.d/a", 1),
        ("conf.d/b\n  conf.d/a", 1),
        ("conf.d/../conf.d/a", 1),
        ("%(here)s/conf.d/%(ENV_NAME)s", 2),
    ],
)
def test_includes(tmp_path: Path, pattern: str, numprocs: int) -> None:
    """wctl reads patterns in their order, and each pattern's files sorted; the last value wins."""
    main = write(tmp_path, {
        "main": f"[include]\nfiles={pattern}\n{X}numprocs=9\n",
        **{f"conf.d/{name}": f"[program:x]\nnumprocs={n}\n" for name, n in zip("cab", (3, 1, 2))},
    })  # fmt: skip
    config = load([main], {"NAME": "b"})
    assert program(config, "x").numprocs == numprocs


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ("conf.d/*.none x", ["conf.d/*.none: no such file [include]", "x: no such file [include]"]),
        ("%(here)s%(x)s", None),
    ],
)
def test_includes_that_bring_nothing(
    tmp_path: Path, files: str, expected: list[str] | None
) -> None:
    """A pattern without a file is a warning; a pattern that cannot be expanded is an error."""
    found = findings(tmp_path, configured(tmp_path, f"{X}[include]\nfiles={files}\n"))
    prefix = "main:4: [include] files: "
    if expected is None:
        assert [finding[:49] for finding in found] == [f"{prefix}%(x)s is not known here,"]
    else:
        assert found == [f"{prefix}warning: {problem}" for problem in expected]


def test_include_without_files(tmp_path: Path) -> None:
    """An [include] section without files is an error."""
    assert findings(tmp_path, configured(tmp_path, f"{X}[include]\n")) == [
        "main:3: [include] files: missing, expected the names of the files to include [missing]"
    ]


def test_an_included_file_includes_nothing(tmp_path: Path) -> None:
    """An [include] in an included file is ignored, with a warning."""
    config = configured(tmp_path, "[include]\nfiles=conf.d/a\n", a=f"{X}[include]\nfiles=b\n", b=Y)
    assert [program.title for program in config.programs] == ["x"]
    assert findings(tmp_path, config) == [
        "conf.d/a:4: [include] files: warning: ignored: an included file cannot include"
        " other files [include]"
    ]


def test_a_file_may_include_itself(tmp_path: Path) -> None:
    """A file whose pattern matches the file itself, such as files=*, is no error."""
    assert program(configured(tmp_path, f"[include]\nfiles=m*\n{X}"), "x").title == "x"


def test_a_file_that_is_read_twice_is_reported_once(tmp_path: Path) -> None:
    """wctl reports a mistake once, even if two patterns, or the file's own pattern, match it."""
    config = configured(
        tmp_path,
        f"[include]\nfiles=m* conf.d/a conf.d/*\n{X}key\n",
        a=f"{Y}priority=1\npriority=2\n",
    )
    assert [
        (Path(diagnostic.place.file).name, diagnostic.place.line, diagnostic.code)
        for diagnostic in config.diagnostics
    ] == [
        ("a", 4, "repeated-key"),
        ("main", 5, "syntax"),
    ]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """As in Supervisor, an included file that cannot be read is skipped; a warning names it.

    A file that the user names is an error. wctl reads the others in both cases.
    """
    main = write(
        tmp_path, {"main": f"[include]\nfiles=conf.d/*\n{X}", "conf.d/c": Y, "conf.d/d/e": Z}
    )
    (tmp_path / "conf.d/a").symlink_to("nonesuch")
    (tmp_path / "conf.d/b").symlink_to("b")
    config = load([tmp_path / "none", main], ENVIRON)
    why = "skipped, as in Supervisor"
    assert findings(tmp_path, config) == [
        f"main:2: [include] files: warning: conf.d/a: {why}: No such file or directory [include]",
        f"main:2: [include] files: warning: conf.d/b: {why}: Too many levels of symbolic links"
        " [include]",
        f"main:2: [include] files: warning: conf.d/d: {why}: not a regular file [include]",
        "none: cannot read this configuration file: No such file or directory [unreadable]",
    ]
    assert [program.title for program in config.programs] == ["x", "y"]
    # Their programs may be missing by mistake, unlike those of a directory such as conf.d/disabled.
    assert config.skipped == tuple(str(tmp_path / "conf.d" / name) for name in "ab")
    assert config.lacks.startswith(f"cannot read {tmp_path}/conf.d/a, ")


def test_a_directory_in_the_place_of_a_file(tmp_path: Path) -> None:
    """A directory whose name is that of a file may stand for a file that was not mounted."""
    main = write(tmp_path, {"main": f"[include]\nfiles=conf.d/*.conf\n{X}", "conf.d/d.conf/e": Z})
    config = load([main], ENVIRON)
    assert config.skipped == (str(tmp_path / "conf.d/d.conf"),)
    assert not config.errors


def test_sections_of_all_files_are_one(tmp_path: Path) -> None:
    """Sections of one name in several files are merged; the first one is the program's place."""
    files = {
        "main": X,
        "b": "\n[program:x]\nnumprocs=2\nstartsecs=3\n",
        "c": "[program:x]\nstartsecs=4\n",
    }
    write(tmp_path, files)
    config = load([tmp_path / name for name in files], ENVIRON)
    found = program(config, "x")
    assert (found.numprocs, found.startsecs, found.place) == (2, 4, Place(f"{tmp_path}/main", 1))
    assert found.place_of("numprocs") == Place(f"{tmp_path}/b", 3)
