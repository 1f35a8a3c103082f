"""env_file: wctl reads and writes EnvironmentFile= as systemd does."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from unit.systemd.env_vectors import VECTORS, Variables, expected, hostile
from wctl.systemd import env_file
from wctl.systemd.env_file import environment_file


@pytest.mark.parametrize("systemd", [252, 257])
@pytest.mark.parametrize("file", VECTORS)
def test_the_variables_are_those_of_systemd(file: bytes, systemd: int) -> None:
    """Quotes, escapes, comments and ends of lines mean what they mean to systemd."""
    text = file.decode(errors="surrogateescape")
    found: Variables
    try:
        found = env_file.parse(text, systemd)
    except env_file.InvalidError:
        found = None
    assert found == expected(file, systemd)


@pytest.mark.parametrize("systemd", [252, 257])
def test_what_we_write_comes_back(systemd: int) -> None:
    """wctl reads back what it has written for systemd, whatever the values hold."""
    for seed in range(1000):
        values = hostile(seed)
        assert env_file.parse(environment_file(values.items()), systemd) == values


@pytest.mark.parametrize(
    ("pattern", "result"),
    [
        ("*.env", {"A": "b", "B": "1", "C": "1"}),
        ("[ab].env", {"A": "b", "B": "1"}),
        ("a.env", {"A": "a", "B": "1"}),
        ("x*.env", FileNotFoundError),
        ("d", OSError),
        ("*.bad", env_file.InvalidError),
    ],
)
def test_files(tmp_path: Path, pattern: str, result: dict[str, str] | type[Exception]) -> None:
    """A pattern names files, of which later ones win; an optional file that is none is left out."""
    (tmp_path / "d").mkdir()
    texts = {"a.env": "A=a\nB=1\n", "b.env": "A=b\n", "c.env": "C=1\n", ".d.env": "A=d\n"}
    for name, text in (texts | {"1.bad": "#\nA=\0\n", "2.bad": "Z=1\n"}).items():
        (tmp_path / name).write_text(text)
    path = f"{env_file.pattern(str(tmp_path))}/{pattern}"
    if isinstance(result, dict):
        assert env_file.read(path, 257) == result
        return
    with pytest.raises(result) as caught:
        env_file.read(path, 257)
    if pattern == "*.bad":
        problem = "has a NUL character; systemd does not read such a file"
        assert str(caught.value) == f"{tmp_path}/1.bad:2: {problem}"
    left = {"Z": "1"} if pattern == "*.bad" else {}
    assert env_file.read(path, 257, optional=True) == left


@pytest.mark.parametrize(
    "piece", ["\n", "A=\n", "A='' ", "A=\\", 'A="\\a', "''", "\\\n", "= ", "=\\'"]
)
def test_hostile_files_take_no_time(piece: str) -> None:
    """A file of megabytes, of which another user wrote each byte, is read in a moment."""
    for begin in ("", 'A="'):
        variables = env_file.parse(begin + piece * ((2 << 20) // len(piece)))
        assert set(variables) <= {"A"}


def test_quotes_take_no_memory() -> None:
    """What stands in quotes costs a few times its length, however many escapes it has."""
    text = 'A="' + "\\a" * (1 << 16) + '"'
    tracemalloc.start()
    assert env_file.parse(text) == {"A": "\\a" * (1 << 16)}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * len(text)
