"""Whatever a configuration holds, wctl reports findings or renders sound units."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz import target
from wctl.config.options import OPTIONS

# derandomize: Hypothesis derives the seed from the source of a test function. Another word in its
# docstring, or another name of a local variable, makes other examples.
FAST = settings(
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
line = st.one_of(
    st.sampled_from([token.decode(errors="replace").strip() for token in target.TOKENS]),
    st.text(max_size=30),
)


@settings(FAST, max_examples=300)
@given(data=st.binary(max_size=200))
def test_bytes(tmp_path: Path, data: bytes) -> None:
    """Bytes that are no configuration at all are told from one."""
    target.run(data, tmp_path / "x.conf")


@settings(FAST, max_examples=300)
@given(lines=st.lists(line, max_size=20))
def test_lines(tmp_path: Path, lines: list[str]) -> None:
    """Lines that look like a configuration."""
    text = "\n".join(["[program:x]", "command=/bin/cat", *lines])
    target.run(text.encode(errors="replace"), tmp_path / "x.conf")


@settings(FAST, max_examples=300)
@given(value=st.text(max_size=60), name=st.sampled_from([option.name for option in OPTIONS]))
def test_values(tmp_path: Path, value: str, name: str) -> None:
    """Any value of any option."""
    lines = "".join(f"\n  {each}" for each in value.split("\n"))
    text = f"[program:x]\ncommand=/bin/cat\n{name} = {lines.lstrip()}\n"
    target.run(text.encode(errors="replace"), tmp_path / "x.conf")


@settings(FAST, max_examples=200)
@given(name=st.text(max_size=300))
def test_names(tmp_path: Path, name: str) -> None:
    """Any name of a program and of a group."""
    text = f"[program:{name}]\ncommand=/bin/cat\n[group:g{name}]\nprograms={name}\n"
    target.run(text.encode(errors="replace"), tmp_path / "x.conf")


def test_mutations(tmp_path: Path) -> None:
    """Good configurations with random changes cause no traceback and no broken unit."""
    chance = random.Random(6)
    for _ in range(1500):
        target.run(target.mutated(chance), tmp_path / "x.conf")


@pytest.mark.full
def test_many_mutations(tmp_path: Path) -> None:
    """The same for many more changes, new ones in every run; tests/fuzz/run does this for days."""
    chance = random.Random()
    for _ in range(100_000):
        target.run(target.mutated(chance), tmp_path / "x.conf")
