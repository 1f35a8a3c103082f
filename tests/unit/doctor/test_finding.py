"""finding: what is shown of a finding, and the commands that it names."""

from __future__ import annotations

import pytest

from wctl.doctor.finding import Commands, Finding, few, printable
from wctl.errors import Place


def test_lines_are_shown_without_what_a_terminal_obeys() -> None:
    """Colours, cursor movements, bells, titles and broken characters never reach the screen."""
    line = "a\x1b[31mb\x1b[0m\x1b]0;title\x07c\x07d\te\udcffé"
    assert printable(line) == "abc d e é"
    assert few(["x" * 10_000]) == ("x" * 300 + "…",)
    assert few(["a", "a", " ", "b"]) == ("a", "b")


def test_commands_are_typed_for_what_was_examined() -> None:
    """An update of another configuration would remove everything, so that -c is part of it."""
    commands = Commands(user=True, files=("my own.conf",))
    assert commands.update() == "wctl --user -c 'my own.conf' update"
    assert (
        commands.systemctl("enable", r"a\x2bb.target") == r"systemctl --user enable 'a\x2bb.target'"
    )
    assert Commands().edit(Place("a b", 3)) == "${EDITOR:-vi} +3 'a b' && wctl update"


@pytest.mark.parametrize(
    ("instances", "subject"),
    [((), "x"), (("x@01",), "x@01"), (("x@00", "x@01"), "x (2 instances)")],
)
def test_subject(instances: tuple[str, ...], subject: str) -> None:
    """A finding names the one instance, or how many."""
    assert Finding("fatal", "x", "what", (), "true", instances).subject == subject
