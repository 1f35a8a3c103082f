"""The manual pages agree with the tables of commands and options."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from wctl.config.load import load
from wctl.config.options import FCGI_OPTIONS, OPTION, OPTIONS

MAN = Path(__file__).parents[2] / "pkg/man"


@pytest.fixture(scope="module")
def make() -> ModuleType:
    """The generator, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("make", MAN / "make.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["wctl.1", "wctl.conf.5", "wctl-cookbook.7"])
def test_page_is_up_to_date(make: ModuleType, page: str) -> None:
    """Each page in the tree is what make.py writes from today's commands and options."""
    assert (MAN / page).read_text() == make.pages()[page]


def test_every_command_and_option_is_described(make: ModuleType) -> None:
    """Every option of a program is in wctl.conf(5), every verb in wctl(1)."""
    from wctl.cli.app import wctl

    pages = make.pages()
    names = [option.name for option in OPTIONS]
    assert [name for name in names if f".B {name}\n" not in pages["wctl.conf.5"]] == []
    verbs = wctl.list_commands(None)  # type: ignore[arg-type] # not used
    assert [verb for verb in verbs if f".SS {verb}" not in pages["wctl.1"]] == []


def test_every_option_has_an_example(make: ModuleType, tmp_path: Path) -> None:
    """Each example is right by itself, and has a value that is not the default."""
    examples = dict(make.EXAMPLES)
    effective = {option.name for option in (*OPTIONS, *FCGI_OPTIONS) if not option.instead}
    assert examples.keys() == effective
    of_fastcgi = {option.name for option in FCGI_OPTIONS}
    base = {name: examples[name] for name in ("command", "numprocs", "process_name")}
    for name, value in examples.items():
        fastcgi = name in of_fastcgi
        lines = {**base, **({"socket": examples["socket"]} if fastcgi else {}), name: value}
        file = tmp_path / "x.conf"
        kind = "fcgi-program" if fastcgi else "program"
        text = "".join(f"{key} = {line}\n" for key, line in lines.items())
        file.write_text(f"[{kind}:mailer]\n{text}[program:other]\ncommand = true\n")
        config = load([file], {})
        assert [str(each) for each in config.errors] == [], name
        assert value != str(OPTION[name].default), name
