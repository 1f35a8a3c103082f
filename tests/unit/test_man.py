"""The manual pages agree with the tables of commands and options."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

MAN = Path(__file__).parents[2] / "pkg/man"


@pytest.fixture(scope="module")
def make() -> ModuleType:
    """The generator, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("make", MAN / "make.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["wctl.1", "wctl.conf.5"])
def test_page_is_up_to_date(make: ModuleType, page: str) -> None:
    """Each page in the tree is what make.py writes from today's commands and options."""
    assert (MAN / page).read_text() == make.pages()[page]


def test_every_command_and_option_is_described(make: ModuleType) -> None:
    """Every option of a program is in wctl.conf(5), every verb in wctl(1)."""
    from wctl.cli.app import wctl
    from wctl.config.options import OPTIONS

    pages = make.pages()
    names = [option.name for option in OPTIONS]
    assert [name for name in names if f".B {name}\n" not in pages["wctl.conf.5"]] == []
    verbs = wctl.list_commands(None)  # type: ignore[arg-type] # not used
    assert [verb for verb in verbs if f".SS {verb}" not in pages["wctl.1"]] == []
