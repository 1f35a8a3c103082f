"""Words of a command that only a shell would understand; wctl, as Supervisor, runs none."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wctl.check.codes import Check, Problem
from wctl.config import calls
from wctl.config.model import Program

_OPERATORS = frozenset({"|", "||", "&&", "&", ";"})
_REDIRECTION = re.compile(r"[0-9&]?(?:>>?|<)(?:&[0-9]|[\w./-]*)", re.ASCII)
_BUILTINS = frozenset({"cd", "exec", "export", "set", "source", ".", "ulimit", "umask", "unset"})
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.ASCII | re.DOTALL)
# The part of a word that a shell would replace.
_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)[^}]*\}|\([^)]*\)?)", re.ASCII)
_OTHER = re.compile(r"`[^`]+`|^~(?:/.*)?$|(?<==)~/.*$", re.ASCII)
_GLOB = re.compile(r"(?!\*/[0-9])(?:[\w.~+*-]*/)+[\w.+-]*\*[\w.*+-]*|\*\.\w+", re.ASCII)
_CODE = re.compile(r"(?=.*\s).*[(){};]", re.DOTALL)  # quoted code of any language
# Programs whose arguments are code or patterns, which may have any of this.
_OF_CODE = frozenset(
    {
        "awk", "gawk", "mawk", "sed", "jq", "yq", "perl", "expect", "envsubst", "mongo", "mongosh",
        "mysql", "psql", "sqlite3", "redis-cli", "lua", "bc", "xargs", "find", "grep", "egrep",
        "rsync", "tar", "watch", "inotifywait", "watchexec", "nodemon", "watchmedo", "fswatch",
    }
)  # fmt: skip

# Programs that themselves look for the files of a pattern: java for its class path.
_OF_PATTERNS = frozenset(
    {
        "java", "logstash", "filebeat", "metricbeat", "vector", "promtail", "fluentd", "fluent-bit",
        "multitail", "goaccess", "ansible-playbook", "prettier", "mocha", "jest", "sass", "tsc",
    }
)  # fmt: skip


def _shell_syntax(program: Program) -> Iterator[Problem]:
    words = tuple(word.marked() for word in program.command)
    found = calls.of(words)
    if any(
        call.in_shell
        or calls.base(call.interpreter[0] if call.interpreter else call.words[0]) in calls.SHELLS
        for call in found
    ):
        return
    call = found[-1] if found else None
    if call is None:
        return
    code = call.name in _OF_CODE or calls.runs_code(call)
    patterns = call.name in _OF_PATTERNS
    problem = next(_problems(words, code=code, patterns=patterns), None)
    if problem is not None:
        yield Problem("shell-syntax", "command", problem)


def _problems(words: tuple[str, ...], *, code: bool, patterns: bool) -> Iterator[str]:
    if words[0] in _BUILTINS and len(words) > 1:
        yield f"{words[0]} is a command of shells, and no shell reads this; write sh -c '...'"
    if _ASSIGNMENT.fullmatch(words[0]):
        name = words[0].partition("=")[0]
        yield f"{name}= is no command, and no shell reads this; move the variable to environment"
    for word in words[1:]:
        if word in _OPERATORS or _REDIRECTION.fullmatch(word):
            yield _unchanged(word, "write sh -c '...' for a shell")
    for word in words:
        if code or _CODE.match(word):
            continue
        for piece in _VARIABLE.finditer(word):
            name = piece[1] or piece[2]
            instead = f"write %(ENV_{name})s for the variable, or " if name else "write "
            yield _unchanged(piece[0], f"{instead}sh -c '...' for a shell")
        for piece in _OTHER.finditer(word):
            yield _unchanged(piece[0], "write the whole path, or sh -c '...' for a shell")
        if not patterns and _GLOB.fullmatch(word):
            yield _unchanged(word, "name the files, or write sh -c '...' for a shell")


def _unchanged(text: str, remedy: str) -> str:
    return f"the command gets {text!r} unchanged, since no shell reads it; {remedy}"


CHECKS: tuple[Check, ...] = (_shell_syntax,)
