"""wrapped: the wrapper's options, as they were before they were written into a unit."""

from __future__ import annotations

import re

import pytest

from wctl.operate import wrapped
from wctl.systemd.unit_file import Section

PYTHON = ["/usr/bin/python3", "-I", "-S", "/usr/lib/python3/dist-packages/wctl/worker.py"]


def loaded(*arguments: str) -> list[object]:
    """Returns ExecStart= of a unit with these arguments, as systemd has it in memory."""
    section = Section("Service")
    section.command("ExecStart", [[word] for word in (*PYTHON, *arguments)])
    # No argument here has a blank or a quote, so each quoted word is the word itself.
    words = re.sub(r"[\"\\\n]", "", section.lines[0].partition("=")[2]).split()
    return [(words[0], words, False)]


@pytest.mark.parametrize("text", ["/srv/lo$g/t.log", "$HOME", "$$", "${X}/$$$", "a"])
def test_a_dollar_is_one_dollar(text: str) -> None:
    """Paths and the command have the $ that the configuration has."""
    options = wrapped.options(loaded(f"--stdout-file={text}", "x@00.service", "--", "echo", text))
    assert options is not None
    assert (options.stdout_file, options.command) == (text, ["echo", text])


def test_another_command() -> None:
    """A command of a drop-in has no options of ours."""
    assert wrapped.options([("/bin/true", ["/bin/true", "--stdout-file=x"], False)]) is None
    assert wrapped.options(loaded("--nonsense")) is None
