"""words: every verb has a help, and every help a verb."""

from __future__ import annotations

import pytest

from unit.api.workers import Workers
from wctl.api.ctl import controller
from wctl.api.ctl.words import HELP

# Supervisor's verbs, as "supervisorctl help" of version 4.3.0 lists them; and help itself.
VERBS = [
    "add", "exit", "open", "reload", "restart", "start", "tail",
    "avail", "fg", "pid", "remove", "shutdown", "status", "update",
    "clear", "maintail", "quit", "reread", "signal", "stop", "version",
    "help",
]  # fmt: skip


def test_verbs_are_supervisors() -> None:
    """No verb lacks a help, no help lacks a verb, and there is no verb that Supervisor lacks."""
    assert sorted(HELP) == sorted(VERBS)
    assert {*controller._VERBS, "exit", "quit", "help"} == set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb(workers: Workers, verb: str) -> None:
    """Each line of it begins with the verb, and its columns do not touch."""
    code, shown = workers.run(f"help {verb}")
    lines = shown.splitlines()
    assert code == 0 and lines
    assert all(line.split()[0] == verb and "  " in line for line in lines)
    assert len({len(line) - len(line.partition("  ")[2].lstrip()) for line in lines}) == 1
    assert max(map(len, lines)) <= 100


def test_help_lists_all_verbs(workers: Workers) -> None:
    """Every verb stands there once."""
    code, shown = workers.run("help")
    _, rule, *rows = shown.strip().splitlines()
    assert (code, set(rule)) == (0, {"="})
    assert sorted(" ".join(rows).split()) == sorted(VERBS)
    assert workers.run("?") == (code, shown)


@pytest.mark.parametrize("word", ["nosuch", "EOF", "status stop"])
def test_no_help(workers: Workers, word: str) -> None:
    """Supervisor's words, and no error."""
    assert workers.run(f"help {word}") == (0, f"*** No help on {word}\n")
